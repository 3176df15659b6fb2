// Saves a running machine and brings it back, here or in another browser: the machine's memory, and
// its session with the volume. A machine that is brought back must find its open files as it left
// them, since it has parts of them in memory; where it would not, it is refused.
import { Type, bodyOf } from "../p9/messages";
import { VolumeFiles } from "../p9/volume_files";
import type { Durable, Failure } from "../resume/frames";
import type { Socket } from "../resume/link";
import type { SavedSummary } from "../worker/protocol";
import type { Carrier } from "./carrier";
import type { Host } from "./host";
import { decodeSaved, encodeSaved, FORMAT, headOf, type SavedHead } from "./saved_format";

const QUIET_MS = 10_000;
const DURABLE_MS = 10_000;
const BROUGHT_BACK_MS = 20_000;
const LOOK_EVERY_MS = 5;
const DIRECTORY = ".cairn";
const NAME = "machine-state";
const HEAD_BYTES = 64 << 10;
const DATA_VERSION = 0x2000n;
const VERSION_AT = 8 + 13 + 4 + 4 + 4 + 8 * 5 + 16 * 4 + 8; // in Rgetattr
const QID_DIRECTORY = 0x80;
/** Of an item's key: it is a fid's, or locks'. */
const FID = "F";
const LOCKS = "L";
const FID_KEY_BYTES = 5;

const EACCES = 13;
const KEEPING = "keeping"; // why the machine stands still

function fidOf(key: string): number | null {
  if (key[0] !== FID || key.length !== FID_KEY_BYTES) return null;
  const bytes = Uint8Array.from(key.slice(1), (character) => character.charCodeAt(0));
  return new DataView(bytes.buffer).getUint32(0, true);
}

const isBefore = (a: Durable, b: Durable): boolean =>
  a.epoch < b.epoch || (a.epoch === b.epoch && a.segment < b.segment);

async function until(test: () => boolean, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!test()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return true;
}

/** The change counters of the files (not directories) that the session has fids of. */
async function versionsOf(carrier: Carrier): Promise<Record<string, string>> {
  const fids = carrier.client.itemKeys.map(fidOf).filter((fid) => fid !== null);
  const versions: Record<string, string> = {};
  await Promise.all(
    fids.map(async (fid) => {
      const reply = await carrier.ask(Type.Tgetattr, (out) => out.u32(fid).u64(DATA_VERSION));
      try {
        const body = bodyOf(Type.Tgetattr, reply);
        body.u64();
        const isDirectory = (body.u8() & QID_DIRECTORY) !== 0;
        body.raw(VERSION_AT - 9);
        if (!isDirectory) versions[String(fid)] = String(body.u64());
      } catch {
        versions[String(fid)] = "unknown";
      }
    }),
  );
  return versions;
}

export class Keeper {
  constructor(
    private readonly host: Host,
    private readonly openPlainSocket: () => Socket,
  ) {}

  /** The machine goes on afterwards. */
  async save(volume: string): Promise<Uint8Array<ArrayBuffer>> {
    const { machine, carrier, settings } = this.host;
    if (!machine || !carrier || !settings || this.host.phase !== "running") {
      throw new Error("Only a running machine can be saved.");
    }
    this.host.become("saving");
    try {
      // What the guest has cached of files that are not open is looked at anew afterwards.
      await machine.run("sync; echo 3 >/proc/sys/vm/drop_caches");
      carrier.client.commit();
      await until(() => carrier.client.undurable === 0, DURABLE_MS);
      await machine.hold(KEEPING);
      if (!(await until(() => carrier.waiting === 0, QUIET_MS))) {
        throw new Error(
          "The machine waits for the volume (for a lock, or a connection): it cannot be saved now.",
        );
      }
      const versions = await versionsOf(carrier);
      const state = await machine.emulator.save_state();
      const client = carrier.client.state();
      const { epoch, segment } = client.durable;
      const head: SavedHead = {
        format: FORMAT,
        v86: this.host.parts.v86Version,
        memoryMib: this.host.memoryMib,
        volume,
        savedAt: Date.now(),
        settings: { ...settings, size: this.host.size },
        durable: { epoch: String(epoch), segment: String(segment) },
        versions,
      };
      await machine.release(KEEPING);
      return await encodeSaved({ head, client, machine: state });
    } finally {
      await machine.release(KEEPING);
      this.host.become("running");
    }
  }

