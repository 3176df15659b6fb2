// Reads and writes whole files of the volume over a connection of its own, as one user.
import type { Socket } from "../resume/link";
import { Encoder, type Decoder } from "../resume/bytes";
import { bodyOf, message, NOFID, NOTAG, P9Error, tagOf, Type } from "./messages";

const MSIZE = 1 << 20;
const HEAD_OF_DATA = 24; // of Twrite and Rread, and more
const ROOT = 0;
const FILE = 1;
const ENOENT = 2;
const EEXIST = 17;
const ENOSPC = 28;
const AT_ONCE = 8; // messages under way
const O_RDONLY = 0;
const O_WRONLY_EXCL = 0o201;
const ATTRIBUTES = 0x7ffn; // P9_GETATTR_BASIC
const IS_DIRECTORY = 0o040000; // of a mode
const KIND = 0o170000;

/** What is at a path. */
export interface Attributes {
  isDirectory: boolean;
  mode: number;
  uid: number;
  gid: number;
  size: number;
}

export class VolumeFiles {
  #waiting = new Map<number, { resolve(reply: Uint8Array): void; reject(error: Error): void }>();
  #nextTag = 0;
  #chunk = MSIZE - HEAD_OF_DATA;
  #error: Error | null = null;

  private constructor(private readonly socket: Socket) {
    socket.onmessage = (event: { data: ArrayBuffer }) => {
      const reply = new Uint8Array(event.data);
      const waiting = this.#waiting.get(tagOf(reply));
      this.#waiting.delete(tagOf(reply));
      waiting?.resolve(reply);
    };
    socket.onclose = () => {
      this.#fail(new Error("The connection to the volume has ended."));
    };
    socket.onerror = () => {};
  }

