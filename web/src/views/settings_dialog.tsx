import type { CacheMode } from "../machine/host";
import { MEMORY_SIZES_MIB } from "../machine/manifest";
import {
  cacheMode,
  fontSize,
  FONT_SIZES,
  memoryMib,
  screenReader,
  theme,
  type Theme,
} from "../app/preferences";
import { Dialog } from "./dialog";

const THEMES: Record<Theme, string> = {
  system: "As the system has it",
  light: "Light",
  dark: "Dark",
};
const CACHES: Record<CacheMode, string> = {
  mmap: "Seen at once (mmap)",
  none: "Seen at once, without shared mappings (none)",
  loose: "Fast, but changes of others are seen late (loose)",
};

function Choice<Key extends string>(props: {
  label: string;
  value: Key;
  options: Record<Key, string>;
  help?: string;
  onChange: (value: Key) => void;
}) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select
        value={props.value}
        onChange={(event) => {
          props.onChange(event.currentTarget.value as Key);
        }}
      >
        {Object.entries<string>(props.options).map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
      {props.help && <small>{props.help}</small>}
    </label>
  );
}

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const memory: Record<string, string> = { "0": "As prepared (128 MB)" };
  for (const size of MEMORY_SIZES_MIB) memory[String(size)] = `${String(size)} MB`;
  return (
    <Dialog title="Settings" onClose={onClose}>
      <Choice
        label="Colours"
        value={theme.value}
        options={THEMES}
        onChange={(value) => (theme.value = value)}
      />
      <label class="field">
        <span>Font size</span>
        <input
          type="number"
          min={FONT_SIZES.min}
          max={FONT_SIZES.max}
          value={fontSize.value}
          onChange={(event) => {
            const size = event.currentTarget.valueAsNumber;
            if (size >= FONT_SIZES.min && size <= FONT_SIZES.max) fontSize.value = size;
          }}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={screenReader.value}
          onChange={(event) => (screenReader.value = event.currentTarget.checked)}
        />
        <span>A screen reader reads the terminals</span>
      </label>
      <Choice
        label="Memory of the machine"
        value={String(memoryMib.value)}
        options={memory}
        help="From the next start on. Other sizes than the prepared one boot for some seconds."
        onChange={(value) => (memoryMib.value = Number(value))}
      />
      <Choice
        label="What others change on the volume"
        value={cacheMode.value}
        options={CACHES}
        help="From the next start on."
        onChange={(value) => (cacheMode.value = value)}
      />
    </Dialog>
  );
}
