// Saves a running machine and brings it back, here or in another browser: the machine's memory, and
// its session with the volume. A machine that is brought back must find its open files as it left
// them, since it has parts of them in memory; where it would not, it is refused.
import { Type, bodyOf } from "../p9/messages";
import { VolumeFiles } from "../p9/volume_files";
import type { Durable, Failure } from "../resume/frames";
import type { SavedSummary } from "../worker/protocol";
import type { Carrier } from "./carrier";
import type { Host } from "./host";
import {
  decodeSaved,
  encodeSaved,
  FORMAT,
  headOf,
  SAVED_BYTES_MAX,
  type Saved,
  type SavedHead,
} from "./saved_format";
import { isOf, type Who } from "./trust";

const SYNC_MS = 60_000;
const QUIET_MS = 10_000;
const DURABLE_MS = 10_000;
const BROUGHT_BACK_MS = 20_000;
const ALIVE_MS = 20_000; // of a machine that is back
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

const KEEPING = "keeping"; // why the machine stands still
const WAITS =
  "The machine waits for the volume (for a lock, or a connection): it cannot be saved now.";
const NO_ANSWER = "The server does not answer: the saved machine cannot be brought back now.";
const OTHERS_MAY = "on the volume can be changed by other users";

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

/** Not longer than that: a connection that is gone may stay so. */
async function within<Value>(limitMs: number, why: string, work: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(why));
    }, limitMs);
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** Somebody has what the saved machine had locked. */
class LocksHeld extends Error {}

export class Keeper {
  constructor(private readonly host: Host) {}

  /** The machine goes on afterwards. */
  async save(volume: string): Promise<Uint8Array<ArrayBuffer>> {
    const { machine, carrier, settings } = this.host;
    if (!machine || !carrier || !settings || this.host.phase !== "running") {
      throw new Error("Only a running machine can be saved.");
    }
    if (machine.isReceiving) {
      throw new Error("The machine is being given a file (PostgreSQL?): it can be saved afterwards.");
    }
    this.host.become("saving");
    try {
      // What the guest has cached of files that are not open is looked at anew afterwards.
      const clean = machine.run("sync; echo 3 >/proc/sys/vm/drop_caches");
      await within(SYNC_MS, WAITS, clean);
      carrier.client.commit();
      await until(() => carrier.client.undurable === 0, DURABLE_MS);
      await machine.hold(KEEPING);
      if (!(await until(() => carrier.waiting === 0, QUIET_MS))) throw new Error(WAITS);
      const versions = await within(QUIET_MS, WAITS, versionsOf(carrier));
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
      if (this.host.machine === machine) this.host.become("running");
    }
  }

  /** In place of the machine there is, which goes only when the saved one can come. */
  async restore(bytes: Uint8Array<ArrayBuffer>, volume: string): Promise<SavedSummary> {
    const { host } = this;
    if (!host.isSettled) throw new Error("The machine is busy: try again in a moment.");
    const before = host.phase;
    host.become("restoring");
    let saved: Saved;
    let carrier: Carrier;
    try {
      saved = await decodeSaved(bytes);
      this.#check(saved.head, volume);
      await host.machine?.hold(KEEPING);
      carrier = await this.#bringBack(saved);
    } catch (error) {
      await host.machine?.release(KEEPING);
      host.become(host.machine || before !== "running" ? before : "off");
      throw error;
    }
    await host.discard(true);
    host.carrier = carrier;
    host.settings = saved.head.settings;
    try {
      await this.#goOn(saved, carrier);
    } catch (error) {
      await host.failed(error);
      throw error;
    }
    host.become("running");
    host.resize(host.size);
    host.events.connection(carrier.connection);
    return { savedAt: saved.head.savedAt, bytes: bytes.length };
  }

  /** The machine's own half of it, when its session is back. */
  async #goOn({ head, machine: state }: Saved, carrier: Carrier): Promise<void> {
    const machine = this.host.makeMachine({ kind: "state", state }, head.memoryMib, carrier);
    await machine.loaded;
    await machine.emulator.run();
    const seed = crypto.getRandomValues(new Uint8Array(64));
    const hex = Array.from(seed, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const set = machine.control.request("set", { time: Date.now(), seed: hex });
    await within(ALIVE_MS, "The saved machine does not answer: boot it anew instead.", set);
  }

