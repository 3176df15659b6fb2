// The machine as the page sees it: its worker, and signals of how it goes.
import { computed, effect, signal } from "@preact/signals";
import type { Connection } from "../machine/carrier";
import type { Activity, Phase, Settings } from "../machine/host";
import type { FileProgress } from "../machine/host_files";
import type { Progress } from "../machine/loader";
import { parameters, worker, workerError } from "../early";
import type { WorkerApi } from "../worker/protocol";
import { RemoteMachine } from "../worker/remote";
import { fail, notify, spoken } from "./notices";
import { cacheMode, memoryMib } from "./preferences";
import { askSession, session } from "./session";
import { screens } from "./screens";

export const phase = signal<Phase>("off");
/** Why it has failed, or what is not as it should be. */
export const detail = signal("");
export const progress = signal<Progress>({ loaded: 0, total: 0 });
export const connection = signal<Connection | null>(null);
export const file = signal<FileProgress | null>(null);
export const cpuBusy = signal(false);
export const volumeBusy = signal(false);
export const postgres = signal<"unknown" | "starting" | "running" | "stopped">("unknown");
/** The kernel's last lines, of a cold boot or a panic. */
export const kernelLines = signal<readonly string[]>([]);

const KERNEL_LINES = 200;
const IDLE_INSTRUCTIONS = 600_000; // in a look at the activity: a machine that only ticks
const LIGHT_MS = 300;
const SHOWN_BYTES_TOLD = 32 << 10;

export const remote = new RemoteMachine(worker, workerError, (error, isDead) => {
  if (!isDead) {
    notify("error", `${error.message}. Reload the page if the machine does not go on.`);
    return;
  }
  phase.value = "failed";
  detail.value = `${error.message}. Reload the page; a browser that is too old cannot run it.`;
});

export const isRunning = computed(() => phase.value === "running");
export const isBusy = computed(() => !["off", "failed", "running"].includes(phase.value));

/** What an earlier machine has shown is not taken for this one's. */
function clear(): void {
  progress.value = { loaded: 0, total: 0 };
  kernelLines.value = [];
  for (const screen of screens) screen.reset();
}

remote.on("phase", (told) => {
  performance.mark(`machine-${told.phase}`);
  phase.value = told.phase;
  detail.value = told.detail;
  if (told.phase === "loading") clear();
  if (told.phase !== "off") return;
  postgres.value = "unknown";
  cpuBusy.value = volumeBusy.value = false;
});
remote.on("progress", (told) => {
  progress.value = told;
});
remote.on("connection", (told) => {
  const before = connection.value;
  connection.value = told;
  const lost = told.counts.lost + told.counts.stale;
  const lostBefore = before ? before.counts.lost + before.counts.stale : 0;
  if (lost > lostBefore) {
    notify(
      "error",
      `The server was restarted, and ${String(lost - lostBefore)} changes could not be brought ` +
        "back. The programs concerned are told so by their next fsync or close.",
    );
  } else if (before && told.counts.rebuilt > before.counts.rebuilt) {
    notify("info", "The server was restarted. Everything has been brought back.");
  }
});
let hasOutput = false;
let shownBytes = 0; // since the worker was told
remote.on("refused", () => void askSession());
remote.on("output", ({ terminal, bytes }) => {
  if (!hasOutput) performance.mark("machine-output");
  hasOutput = true;
  screens[terminal]?.write(bytes, () => {
    shownBytes += bytes.length;
    if (shownBytes < SHOWN_BYTES_TOLD) return;
    tellWorker("shown", shownBytes);
    shownBytes = 0;
  });
});
remote.on("kernel", (bytes) => {
  const line = new TextDecoder().decode(bytes).trimEnd();
  kernelLines.value = [...kernelLines.value, line].slice(-KERNEL_LINES);
  if (line.includes("Kernel panic")) notify("error", `The guest's kernel has stopped: ${line}`);
});
remote.on("guest", (event) => {
  if (event.event !== "told") return;
  if (event.text === "postgres running") postgres.value = "running";
  if (event.text === "postgres stopped") postgres.value = "stopped";
});
remote.on("file", (told) => {
  file.value = told.isOver ? null : told;
});

let last: Activity = { instructions: 0, messages: 0, bytes: 0 };
let lights: ReturnType<typeof setTimeout> | undefined;
remote.on("activity", (now) => {
  cpuBusy.value = ((now.instructions - last.instructions) >>> 0) > IDLE_INSTRUCTIONS;
  volumeBusy.value = now.messages !== last.messages;
  last = now;
  clearTimeout(lights);
  lights = setTimeout(() => {
    cpuBusy.value = volumeBusy.value = false;
  }, LIGHT_MS);
});

effect(() => {
  const words: Partial<Record<Phase, string>> = {
    loading: "The machine is being loaded.",
    booting: "The machine boots.",
    running: "The machine is running.",
    off: "The machine is switched off.",
  };
  spoken.value = words[phase.value] ?? "";
});

function settings(cold: boolean): Settings {
  const { uid = 1000, gid = 1000 } = session.value ?? {};
  return {
    memoryMib: memoryMib.value,
    cold: cold || parameters.get("boot") === "true",
    root: parameters.get("root") ?? "",
    cache: cacheMode.value,
    uid,
    gid,
    size: screens[0].size,
  };
}

/** Starts the machine; `cold` boots it in any case. */
export async function boot(cold = false): Promise<void> {
  try {
    const answer = await remote.call("boot", settings(cold));
    if (!answer.ok) notify("error", detail.value);
  } catch (error) {
    // What has failed is told in the machine's place.
    if (phase.value !== "failed") fail("The machine is not started")(error);
  }
}

/** For what is told by events: that it is asked for in vain is no matter. */
export function tellWorker<Method extends "wake" | "commit" | "shown" | "type" | "resize">(
  method: Method,
  ...values: Parameters<WorkerApi[Method]>
): void {
  remote.call(method, ...values).catch(() => null);
}

export function stop(again: boolean): void {
  remote.call("stop", again).catch(fail("The machine cannot be stopped"));
}
export function kill(again: boolean): void {
  remote.call("kill", again).catch(fail("The machine cannot be stopped"));
}

// The network may be there again.
addEventListener("online", () => tellWorker("wake"));
// ... as in a page that was put away and is shown again.
addEventListener("pageshow", () => tellWorker("wake"));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") tellWorker("wake");
});

// What is not durable yet is only in this page and in the server's memory.
addEventListener("beforeunload", (event) => {
  if (!connection.value || connection.value.undurable === 0) return;
  tellWorker("commit");
  event.preventDefault();
});