  /** In place of the machine there is, which goes only when the saved one can come. */
  async restore(bytes: Uint8Array<ArrayBuffer>, volume: string): Promise<SavedSummary> {
    const { host } = this;
    const before = host.phase;
    const saved = await decodeSaved(bytes);
    const { head } = saved;
    this.#check(head, volume);
    host.become("restoring");
    const carrier = host.makeCarrier();
    try {
      await host.machine?.hold(KEEPING);
      // Its locks would be in the way of the same machine's.
      if (host.carrier?.client.itemKeys.some((key) => key.startsWith(LOCKS))) {
        await host.discard(true);
      }
      await this.#bringBack(carrier, saved);
    } catch (error) {
      carrier.close(true);
      await host.machine?.release(KEEPING);
      host.become(host.machine ? before : "off");
      throw error;
    }
    await host.discard(true);
    host.carrier = carrier;
    host.settings = head.settings;
    const machine = host.makeMachine(
      { kind: "state", state: saved.machine },
      head.memoryMib,
      carrier,
    );
    await machine.loaded;
    await machine.emulator.run();
    const seed = crypto.getRandomValues(new Uint8Array(64));
    const hex = Array.from(seed, (byte) => byte.toString(16).padStart(2, "0")).join("");
    await machine.control.request("set", { time: Date.now(), seed: hex });
    host.become("running");
    host.resize(host.size);
    host.events.connection(carrier.connection);
    return { savedAt: head.savedAt, bytes: bytes.length };
  }

  async saveToVolume(volume: string, uid: number): Promise<SavedSummary> {
    const bytes = await this.save(volume);
    await this.#withFiles(uid, async (files) => {
      await files.makeDirectory(DIRECTORY, uid);
      await files.write(DIRECTORY, NAME, bytes, uid);
    });
    return { savedAt: Date.now(), bytes: bytes.length };
  }

  /** Null: there is none, or none that this page could bring back. */
  async findOnVolume(volume: string, uid: number): Promise<SavedSummary | null> {
    const bytes = await this.#withFiles(uid, (files) => files.read([DIRECTORY, NAME], HEAD_BYTES));
    if (!bytes) return null;
    try {
      const head = headOf(bytes);
      this.#check(head, volume);
      return { savedAt: head.savedAt, bytes: bytes.length };
    } catch {
      return null;
    }
  }

  async restoreFromVolume(volume: string, uid: number): Promise<SavedSummary> {
    const bytes = await this.#withFiles(uid, (files) => files.read([DIRECTORY, NAME]));
    if (!bytes) throw new Error("There is no saved machine on the volume.");
    return this.restore(bytes, volume);
  }

  #check(head: SavedHead, volume: string): void {
    if (head.v86 !== this.host.parts.v86Version) {
      throw new Error("The machine was saved by a page with another version of the emulator.");
    }
    if (head.volume !== volume) {
      throw new Error(`The machine was saved on another volume: ${head.volume}.`);
    }
  }

  async #bringBack(carrier: Carrier, saved: Awaited<ReturnType<typeof decodeSaved>>) {
    const { head, client } = saved;
    carrier.client.adopt(client);
    const isMounted = client.messageBytesMax !== 0;
    let failures: Failure[] | null = isMounted ? null : [];
    void carrier.restored().then((told) => {
      failures = told;
    });
    carrier.link.start();
    const isThere = () => carrier.client.isConnected && failures !== null;
    if (!(await until(isThere, BROUGHT_BACK_MS))) {
      throw new Error("The server does not answer: the saved machine cannot be brought back now.");
    }
    const then = { epoch: BigInt(head.durable.epoch), segment: BigInt(head.durable.segment) };
    if (isBefore(carrier.client.durable, then)) {
      throw new Error("The volume is older than the saved machine: boot it anew instead.");
    }
    this.#judge((failures ?? []));
    if (carrier.client.counts.lost > 0) {
      throw new Error("Changes of the saved machine cannot be brought back: boot it anew instead.");
    }
    const now = isMounted ? await versionsOf(carrier) : {};
    const changed = Object.entries(head.versions).filter(([fid, version]) => now[fid] !== version);
    if (changed.length === 0) return;
    throw new Error(
      "Files that the saved machine has open have changed since: it would overwrite them. " +
        "Boot it anew instead.",
    );
  }

  #judge(failures: readonly Failure[]): void {
    if (failures.some((failure) => failure.key.startsWith(LOCKS))) {
      throw new Error(
        "Locks of the saved machine are held by another one (perhaps in another tab): " +
          "stop that one, or try again in a few minutes.",
      );
    }
    if (failures.length > 0) {
      throw new Error(
        "Files that the saved machine has open are gone: boot it anew instead.",
      );
    }
  }

  async #withFiles<Value>(
    uid: number,
    use: (files: VolumeFiles) => Promise<Value>,
  ): Promise<Value> {
    const files = await VolumeFiles.open(this.openPlainSocket(), uid);
    try {
      return await use(files);
    } catch (error) {
      const isRefused = error instanceof Error && "errno" in error && error.errno === EACCES;
      if (!isRefused) throw error;
      throw new Error(`User ${String(uid)} may not write into the root of the volume.`, {
        cause: error,
      });
    } finally {
      files.close();
    }
  }
}
