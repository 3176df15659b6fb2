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
  if (!input.finished) throw new Error("The saved machine is damaged.");
  return client;
}

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(transform);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function encodeSaved(saved: Saved): Promise<Uint8Array<ArrayBuffer>> {
  const client = encodeClient(saved.client);
  const body = new Encoder(client.length + saved.machine.byteLength + 8);
  body.blob(client).raw(new Uint8Array(saved.machine));
  const packed = await through(body.take(), new CompressionStream("gzip"));
  const text = new TextEncoder();
  const head = text.encode(JSON.stringify(saved.head));
  const out = new Encoder(packed.length + head.length + 16).raw(text.encode(MAGIC));
  return out.blob(head).raw(packed).take();
}

function splitHead(bytes: Uint8Array): { head: SavedHead; end: number } {
  const input = new Decoder(bytes);
  if (new TextDecoder().decode(input.raw(MAGIC.length)) !== MAGIC) {
    throw new Error("This file is not a saved machine.");
  }
  const json = input.blob(HEAD_BYTES_MAX);
  if (input.failed) throw new Error("The saved machine is damaged.");
  const head = JSON.parse(new TextDecoder().decode(json)) as SavedHead;
  return { head, end: bytes.length - input.left };
}

/** Of the file's beginning. Throws a sentence if it is none, or one of another version. */
export function headOf(bytes: Uint8Array): SavedHead {
  const { head } = splitHead(bytes);
  if (head.format !== FORMAT) {
    throw new Error("The machine was saved by another version of this page.");
  }
  return head;
}

export async function decodeSaved(bytes: Uint8Array<ArrayBuffer>): Promise<Saved> {
  const head = headOf(bytes);
  const { end } = splitHead(bytes);
  let body: Uint8Array<ArrayBuffer>;
  try {
    body = await through(bytes.subarray(end), new DecompressionStream("gzip"));
  } catch {
    throw new Error("The saved machine is damaged.");
  }
  const input = new Decoder(body);
  const client = decodeClient(input.blob(body.length));
  return { head, client, machine: body.slice(body.length - input.left).buffer };
}