  async saveToVolume(volume: string, { uid, gid }: Who): Promise<SavedSummary> {
    const bytes = await this.save(volume);
    await this.#withFiles(uid, async (files) => {
      await files.makeDirectory(DIRECTORY, gid);
      const directory = await files.look([DIRECTORY]);
      if (!directory?.isDirectory || !isOf(directory, [uid], gid)) {
        throw new Error(`/${DIRECTORY} ${OTHERS_MAY}: it would hold the machine's memory.`);
      }
      await files.write(DIRECTORY, NAME, bytes, gid);
    });
    return { savedAt: Date.now(), bytes: bytes.length };
  }

  /** Null: there is none, or none that this page could bring back. */
  async findOnVolume(volume: string, who: Who): Promise<SavedSummary | null> {
    return this.#withFiles(who.uid, async (files) => {
      try {
        const size = await this.#sizeOfKept(files, who);
        const bytes = size === null ? null : await files.read([DIRECTORY, NAME], HEAD_BYTES);
        if (size === null || !bytes) return null;
        const head = headOf(bytes);
        this.#check(head, volume);
        return { savedAt: head.savedAt, bytes: size };
      } catch {
        return null;
      }
    });
  }

  async restoreFromVolume(volume: string, who: Who): Promise<SavedSummary> {
    const bytes = await this.#withFiles(who.uid, async (files) => {
      const size = await this.#sizeOfKept(files, who);
      if (size === null) return null;
      if (size > SAVED_BYTES_MAX) throw new Error("The saved machine is damaged.");
      return files.read([DIRECTORY, NAME], size);
    });
    if (!bytes) throw new Error("There is no saved machine on the volume.");
    return this.restore(bytes, volume);
  }

  /** Null: there is none. A machine of other users' would do what they want with our rights. */
  async #sizeOfKept(files: VolumeFiles, { uid, gid }: Who): Promise<number | null> {
    const directory = await files.look([DIRECTORY]);
    const file = directory?.isDirectory ? await files.look([DIRECTORY, NAME]) : null;
    if (!directory || !file) return null;
    if (isOf(directory, [uid], gid) && isOf(file, [uid], gid)) return file.size;
    throw new Error(`/${DIRECTORY}/${NAME} ${OTHERS_MAY}: it is not brought back.`);
  }

  #check(head: SavedHead, volume: string): void {
    if (head.v86 !== this.host.parts.v86Version) {
      throw new Error("The machine was saved by a page with another version of the emulator.");
    }
    if (head.volume !== volume) {
      throw new Error(`The machine was saved on another volume: ${head.volume}.`);
    }
  }

  /** The session of the saved machine, with its files and locks, or the reason why not. */
  async #bringBack(saved: Saved): Promise<Carrier> {
    try {
      return await this.#connect(saved);
    } catch (error) {
      const { carrier } = this.host;
      const mayBeOurs = carrier?.client.itemKeys.some((key) => key.startsWith(LOCKS));
      if (!(error instanceof LocksHeld) || !mayBeOurs) throw error;
    }
    // All else is as it should be, and they may be those of the machine that is to go.
    await this.host.discard(true);
    return this.#connect(saved);
  }

  async #connect(saved: Saved): Promise<Carrier> {
    const carrier = this.host.makeCarrier();
    try {
      await this.#judge(carrier, saved);
      return carrier;
    } catch (error) {
      carrier.close(true);
      throw error;
    }
  }

  /** Throws the reason why the machine may not go on in the session that this carrier brings back. */
  async #judge(carrier: Carrier, { head, client }: Saved): Promise<void> {
    carrier.client.adopt(client);
    const isMounted = client.messageBytesMax !== 0;
    let failures: Failure[] | null = isMounted ? null : [];
    void carrier.restored().then((told) => {
      failures = told;
    });
    carrier.link.start();
    const isThere = () => carrier.client.isConnected && failures !== null;
    if (!(await until(isThere, BROUGHT_BACK_MS))) throw new Error(NO_ANSWER);
    const then = { epoch: BigInt(head.durable.epoch), segment: BigInt(head.durable.segment) };
    if (isBefore(carrier.client.durable, then)) {
      throw new Error("The volume is older than the saved machine: boot it anew instead.");
    }
    const isLock = ({ key }: Failure) => key.startsWith(LOCKS);
    if (failures?.some((failure) => !isLock(failure))) {
      throw new Error("Files that the saved machine has open are gone: boot it anew instead.");
    }
    const now = isMounted ? await within(BROUGHT_BACK_MS, NO_ANSWER, versionsOf(carrier)) : {};
    if (carrier.client.counts.lost > 0) {
      throw new Error("Changes of the saved machine cannot be brought back: boot it anew instead.");
    }
    if (Object.entries(head.versions).some(([fid, version]) => now[fid] !== version)) {
      throw new Error(
        "Files that the saved machine has open have changed since: it would overwrite them. " +
          "Boot it anew instead.",
      );
    }
    if (!failures?.some(isLock)) return;
    throw new LocksHeld(
      "Locks of the saved machine are held by another one (perhaps in another tab): " +
        "stop that one, or try again in a few minutes.",
    );
  }

  async #withFiles<Value>(
    uid: number,
    use: (files: VolumeFiles) => Promise<Value>,
  ): Promise<Value> {
    const files = await VolumeFiles.open(this.host.parts.openPlainSocket(), uid);
    try {
      return await use(files);
    } finally {
      files.close();
    }
  }
}
