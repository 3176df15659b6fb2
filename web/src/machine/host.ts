// Keeps one machine: starts it from the prepared state or cold, stops it, and tells how it goes.
// Saving and restoring are in keeper.ts. Nothing of a browser is needed here but fetch.
import { decompress } from "./archive";
import { Carrier, type Connection } from "./carrier";
import type { Answer, GuestEvent } from "./control";
import type { FileProgress } from "./host_files";
import { Loader, type Progress } from "./loader";
import { Machine, type Image } from "./machine";
import { checkManifest, type Manifest } from "./manifest";
import { checkRoot } from "./trust";
import { VolumeFiles } from "../p9/volume_files";
import type { Socket } from "../resume/link";

export interface Size {
  cols: number;
  rows: number;
}

export type CacheMode = "mmap" | "none" | "loose";

export interface Settings {
  memoryMib: number; // 0: the prepared state's
  cold: boolean;
  root: string; // a directory of the volume to boot from; empty: none
  cache: CacheMode;
  uid: number;
  gid: number;
  size: Size;
}

export type Phase =
  | "off"
  | "loading"
  | "booting"
  | "starting"
  | "running"
  | "saving"
  | "restoring"
  | "stopping"
  | "failed";

export interface Activity {
  instructions: number;
  messages: number;
  bytes: number;
}

export interface HostEvents {
  phase(phase: Phase, detail: string): void;
  progress(progress: Progress): void;
  connection(connection: Connection): void;
  refused(): void;
  output(terminal: number, bytes: Uint8Array): void;
  kernel(bytes: Uint8Array): void;
  guest(event: GuestEvent): void;
  file(progress: FileProgress): void;
}

export interface HostParts {
  vmUrl: string; // ends with a slash
  openSocket: () => Socket;
  openPlainSocket: () => Socket; // without the subprotocol: plain 9P
  /** v86's code, as its version `v86Version` has it. */
  wasm: (imports: WebAssembly.Imports) => Promise<WebAssembly.Exports>;
  v86Version: string;
  events: HostEvents;
}

/** When another machine may take the place of what there is. */
const SETTLED: readonly Phase[] = ["off", "failed", "running"];
const HOSTNAME = "cairn";
const MOUNT = "trans=virtio,version=9p2000.L,msize=262144,access=user,walkgetattr";

export class Host {
  readonly events: HostEvents;
  readonly parts: HostParts;
  readonly loader: Loader;
  machine: Machine | null = null;
  carrier: Carrier | null = null;
  manifest: Manifest | null = null;
  settings: Settings | null = null;
  memoryMib = 0;
  phase: Phase = "off";
  #size: Size = { cols: 80, rows: 24 };
  #turn = 0; // of machines: what an earlier one says later is not listened to
  #restart = false;
  #booting: Promise<Answer> | null = null;
  #isEnded = false; // while it booted
  /** What `prepare` has begun. */
  #prepared: { carrier: Carrier; machine: Promise<Machine> } | null = null;

  constructor(parts: HostParts) {
    this.parts = parts;
    this.events = parts.events;
    this.loader = new Loader(parts.vmUrl, (progress) => {
      parts.events.progress(progress);
    });
  }

  become(phase: Phase, detail = ""): void {
    this.phase = phase;
    this.events.phase(phase, detail);
  }

  /** Begins with what the usual start needs, in the hope that it will be asked for. */
  prepare(): void {
    const carrier = this.makeCarrier();
    this.#prepared = { carrier, machine: this.#makePrepared(carrier) };
    this.#prepared.machine.catch(() => {}); // boot() tries again, and tells
  }

