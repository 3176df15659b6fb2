// What takes longest, begun before the rest of the page is loaded: the worker with the machine, and
// the question who one is.
import type { Call } from "./worker/protocol";

performance.mark("page-start");

export const parameters = new URLSearchParams(location.search);
export const MEMORY_KEY = "cairn.memoryMib";

export const worker = new Worker(new URL("./worker/machine.worker.ts", import.meta.url), {
  type: "module",
  name: "machine",
});

function hasChosenMemory(): boolean {
  try {
    return localStorage.getItem(MEMORY_KEY) !== null;
  } catch {
    return false;
  }
}

if (parameters.get("boot") !== "true" && !hasChosenMemory()) {
  worker.postMessage({ id: 0, method: "prepare", values: [] } satisfies Call);
}

export const firstSession: Promise<Response> = fetch("/api/session");
firstSession.catch(() => {}); // whoever awaits it is told
