// The machine's terminals, and what is done with the machine.
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { boot, isBusy, isRunning, kill, phase, stop } from "../app/machine";
import { copySelection, pasteClipboard } from "../app/keyboard";
import { changeFontSize } from "../app/preferences";
import { current, currentScreen, screens } from "../app/screens";
import { LoadingPanel, OffPanel } from "./machine_panels";
import { PostgresButton } from "./postgres_button";
import { SavingDialog } from "./saving_dialog";
import { SettingsDialog } from "./settings_dialog";

const TAB_KEYS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1 };
export const dialog = signal<"" | "saving" | "settings">("");

let isArrowing = false; // with the keyboard, from tab to tab

function Tabs() {
  const onKeyDown = (event: KeyboardEvent) => {
    const step = TAB_KEYS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    isArrowing = true;
    current.value = (current.value + step + screens.length) % screens.length;
    document.getElementById(`tab-${String(current.value)}`)?.focus();
  };
  return (
    <div role="tablist" aria-label="Terminals" class="tabs" onKeyDown={onKeyDown}>
      {screens.map((screen, index) => (
        <button
          key={index}
          id={`tab-${String(index)}`}
          role="tab"
          type="button"
          aria-selected={current.value === index}
          aria-controls={`panel-${String(index)}`}
          tabIndex={current.value === index ? 0 : -1}
          onClick={() => {
            current.value = index;
            screen.terminal.focus();
          }}
        >
          Terminal {index + 1}
          {screen.hasNews.value && current.value !== index && (
            <span class="news">
              <span class="hidden">, has new output</span>
            </span>
          )}
        </button>
      ))}
    </div>
  );
}

function Tools() {
  const running = isRunning.value;
  return (
    <div id="tools" role="toolbar" aria-label="Machine" class="tools">
      <PostgresButton />
      {running || phase.value === "stopping" ? (
        <>
          <button type="button" onClick={() => { stop(true); }} disabled={!running}>
            Restart
          </button>
          {running ? (
            <button type="button" onClick={() => { stop(false); }}>
              Stop
            </button>
          ) : (
            <button type="button" class="danger" onClick={() => { kill(false); }}>
              Switch off at once
            </button>
          )}
        </>
      ) : (
        <button type="button" onClick={() => void boot()} disabled={isBusy.value}>
          Start
        </button>
      )}
      <button type="button" aria-haspopup="dialog" onClick={() => (dialog.value = "saving")}>
        Save &amp; restore
      </button>
      <span class="group">
        <button type="button" onClick={() => void copySelection()}>
          Copy
        </button>
        <button type="button" onClick={() => void pasteClipboard()} disabled={!running}>
          Paste
        </button>
      </span>
      <span class="group" role="group" aria-label="Font size">
        <button type="button" aria-label="A−, smaller font" onClick={() => { changeFontSize(-1); }}>
          A−
        </button>
        <button type="button" aria-label="A+, larger font" onClick={() => { changeFontSize(1); }}>
          A+
        </button>
      </span>
      <button type="button" aria-haspopup="dialog" onClick={() => (dialog.value = "settings")}>
        Settings
      </button>
    </div>
  );
}

function ScreenPanel({ index }: { index: number }) {
  const place = useRef<HTMLDivElement>(null);
  const screen = screens[index];
  const isShown = current.value === index;
  // At once: who is fast with the arrows has pressed the next one before the page is painted.
  useLayoutEffect(() => {
    if (!screen || !place.current || !isShown) return;
    screen.show(place.current);
    if (!isArrowing) screen.terminal.focus();
    isArrowing = false;
    const observer = new ResizeObserver(() => {
      screen.fit();
    });
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      screen.hide();
    };
  }, [screen, isShown]);
  return (
    <div
      id={`panel-${String(index)}`}
      role="tabpanel"
      aria-labelledby={`tab-${String(index)}`}
      class="screen"
      hidden={!isShown}
    >
      <div class="fit" ref={place} />
    </div>
  );
}

export function TerminalView() {
  const running = isRunning.value;
  // At once: what is typed into a machine that is told to run goes to it.
  useLayoutEffect(() => {
    // The button that started it is gone.
    if (running && document.activeElement === document.body) currentScreen().terminal.focus();
  }, [running]);
  return (
    <section class="terminal-view" aria-label="Terminal">
      <div class="bar">
        <Tabs />
        <Tools />
      </div>
      <p class="hidden">
        In a terminal, F6 leads to the tools and Shift+F6 to the navigation.
      </p>
      <div class="screens">
        {screens.map((_, index) => (
          <ScreenPanel key={index} index={index} />
        ))}
        <LoadingPanel />
        <OffPanel />
      </div>
      {dialog.value === "saving" && <SavingDialog onClose={() => (dialog.value = "")} />}
      {dialog.value === "settings" && <SettingsDialog onClose={() => (dialog.value = "")} />}
    </section>
  );
}
