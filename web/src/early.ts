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

/** The first thing that went wrong in it, also before the page listens. */
export const workerError = new Promise<ErrorEvent>((resolve) => {
  worker.onerror = resolve;
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

const ANSWER_MS = 15_000;
export const askForSession = (): Promise<Response> =>
  fetch("/api/session", { signal: AbortSignal.timeout(ANSWER_MS) });

export const firstSession = askForSession();
firstSession.catch(() => {}); // whoever awaits it is told
