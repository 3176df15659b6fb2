import { useRef } from "preact/hooks";
import { isRunning, phase } from "../app/machine";
import {
  inMemory,
  isSaving,
  restoreFromFile,
  restoreFromMemory,
  restoreFromVolume,
  saveToFile,
  saveToMemory,
  saveToVolume,
  when,
} from "../app/saving";
import { currentScreen } from "../app/screens";
import { Dialog } from "./dialog";

export function SavingDialog({ onClose }: { onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const canSave = isRunning.value && !isSaving.value;
  const canRestore = !isSaving.value && ["running", "off", "failed"].includes(phase.value);
  const then = (work: () => Promise<void>) => (event: Event) => {
    if (event.currentTarget instanceof Element) event.currentTarget.closest("dialog")?.close();
    currentScreen().terminal.focus();
    void work();
  };
  return (
    <Dialog title="Save & restore" onClose={onClose}>
      <p>
        A saved machine is its memory with all running programs, and which files they have open. It
        can be brought back while nobody else has changed those files.
      </p>
      <h3>In this tab</h3>
      <p>{inMemory.value ? `Kept since ${when(inMemory.value.savedAt)}.` : "Nothing is kept."}</p>
      <div class="row">
        <button type="button" disabled={!canSave} onClick={then(saveToMemory)}>
          Keep
        </button>
        <button
          type="button"
          disabled={!canRestore || !inMemory.value}
          onClick={then(restoreFromMemory)}
        >
          Bring back
        </button>
      </div>
      <h3>In a file</h3>
      <p>The file holds the machine&rsquo;s memory, and the right to its open files: keep it safe, and bring back none of
        somebody else&rsquo;s.</p>
      <div class="row">
        <button type="button" disabled={!canSave} onClick={then(saveToFile)}>
          Save to a file
        </button>
        <button type="button" disabled={!canRestore} onClick={() => input.current?.click()}>
          Bring back from a file
        </button>
        <input
          ref={input}
          type="file"
          class="hidden"
          tabIndex={-1}
          aria-label="File with a saved machine"
          accept=".vmstate"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) then(() => restoreFromFile(file))(event);
          }}
        />
      </div>
      <h3>On the volume</h3>
      <p>
        As <code>/.cairn/machine-state</code>; it is offered at the next visit.
      </p>
      <div class="row">
        <button type="button" disabled={!canSave} onClick={then(saveToVolume)}>
          Save on the volume
        </button>
        <button type="button" disabled={!canRestore} onClick={then(restoreFromVolume)}>
          Bring back from the volume
        </button>
      </div>
    </Dialog>
  );
}