  async #makePrepared(carrier: Carrier): Promise<Machine> {
    const manifest = await this.loadManifest();
    const image = await this.#preparedImage(manifest);
    const machine = this.makeMachine(image, manifest.memory_mib, carrier);
    await machine.loaded;
    return machine;
  }

  /** Whether a machine can be started, or brought back. */
  get isSettled(): boolean {
    return SETTLED.includes(this.phase) && !this.#booting;
  }

  /**
   * Starts a machine. Resolves when its shells are there; a failed mount is told in the answer. Who
   * asks twice gets one machine.
   */
  boot(settings: Settings): Promise<Answer> {
    this.#booting ??= this.#tryToBoot(settings).finally(() => {
      this.#booting = null;
    });
    return this.#booting;
  }

  async #tryToBoot(settings: Settings): Promise<Answer> {
    if (!SETTLED.includes(this.phase)) throw new Error("The machine is busy: try again in a moment.");
    this.#isEnded = false;
    try {
      return await this.#boot(settings);
    } catch (error) {
      if (!this.#wasEnded()) await this.failed(error);
      throw error;
    }
  }

  #wasEnded(): boolean {
    return this.#isEnded;
  }

  /** What there was of a machine is of no use. */
  async failed(error: unknown): Promise<void> {
    await this.discard(true);
    this.become("failed", error instanceof Error ? error.message : String(error));
  }

  /** Something has failed that nobody waited for: the loading of v86, if that is under way. */
  fault(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const isMemory = error instanceof RangeError || /memory|alloc/i.test(why);
    const what = isMemory
      ? `The browser has no room for a machine of ${String(this.memoryMib)} MB (${why})`
      : `The emulator cannot be loaded: ${why}`;
    this.machine?.fail(new Error(what));
  }

  async #boot(settings: Settings): Promise<Answer> {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (!prepared) await this.discard(true);
    this.settings = settings;
    this.#size = settings.size;
    this.become("loading");
    if (!("WebAssembly" in globalThis)) {
      throw new Error("This browser does not run WebAssembly, which the machine needs.");
    }
    if (settings.root) await this.#checkRoot(settings);
    this.carrier = prepared?.carrier ?? this.makeCarrier();
    this.carrier.link.start();
    const ready = await prepared?.machine.catch(() => null);
    const machine = ready ?? (await this.#load(settings, this.carrier));
    await machine.emulator.run();
    if (this.phase === "booting") await machine.booted;
    this.become("starting");
    const told = this.#size;
    const answer = await machine.start(this.#startValues(settings));
    this.become("running", answer.ok ? "" : this.explain(answer));
    if (this.#size !== told) this.resize(this.#size);
    return answer;
  }

  /** As root, who may look into all of it, if this page may be root. */
  async #checkRoot(settings: Settings): Promise<void> {
    const files = await VolumeFiles.open(this.parts.openPlainSocket(), 0);
    try {
      await checkRoot(files, settings.root, settings);
    } finally {
      files.close();
    }
  }

  async #load(settings: Settings, carrier: Carrier): Promise<Machine> {
    const manifest = await this.loadManifest();
    const memoryMib = settings.memoryMib || manifest.memory_mib;
    const isCold = settings.cold || memoryMib !== manifest.memory_mib;
    const image = isCold ? await this.#coldImage(manifest) : await this.#preparedImage(manifest);
    if (isCold) this.become("booting");
    const machine = this.makeMachine(image, memoryMib, carrier);
    await machine.loaded;
    return machine;
  }

  async loadManifest(): Promise<Manifest> {
    this.manifest ??= await this.loader.manifest();
    checkManifest(this.manifest, this.parts.v86Version);
    return this.manifest;
  }

  makeCarrier(): Carrier {
    const carrier: Carrier = new Carrier(this.parts.openSocket, {
      changed: () => {
        if (this.carrier === carrier) this.events.connection(carrier.connection);
      },
      refused: () => {
        if (this.carrier === carrier) this.events.refused();
      },
    });
    return carrier;
  }

  makeMachine(image: Image, memoryMib: number, carrier: Carrier): Machine {
    const turn = ++this.#turn;
    const ifCurrent =
      <Arguments extends unknown[]>(then: (...values: Arguments) => void) =>
      (...values: Arguments) => {
        if (turn === this.#turn) then(...values);
      };
    this.memoryMib = memoryMib;
    const machine = new Machine(
      {
        image,
        memoryMib,
        wasm: this.parts.wasm,
        handle9p: carrier.handle9p,
        files: (name) => this.#hostFile(name),
      },
      {
        output: ifCurrent(this.events.output.bind(this.events)),
        kernel: ifCurrent(this.events.kernel.bind(this.events)),
        file: ifCurrent(this.events.file.bind(this.events)),
        event: ifCurrent((event) => {
          this.#onGuest(event);
        }),
      },
    );
    this.machine = machine;
    return machine;
  }

  #startValues(settings: Settings) {
    return {
      uid: settings.uid,
      gid: settings.gid,
      hostname: HOSTNAME,
      cols: this.#size.cols,
      rows: this.#size.rows,
      source: "host9p",
      options: `${MOUNT},cache=${settings.cache}`,
      ...(settings.root && { root: settings.root }),
    };
  }

  async #preparedImage(manifest: Manifest): Promise<Image> {
    const state = await this.loader.file(manifest, "state.bin.zst");
    return { kind: "state", state: state.buffer };
  }

  async #coldImage(manifest: Manifest): Promise<Image> {
    const names = ["vmlinuz", "initramfs.gz", "bios.bin", "vgabios.bin"];
    const files = await Promise.all(names.map((name) => this.loader.file(manifest, name)));
    const [kernel, initramfs, bios, vgaBios] = files.map((file) => file.buffer) as [
      ArrayBuffer,
      ArrayBuffer,
      ArrayBuffer,
      ArrayBuffer,
    ];
    const commandLine = manifest.command_lines.v86;
    return { kind: "cold", kernel, initramfs, bios, vgaBios, commandLine };
  }

  /** What `host file NAME` asks for: a file of the image, unpacked if it is packed there. */
  async #hostFile(name: string) {
    const manifest = await this.loadManifest();
    const packed = manifest.files[`${name}.zst`] !== undefined;
    if (!packed && !manifest.files[name]) return null;
    const bytes = await this.loader.file(manifest, packed ? `${name}.zst` : name);
    return packed ? decompress(bytes) : { bytes: bytes.length, pieces: oneOf(bytes) };
  }

  #onGuest(event: GuestEvent): void {
    this.events.guest(event);
    if (event.event === "poweroff") void this.#ended(this.#restart);
    if (event.event === "reboot") void this.#ended(true);
  }

  async #ended(again: boolean): Promise<void> {
    this.#restart = false;
    this.#isEnded = true;
    await this.discard(true);
    await this.#booting?.catch(() => null);
    this.become("off");
    if (again && this.settings) {
      await this.boot({ ...this.settings, size: this.#size }).catch(() => null);
    }
  }

  resize(size: Size): void {
    this.#size = size;
    if (this.phase === "running") {
      const { cols, rows } = size;
      this.machine?.control.request("size", { cols, rows }).catch(() => null);
    }
  }

  get size(): Size {
    return this.#size;
  }

  /** In order: the guest writes and unmounts, then it is gone. */
  stop(again: boolean): void {
    if (!this.machine) return;
    this.#restart = again;
    this.become("stopping");
    this.machine.control.request("poweroff").catch(() => null); // it tells by an event
  }

  /** Like pulling the plug. What the guest had not written is lost. */
  async kill(again: boolean): Promise<void> {
    await this.#ended(again);
  }

  /** The machine is no more. `goodbye`: nor is its session. */
  async discard(goodbye: boolean): Promise<void> {
    ++this.#turn;
    const { machine, carrier } = this;
    this.machine = null;
    this.carrier = null;
    await machine?.destroy();
    carrier?.close(goodbye);
  }

  activity(): Activity {
    return {
      instructions: this.machine?.emulator.get_instruction_counter() ?? 0,
      messages: this.carrier?.messages ?? 0,
      bytes: this.carrier?.bytes ?? 0,
    };
  }

  explain(answer: Answer): string {
    const what = answer.step === "mount" ? "The volume could not be mounted" : "The guest failed";
    return `${what}: ${answer.error ?? "no reason given"}.`;
  }
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* oneOf(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}
