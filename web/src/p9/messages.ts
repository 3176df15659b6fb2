// The few messages of 9P2000.L that the page sends itself.
import { Decoder, Encoder } from "../resume/bytes";

export const NOTAG = 0xffff;
export const NOFID = 0xffffffff;
export const HEADER_BYTES = 7;

export const Type = {
  Rlerror: 7,
  Tlopen: 12,
  Tlcreate: 14,
  Tgetattr: 24,
  Tfsync: 50,
  Tmkdir: 72,
  Trenameat: 74,
  Tunlinkat: 76,
  Tversion: 100,
  Tattach: 104,
  Tflush: 108,
  Twalk: 110,
  Tread: 116,
  Twrite: 118,
  Tclunk: 120,
} as const;

export const tagOf = (message: Uint8Array): number => (message[5] ?? 0) | ((message[6] ?? 0) << 8);
export const typeOf = (message: Uint8Array): number => message[4] ?? 0;

/** A message of 9P around what `fill` writes. */
export function message(type: number, tag: number, fill: (out: Encoder) => void): Uint8Array {
  const out = new Encoder().u32(0).u8(type).u16(tag);
  fill(out);
  const bytes = out.take();
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return bytes;
}

const WORDS: Partial<Record<number, string>> = {
  1: "It is not allowed on the volume.",
  2: "It is not there on the volume.",
  5: "The volume could not read or write it.",
  13: "The volume's permissions do not allow it.",
  17: "It is there already.",
  20: "A part of the path is no directory.",
  27: "It is too large for the volume.",
  28: "The volume is full.",
  30: "The volume can only be read.",
  36: "A name is too long.",
  122: "The volume's quota is used up.",
};

/** The server has answered with an errno of Linux. */
export class P9Error extends Error {
  constructor(readonly errno: number) {
    super(WORDS[errno] ?? `The volume answers with error ${String(errno)}.`);
  }
}

/** What is behind the head of a reply to `type`; throws the error that it tells. */
export function bodyOf(type: number, reply: Uint8Array): Decoder {
  const body = new Decoder(reply.subarray(HEADER_BYTES));
  if (typeOf(reply) === Type.Rlerror) throw new P9Error(body.u32());
  if (typeOf(reply) !== type + 1) throw new Error("an answer to something else");
  return body;
}
