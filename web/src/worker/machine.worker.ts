// The worker that the machine runs in, with its connection, so that the page stays smooth and no
// message of 9P waits for the page.
import "./yielding";
import wasmUrl from "../../node_modules/v86/build/v86.wasm?url";
import { Host, type Activity, type HostEvents } from "../machine/host";
import { SUBPROTOCOL } from "../resume/frames";
import { Keeper } from "../machine/keeper";
import type { Machine } from "../machine/machine";
import { endSession } from "../resume/end";
import type { Call, Message, WorkerApi, WorkerEvents } from "./protocol";

declare const __V86_VERSION__: string;
const ACTIVITY_EVERY_MS = 200;
const UNSHOWN_BYTES_MAX = 256 << 10;
const OUTPUT = "output"; // why the machine stands still

/** v86's code. */
async function compile(): Promise<WebAssembly.Module> {
  const response = await fetch(wasmUrl).catch(() => null);
  if (!response) throw new Error("the server does not answer.");
  if (!response.ok) throw new Error(`the server says ${String(response.status)} to ${wasmUrl}.`);
  return WebAssembly.compileStreaming(response);
}

let compiled: Promise<WebAssembly.Module> | null = null;
/** A failure is not for ever. */
function module(): Promise<WebAssembly.Module> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = null;
    throw error;
  });
  return compiled;
}
// At once, and before anybody has asked: it is needed in any case.
module().catch(() => {}); // who needs it asks again, and is told

function tell<Name extends keyof WorkerEvents>(event: Name, value: WorkerEvents[Name]): void {
  postMessage({ event, value });
}

/**
 * What terminals get in one turn of the machine goes to the page in one message. While the page has
 * too much of it that it has not shown, the machine stands still: its consoles cannot wait.
 */
class Outputs {
  #pieces = new Map<number, Uint8Array[]>();
  #unshown = 0;
  #held: Machine | null = null;

  add(terminal: number, bytes: Uint8Array): void {
    if (this.#pieces.size === 0) {
      queueMicrotask(() => {
        this.#flush();
      });
    }
    const pieces = this.#pieces.get(terminal);
    if (pieces) pieces.push(bytes);
    else this.#pieces.set(terminal, [bytes]);
  }

  #flush(): void {
    for (const [terminal, pieces] of this.#pieces) {
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      tell("output", { terminal, bytes });
      this.#unshown += size;
    }
    this.#pieces.clear();
    if (this.#unshown < UNSHOWN_BYTES_MAX || this.#held === host.machine) return;
    this.#held = host.machine;
    void host.machine?.hold(OUTPUT);
  }

  onShown(bytes: number): void {
    this.#unshown -= bytes;
    if (this.#unshown > UNSHOWN_BYTES_MAX / 4) return;
    void this.#held?.release(OUTPUT);
    this.#held = null;
  }
}

const outputs = new Outputs();
const events: HostEvents = {
  phase: (phase, detail) => {
    tell("phase", { phase, detail });
  },
  progress: (progress) => {
    tell("progress", progress);
  },
  connection: (connection) => {
    tell("connection", connection);
  },
  refused: () => {
    tell("refused", null);
  },
  output: (terminal, bytes) => {
    outputs.add(terminal, bytes);
  },
  kernel: (bytes) => {
    tell("kernel", bytes);
  },
  guest: (event) => {
    tell("guest", event);
  },
  file: (progress) => {
    tell("file", progress);
  },
};

const socketUrl = new URL("/ws/9p", location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
const openSocket = () => new WebSocket(socketUrl, SUBPROTOCOL);
const host = new Host({
  vmUrl: "/vm/",
  openSocket,
  openPlainSocket: () => new WebSocket(socketUrl),
  wasm: async (imports) => (await WebAssembly.instantiate(await module(), imports)).exports,
  v86Version: __V86_VERSION__,
  events,
});
const keeper = new Keeper(host);

// v86 loads itself without telling anybody how that went.
addEventListener("unhandledrejection", (event) => {
  host.fault(event.reason);
});

const api: WorkerApi = {
  prepare: () => {
    host.prepare();
  },
  boot: (settings) => host.boot(settings),
  type: (terminal, bytes) => host.machine?.type(terminal, bytes),
  resize: (size) => {
    host.resize(size);
  },
  stop: (again) => {
    host.stop(again);
  },
  kill: (again) => host.kill(again),
  run: (command, user) =>
    host.machine?.run(command, user) ?? Promise.reject(new Error("No machine is running.")),
  wake: () => host.carrier?.link.wake(),
  commit: () => host.carrier?.client.commit(),
  shown: (bytes) => {
    outputs.onShown(bytes);
  },
  endSession: (id) => {
    const bytes = id.match(/[0-9a-f]{2}/g)?.map((digits) => parseInt(digits, 16));
    return endSession(openSocket, Uint8Array.from(bytes ?? []));
  },
  save: (volume) => keeper.save(volume),
  restore: (state, volume) => keeper.restore(state, volume),
  saveToVolume: (volume, who) => keeper.saveToVolume(volume, who),
  findOnVolume: (volume, who) => keeper.findOnVolume(volume, who),
  restoreFromVolume: (volume, who) => keeper.restoreFromVolume(volume, who),
};

const methods = api as Record<keyof WorkerApi, (this: void, ...values: never[]) => unknown>;

async function answer({ id, method, values }: Call): Promise<void> {
  try {
    const call = methods[method] as (this: void, ...values: unknown[]) => unknown;
    postMessage({ id, value: await call(...values) } satisfies Message);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : String(thrown);
    postMessage({ id, error } satisfies Message);
  }
}
onmessage = (event: MessageEvent<Call>) => void answer(event.data);

let last: Activity = { instructions: 0, messages: 0, bytes: 0 };
let lastUndurable = 0;
setInterval(() => {
  const now = host.activity();
  const isSame = now.instructions === last.instructions && now.messages === last.messages;
  if (!isSame) tell("activity", now);
  last = now;
  const connection = host.carrier?.connection;
  if (connection && connection.undurable !== lastUndurable) {
    lastUndurable = connection.undurable;
    tell("connection", connection);
  }
}, ACTIVITY_EVERY_MS);
