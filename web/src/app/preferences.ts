// What the user has chosen, kept in the browser.
import { effect, signal, type Signal } from "@preact/signals";
import type { CacheMode } from "../machine/host";
import { MEMORY_SIZES_MIB } from "../machine/manifest";

export type Theme = "system" | "light" | "dark";
export const FONT_SIZES = { min: 8, max: 32, normal: 14 };

const PREFIX = "cairn.";

function kept<Value>(
  name: string,
  otherwise: Value,
  isGood: (value: unknown) => boolean,
): Signal<Value> {
  let start = otherwise;
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    if (isGood(found)) start = found as Value;
  } catch {
    // What cannot be read is as if it had never been chosen.
  }
  const value = signal(start);
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      if (value.value === otherwise) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, text);
    } catch {
      // A browser that keeps nothing.
    }
  });
  return value;
}

const oneOf = (values: readonly unknown[]) => (value: unknown) => values.includes(value);

export const theme = kept<Theme>("theme", "system", oneOf(["system", "light", "dark"]));
export const fontSize = kept(
  "fontSize",
  FONT_SIZES.normal,
  (size) => Number(size) >= FONT_SIZES.min && Number(size) <= FONT_SIZES.max,
);
/** 0: that of the prepared state. */
export const memoryMib = kept("memoryMib", 0, oneOf(MEMORY_SIZES_MIB));
export const cacheMode = kept<CacheMode>("cache", "mmap", oneOf(["mmap", "none", "loose"]));
export const screenReader = kept("screenReader", false, oneOf([true, false]));

const dark = window.matchMedia("(prefers-color-scheme: dark)");
export const isDark = signal(dark.matches);
function follow(): void {
  isDark.value = theme.value === "system" ? dark.matches : theme.value === "dark";
}
dark.addEventListener("change", follow);
effect(() => {
  follow();
  document.documentElement.dataset["theme"] = isDark.value ? "dark" : "light";
});

export function changeFontSize(by: number): void {
  const size = fontSize.value + by;
  fontSize.value = Math.min(Math.max(size, FONT_SIZES.min), FONT_SIZES.max);
}
