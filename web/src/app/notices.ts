// Sentences for the user: what went wrong, and what was done.
import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  kind: "error" | "info";
  text: string;
  action?: { label: string; run(): void };
}

export const notices = signal<readonly Notice[]>([]);
/** What a screen reader says: short, and only what has changed. */
export const spoken = signal("");

let nextId = 1;
const INFO_MS = 8000;
const NOTICES_MAX = 6;
const TEXT_MAX = 600; // some of it is the guest's, or the server's

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function notify(kind: Notice["kind"], words: string, action?: Notice["action"]): void {
  const id = nextId++;
  const text = words.length > TEXT_MAX ? `${words.slice(0, TEXT_MAX)}…` : words;
  const others = notices.value.filter((notice) => notice.text !== text).slice(1 - NOTICES_MAX);
  notices.value = [...others, { id, kind, text, ...(action && { action }) }];
  if (kind === "info" && !action) {
    setTimeout(() => {
      dismiss(id);
    }, INFO_MS);
  }
}

export function fail(what: string): (error: unknown) => void {
  return (error) => {
    const why = error instanceof Error ? error.message : String(error);
    notify("error", what ? `${what}: ${why}` : why);
  };
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
