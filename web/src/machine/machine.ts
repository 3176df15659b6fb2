// A machine of v86 with the guest in it: terminals, the control line, files of the host, and the
// volume through a Carrier. Runs in a worker of the page's, and in Node.
import { V86, type V86Options } from "v86";
import { ConsoleInput } from "./console";
import { ControlLine, type Answer, type GuestEvent, type Values } from "./control";
import { HostFiles, type FileProgress, type Provider } from "./host_files";

export const TERMINALS = 3;
const CONTROL_PORT = 3;
const VGA_BYTES = 1 << 20; // what the prepared state has
const LOW_BYTES = 1 << 20;
const READY_EVENT = "ready";
const KERNEL_LINE_BYTES_MAX = 4096;

export type Image =
  | { kind: "state"; state: ArrayBuffer; bios?: ArrayBuffer; vgaBios?: ArrayBuffer }
  | {
      kind: "cold";
      kernel: ArrayBuffer;
      initramfs: ArrayBuffer;
      commandLine: string;
      bios: ArrayBuffer;
      vgaBios: ArrayBuffer;
    };

export interface MachineOptions {
  image: Image;
  memoryMib: number;
  wasm: (imports: WebAssembly.Imports) => Promise<WebAssembly.Exports>;
  handle9p: V86Options["filesystem"]["handle9p"];
  files: Provider;
}

export interface MachineEvents {
  output(terminal: number, bytes: Uint8Array): void;
  /** The kernel's own messages: of a cold boot, and of a panic. */
  kernel(bytes: Uint8Array): void;
  event(event: GuestEvent): void;
  file(progress: FileProgress): void;
}

/**
 * v86 zeroes all of the memory before it puts a state into it. A new machine's is zero from the
 * start, but for what starting writes below 1 MiB; to write it all once more takes longer than the
 * rest of the restore, and makes the browser provide all of it.
 */
function withoutFirstZeroing(exports: WebAssembly.Exports): WebAssembly.Exports {
  const zero = exports["zero_memory"] as (at: number, size: number) => void;
  let isNew = true;
  const zeroMemory = (at: number, size: number) => {
    zero(at, isNew ? Math.min(size, LOW_BYTES) : size);
    isNew = false;
  };
  return { ...exports, zero_memory: zeroMemory };
}

function v86Options(options: MachineOptions): V86Options {
  const { image } = options;
  const common: V86Options = {
    wasm_fn: options.wasm,
    memory_size: options.memoryMib << 20,
    vga_memory_size: VGA_BYTES,
    virtio_console: true,
    disable_speaker: true,
    autostart: false,
    filesystem: { handle9p: options.handle9p },
    ...(image.bios && { bios: { buffer: image.bios } }),
    ...(image.vgaBios && { vga_bios: { buffer: image.vgaBios } }),
  };
  if (image.kind === "state") {
    return {
      ...common,
      wasm_fn: async (imports) => withoutFirstZeroing(await options.wasm(imports)),
      initial_state: { buffer: image.state },
    };
  }
  return {
    ...common,
    bzimage: { buffer: image.kernel },
    initrd: { buffer: image.initramfs },
    cmdline: image.commandLine,
  };
}

export class Machine {
  readonly emulator: V86;
  readonly control: ControlLine;
  readonly #inputs: ConsoleInput[];
  readonly #files: HostFiles;
  /** Once the emulator is loaded, and the state is in it. Rejects if it fails before. */
  readonly loaded: Promise<void>;
  /** Once a guest that boots waits to be started. Rejects if it never will be. */
  readonly booted: Promise<void>;
  #onBooted: () => void = () => {};
  #failed: ((error: Error) => void)[] = [];
  #kernelLine: number[] = [];
  readonly #holds = new Set<string>();
  #following = Promise.resolve();
  #isGone = false;

  constructor(
    options: MachineOptions,
    private readonly events: MachineEvents,
  ) {
    this.emulator = new V86(v86Options(options));
    this.#inputs = [0, 1, 2, CONTROL_PORT].map((port) => new ConsoleInput(this.emulator, port));
    this.control = new ControlLine(
      (bytes) => this.#inputs[CONTROL_PORT]?.write(bytes),
      (event) => {
        this.#onEvent(event);
      },
    );
    this.#files = new HostFiles(this.emulator, this.control, options.files, (progress) => {
      events.file(progress);
    });
    this.booted = new Promise((resolve, reject) => {
      this.#onBooted = resolve;
      this.#failed.push(reject);
    });
    this.loaded = new Promise((resolve, reject) => {
      this.#failed.push(reject);
      this.emulator.add_listener("emulator-ready", () => {
        resolve();
      });
    });
    // Who waits for them is told.
    for (const promise of [this.loaded, this.booted]) promise.catch(() => {});
    this.#listen();
  }

  /** v86 has failed while it was loaded, which it tells nobody by itself. */
  fail(error: Error): void {
    for (const reject of this.#failed) reject(error);
  }

  /** A program in it waits for a file of the host's. */
  get isReceiving(): boolean {
    return this.#files.isBusy;
  }

  #listen(): void {
    for (let terminal = 0; terminal < TERMINALS; ++terminal) {
      const name = `virtio-console${String(terminal)}-output-bytes`;
      this.emulator.add_listener(name, (bytes: Uint8Array) => {
        this.events.output(terminal, bytes);
      });
    }
    const control = `virtio-console${String(CONTROL_PORT)}-output-bytes`;
    this.emulator.add_listener(control, (bytes: Uint8Array) => {
      this.control.onBytes(bytes);
    });
    this.emulator.add_listener("serial0-output-byte", (byte: number) => {
      this.#kernelLine.push(byte);
      if (byte !== 10 && this.#kernelLine.length < KERNEL_LINE_BYTES_MAX) return;
      this.events.kernel(Uint8Array.from(this.#kernelLine));
      this.#kernelLine = [];
    });
  }

  #onEvent(event: GuestEvent): void {
    if (event.event === READY_EVENT) this.#onBooted();
    this.#files.onEvent(event);
    this.events.event(event);
  }

  type(terminal: number, bytes: Uint8Array): void {
    if (terminal < TERMINALS) this.#inputs[terminal]?.write(bytes);
  }

  /** The first thing after a restore, or a boot: clock, random numbers, users, volume, shells. */
  start(values: Values): Promise<Answer> {
    const seed = crypto.getRandomValues(new Uint8Array(64));
    const hex = Array.from(seed, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return this.control.request("start", { time: Date.now(), seed: hex, ...values });
  }

  run(command: string, user = "root"): Promise<Answer> {
    return this.control.request("run", { command, user });
  }

  /** It stands still while there is a reason to. Resolves when that is so. */
  hold(reason: string): Promise<void> {
    this.#holds.add(reason);
    return this.#follow();
  }

  release(reason: string): Promise<void> {
    this.#holds.delete(reason);
    return this.#follow();
  }

  /** One after the other: v86 loses track of a stop that is taken back before it has come. */
  #follow(): Promise<void> {
    this.#following = this.#following.then(async () => {
      const isToRun = this.#holds.size === 0;
      if (this.#isGone || isToRun === this.emulator.is_running()) return;
      await (isToRun ? this.emulator.run() : this.emulator.stop());
    });
    return this.#following;
  }

  async destroy(): Promise<void> {
    this.#isGone = true;
    this.fail(new Error("The machine was switched off"));
    this.control.close();
    await this.#following;
    for (const input of this.#inputs) input.close();
    await this.emulator.destroy().catch(() => {}); // one that could not be loaded cannot be unloaded
  }
}
