// Saving the machine and bringing it back: in memory, in a file, on the volume.
import { signal } from "@preact/signals";
import { endLeft } from "./left_sessions";
import { SAVED_BYTES_MAX } from "../machine/saved_format";
import type { Who } from "../machine/trust";
import type { SavedSummary } from "../worker/protocol";
import { boot, isRunning, postgres, remote, tellWorker } from "./machine";
import { fail, megabytes, notify } from "./notices";
import { forgetPsql } from "./postgres";
import { session } from "./session";
import { screens } from "./screens";

export const inMemory = signal<{ bytes: Uint8Array<ArrayBuffer>; savedAt: number } | null>(null);
export const isSaving = signal(false);

const volume = (): string => session.value?.volume ?? "";
const who = (): Who => ({ uid: session.value?.uid ?? 0, gid: session.value?.gid ?? 0 });
export const when = (ms: number): string =>
  new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

async function busy(what: string, work: () => Promise<void>, onFailure?: () => void) {
  isSaving.value = true;
  try {
    await work();
  } catch (error) {
    fail(what)(error);
    onFailure?.();
  } finally {
    isSaving.value = false;
  }
}

/** The terminals of another time are not those of the machine. */
function clear(): void {
  for (const screen of screens) screen.reset();
}

/** So that something is seen: shells print their prompt anew. */
function awaken(): void {
  for (const [index] of screens.entries()) {
    tellWorker("type", index, Uint8Array.of(12)); // Ctrl-L
  }
}

const offerBoot = () => {
  if (isRunning.value) return;
  notify("info", "The machine can be booted anew: everything on the volume is there.", {
    label: "Boot anew",
    run: () => void boot(true),
  });
};

async function bringBack(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await endLeft(); // its own of then has its locks
  await onBack(await remote.call("restore", bytes, volume()));
}

async function onBack(summary: SavedSummary): Promise<void> {
  clear();
  awaken();
  forgetPsql();
  notify("info", `The machine of ${when(summary.savedAt)} is back.`);
  const answer = await remote.call("run", "pg status", "user").catch(() => null);
  postgres.value = answer?.output?.trim() === "running" ? "running" : "unknown";
}

export const saveToMemory = () =>
  busy("The machine cannot be saved", async () => {
    const bytes = await remote.call("save", volume());
    inMemory.value = { bytes, savedAt: Date.now() };
    notify("info", `The machine is kept in this tab (${megabytes(bytes.length)}).`);
  });

export const restoreFromMemory = () =>
  busy(
    "The machine cannot be brought back",
    async () => {
      if (inMemory.value) await bringBack(inMemory.value.bytes);
    },
    offerBoot,
  );

export const saveToFile = () =>
  busy("The machine cannot be saved", async () => {
    const bytes = await remote.call("save", volume());
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    link.download = `cairn-machine-${stamp}.vmstate`;
    link.click();
    setTimeout(() => {
      URL.revokeObjectURL(link.href);
    }, 60_000);
    const size = megabytes(bytes.length);
    notify("info", `The browser has been given ${link.download} (${size}) to save.`);
  });

export const restoreFromFile = (file: File) =>
  busy(
    "The machine cannot be brought back",
    async () => {
      if (file.size > SAVED_BYTES_MAX) throw new Error("This file is not a saved machine.");
      await bringBack(new Uint8Array(await file.arrayBuffer()));
    },
    offerBoot,
  );

export const saveToVolume = () =>
  busy("The machine cannot be saved on the volume", async () => {
    const summary = await remote.call("saveToVolume", volume(), who());
    notify("info", `The machine is saved on the volume (${megabytes(summary.bytes)}).`);
  });

export const restoreFromVolume = () =>
  busy(
    "The machine cannot be brought back",
    async () => {
      await endLeft();
      await onBack(await remote.call("restoreFromVolume", volume(), who()));
    },
    offerBoot,
  );

/** Tells of a machine that was saved on the volume, once, if there is one. */
export async function offerSaved(): Promise<void> {
  const found = await remote.call("findOnVolume", volume(), who()).catch(() => null);
  if (!found) return;
  notify("info", `A machine was saved on the volume on ${when(found.savedAt)}.`, {
    label: "Bring it back",
    run: () => void restoreFromVolume(),
  });
}