  static async open(socket: Socket, uid: number): Promise<VolumeFiles> {
    socket.binaryType = "arraybuffer";
    const files = new VolumeFiles(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => {
        resolve();
      };
      const onClose = socket.onclose;
      socket.onclose = (event) => {
        onClose?.(event);
        reject(new Error("The volume cannot be reached."));
      };
    });
    const version = await files.#ask(Type.Tversion, (out) => out.u32(MSIZE).string("9P2000.L"));
    files.#chunk = version.u32() - HEAD_OF_DATA;
    await files.#ask(Type.Tattach, (out) =>
      out.u32(ROOT).u32(NOFID).string("").string("").u32(uid),
    );
    return files;
  }

  close(): void {
    this.socket.close(1000);
  }

  #fail(error: Error): void {
    this.#error = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  async #ask(type: number, fill: (out: Encoder) => void): Promise<Decoder> {
    if (this.#error) throw this.#error;
    let tag = NOTAG;
    if (type !== Type.Tversion) {
      while (this.#waiting.has(this.#nextTag)) this.#nextTag = (this.#nextTag + 1) & 0xfff;
      tag = this.#nextTag;
    }
    const reply = await new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting.set(tag, { resolve, reject });
      this.socket.send(message(type, tag, fill) as Uint8Array<ArrayBuffer>);
    });
    return bodyOf(type, reply);
  }

  /** What `work` gives for what is there, whose fid is FILE meanwhile. Links are not followed. */
  async #at<T>(path: readonly string[], work: () => Promise<T>): Promise<T> {
    const found = await this.#ask(Type.Twalk, (out) => {
      out.u32(ROOT).u32(FILE).u16(path.length);
      for (const name of path) out.string(name);
    });
    if (found.u16() < path.length) throw new P9Error(ENOENT);
    try {
      return await work();
    } finally {
      await this.#ask(Type.Tclunk, (out) => out.u32(FILE)).catch(() => null);
    }
  }

  /** Null: there is nothing. */
  async #ifThere<T>(path: readonly string[], work: () => Promise<T>): Promise<T | null> {
    try {
      return await this.#at(path, work);
    } catch (error) {
      if (error instanceof P9Error && error.errno === ENOENT) return null;
      throw error;
    }
  }

  async #attributes(): Promise<Attributes> {
    const reply = await this.#ask(Type.Tgetattr, (out) => out.u32(FILE).u64(ATTRIBUTES));
    reply.raw(8 + 13); // which are valid, and the qid
    const mode = reply.u32();
    const [uid, gid] = [reply.u32(), reply.u32()];
    reply.raw(8 + 8); // links and device
    const isDirectory = (mode & KIND) === IS_DIRECTORY;
    return { isDirectory, mode: mode & 0o7777, uid, gid, size: reply.count() };
  }

  /** Null: there is nothing. Symbolic links are not followed. */
  look(path: readonly string[]): Promise<Attributes | null> {
    return this.#ifThere(path, () => this.#attributes());
  }

  /** Makes the directory, for its owner alone, if it is not there. */
  async makeDirectory(name: string, gid: number): Promise<void> {
    try {
      await this.#ask(Type.Tmkdir, (out) => out.u32(ROOT).string(name).u32(0o700).u32(gid));
    } catch (error) {
      if (!(error instanceof P9Error && error.errno === EEXIST)) throw error;
    }
  }

  /**
   * Writes a file and makes it durable, under its name only when it is whole. Until then it has a
   * name of its own: another page may be writing the same file.
   */
  async write(directory: string, name: string, bytes: Uint8Array, gid: number): Promise<void> {
    const partial = `${name}.${crypto.getRandomValues(new Uint32Array(1)).join("")}.part`;
    try {
      await this.#create(directory, partial, bytes, gid);
      await this.#at([directory], async () => {
        await this.#ask(Type.Trenameat, (out) =>
          out.u32(FILE).string(partial).u32(FILE).string(name),
        );
        await this.#ask(Type.Tfsync, (out) => out.u32(FILE).u32(0));
      });
    } catch (error) {
      await this.#remove(directory, partial).catch(() => null);
      throw error;
    }
  }

  async #create(directory: string, name: string, bytes: Uint8Array, gid: number): Promise<void> {
    await this.#at([directory], async () => {
      await this.#ask(Type.Tlcreate, (out) =>
        out.u32(FILE).string(name).u32(O_WRONLY_EXCL).u32(0o600).u32(gid),
      );
      await this.#inPieces(bytes.length, async (at, count) => {
        const piece = bytes.subarray(at, at + count);
        const reply = await this.#ask(Type.Twrite, (out) => out.u32(FILE).u64(at).blob(piece));
        if (reply.u32() !== count) throw new P9Error(ENOSPC);
      });
      await this.#ask(Type.Tfsync, (out) => out.u32(FILE).u32(0));
    });
  }

  async #remove(directory: string, name: string): Promise<void> {
    await this.#at([directory], () =>
      this.#ask(Type.Tunlinkat, (out) => out.u32(FILE).string(name).u32(0)),
    );
  }

  /** Its first `max` bytes. Null: there is none. */
  read(path: readonly string[], max: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#ifThere(path, async () => {
      const bytes = new Uint8Array(Math.min((await this.#attributes()).size, max));
      await this.#ask(Type.Tlopen, (out) => out.u32(FILE).u32(O_RDONLY));
      await this.#inPieces(bytes.length, async (at, count) => {
        const reply = await this.#ask(Type.Tread, (out) => out.u32(FILE).u64(at).u32(count));
        const piece = reply.blob(count);
        if (piece.length !== count) throw new Error("The file has changed while it was read.");
        bytes.set(piece, at);
      });
      return bytes;
    });
  }

  /** Several pieces under way at once; when it fails, none is under way any more. */
  async #inPieces(
    size: number,
    each: (at: number, count: number) => Promise<void>,
  ): Promise<void> {
    let at = 0;
    const work = async () => {
      while (at < size) {
        const from = at;
        at = Math.min(at + this.#chunk, size);
        await each(from, at - from).catch((error: unknown) => {
          at = size;
          throw error;
        });
      }
    };
    const done = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
    for (const one of done) if (one.status === "rejected") throw one.reason;
  }
}
