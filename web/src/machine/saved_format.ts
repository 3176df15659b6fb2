// A saved machine: what is kept in a file, or in memory. A head in JSON, and packed behind it the
// state of the session and of the machine.
import { Decoder, Encoder } from "../resume/bytes";
import type { ClientState } from "../resume/client";
import { bytesOfKey, keyOf, type Durable, type Mark } from "../resume/frames";
import type { Settings } from "./host";

const MAGIC = "CAIRNVM\n";
export const FORMAT = 2;
const HEAD_BYTES_MAX = 1 << 20;
const BLOB_BYTES_MAX = 2 << 20;
/** Of a machine's state, besides its memory; and of the session's. */
const BESIDES_BYTES_MAX = 128 << 20;
/** A file that is larger is none. */
export const SAVED_BYTES_MAX = 1 << 30;
const MEMORY_MIB_MAX = 2047; // a WebAssembly's
const LAST_DAY_MS = 8.64e15; // that a Date can be of
const DAMAGED = "The saved machine is damaged.";

export interface SavedHead {
  format: number;
  v86: string;
  memoryMib: number;
  volume: string;
  savedAt: number; // ms since 1970
  settings: Settings;
  durable: { epoch: string; segment: string };
  /** The change counters of the files that were open, by fid. */
  versions: Record<string, string>;
}

export interface Saved {
  head: SavedHead;
  client: ClientState;
  machine: ArrayBuffer;
}

const putDurable = (out: Encoder, durable: Durable) => out.u64(durable.epoch).u64(durable.segment);
const getDurable = (input: Decoder): Durable => ({ epoch: input.u64(), segment: input.u64() });

const getMark = (input: Decoder): Mark => ({
  epoch: input.u64(),
  segment: input.u64(),
  order: input.u64(),
});

function encodeClient(client: ClientState): Uint8Array {
  const out = new Encoder(4096).u64(client.lastSent).u32(client.messageBytesMax);
  putDurable(out, client.began);
  putDurable(out, client.durable);
  out.u32(client.items.length);
  for (const item of client.items) out.blob(bytesOfKey(item.key)).blob(item.blob);
  out.u32(client.changes.length);
  for (const { first, mark, redo, message } of client.changes) {
    for (const each of [first, mark]) out.u64(each.epoch).u64(each.segment).u64(each.order);
    out.blob(redo).blob(message);
  }
  return out.take();
}

function decodeClient(bytes: Uint8Array): ClientState {
  const input = new Decoder(bytes);
  const client: ClientState = {
    lastSent: input.count(),
    messageBytesMax: input.u32(),
    began: getDurable(input),
    durable: getDurable(input),
    items: [],
    changes: [],
  };
  for (let left = input.u32(); left > 0 && !input.failed; --left) {
    client.items.push({ key: keyOf(input.blob(255)), blob: input.blob(BLOB_BYTES_MAX).slice() });
  }
  for (let left = input.u32(); left > 0 && !input.failed; --left) {
    const first = getMark(input);
    const mark = getMark(input);
    const redo = input.blob(BLOB_BYTES_MAX).slice();
    client.changes.push({ first, mark, redo, message: input.blob(BLOB_BYTES_MAX).slice() });
  }
  if (!input.finished) throw new Error(DAMAGED);
  return client;
}

async function pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A small file may unpack to any size. */
async function unpack(
  bytes: Uint8Array<ArrayBuffer>,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > bytesMax) {
      await reader.cancel();
      throw new Error("It is larger than its machine can be.");
    }
    pieces.push(value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

export async function encodeSaved(saved: Saved): Promise<Uint8Array<ArrayBuffer>> {
  const client = encodeClient(saved.client);
  const body = new Encoder(client.length + saved.machine.byteLength + 8);
  body.blob(client).raw(new Uint8Array(saved.machine));
  const packed = await pack(body.take());
  const text = new TextEncoder();
  const head = text.encode(JSON.stringify(saved.head));
  const out = new Encoder(packed.length + head.length + 16).raw(text.encode(MAGIC));
  return out.blob(head).raw(packed).take();
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown, max = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
const isText = (value: unknown): value is string => typeof value === "string";
const isU64 = (value: unknown) => isText(value) && /^\d{1,20}$/.test(value);
const isMemory = (value: unknown) => isNumber(value, MEMORY_MIB_MAX) && value > 0;

function areSettings(value: unknown): value is Settings {
  if (!isObject(value)) return false;
  const { memoryMib, cold, root, cache, uid, gid, size } = value;
  return (
    isNumber(memoryMib, MEMORY_MIB_MAX) &&
    typeof cold === "boolean" &&
    isText(root) &&
    (cache === "mmap" || cache === "none" || cache === "loose") &&
    [uid, gid].every((id) => isNumber(id, 0xffffffff)) &&
    isObject(size) &&
    [size["cols"], size["rows"]].every((count) => isNumber(count, 0xffff))
  );
}

function isHead(value: unknown): value is SavedHead {
  if (!isObject(value)) return false;
  const { v86, memoryMib, volume, savedAt, settings, durable, versions } = value;
  return (
    [v86, volume].every(isText) &&
    isMemory(memoryMib) &&
    isNumber(savedAt, LAST_DAY_MS) &&
    areSettings(settings) &&
    isObject(durable) &&
    [durable["epoch"], durable["segment"]].every(isU64) &&
    isObject(versions) &&
    Object.values(versions).every(isText)
  );
}

/** The head, and where it ends. Throws a sentence if this page can make nothing of it. */
function splitHead(bytes: Uint8Array): { head: SavedHead; end: number } {
  const input = new Decoder(bytes);
  if (new TextDecoder().decode(input.raw(MAGIC.length)) !== MAGIC) {
    throw new Error("This file is not a saved machine.");
  }
  const json = input.blob(HEAD_BYTES_MAX);
  if (input.failed) throw new Error(DAMAGED);
  let head: unknown;
  try {
    head = JSON.parse(new TextDecoder().decode(json));
  } catch {
    throw new Error(DAMAGED);
  }
  if (isObject(head) && isNumber(head["format"]) && head["format"] !== FORMAT) {
    throw new Error("The machine was saved by another version of this page.");
  }
  if (!isHead(head)) throw new Error(DAMAGED);
  return { head, end: bytes.length - input.left };
}

/** Of the file's beginning. Throws a sentence if it is none, or one of another version. */
export const headOf = (bytes: Uint8Array): SavedHead => splitHead(bytes).head;

export async function decodeSaved(bytes: Uint8Array<ArrayBuffer>): Promise<Saved> {
  const { head, end } = splitHead(bytes);
  let body: Uint8Array<ArrayBuffer>;
  try {
    body = await unpack(bytes.subarray(end), (head.memoryMib << 20) + BESIDES_BYTES_MAX);
  } catch {
    throw new Error(DAMAGED);
  }
  const input = new Decoder(body);
  const client = decodeClient(input.blob(body.length));
  return { head, client, machine: body.slice(body.length - input.left).buffer };
}
