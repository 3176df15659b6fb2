// The frames of cairn.resume.v1, as protocol/resume/frames.h has them; PROTOCOL.md says what they
// mean. Bytes are views into what was decoded, or into what the encoder's caller keeps.
import { Decoder, Encoder } from "./bytes";

export const SUBPROTOCOL = "cairn.resume.v1";
const VERSION = 1;
const ENVELOPE_BYTES_MAX = 128 << 10;
const BLOB_BYTES_MAX = 96 << 10;
const KEY_BYTES_MAX = 32;
const ITEMS_MAX = 1 << 18;
const TERMS_MAX = 1024;
const KEPT_REPLIES_MAX = 1024;
const ID_BYTES = 16;

/** Names a session, and is the secret that lets a client come back to it. All zero: none. */
export type SessionId = Uint8Array;
export const NO_SESSION: SessionId = new Uint8Array(ID_BYTES);

/** When a change took effect: term of the writer, segment of the log, place in it. */
export interface Mark {
  epoch: bigint;
  segment: bigint;
  order: bigint;
}
/** Everything that took effect in this epoch in a segment before `segment` is durable. */
export interface Durable {
  epoch: bigint;
  segment: bigint;
}
/** The writer of `epoch` found the log to end before `segment`. */
export type Term = Durable;

/** A piece of the session's state, to be kept under its key; without a blob, to be forgotten. */
export interface Item {
  key: string; // bytes, as characters below 256
  blob: Uint8Array;
}
export const FORGET_ALL = "*";

export interface Numbers {
  number: number;
  received: number;
}

export interface Hello {
  id: SessionId;
  sent: number;
  received: number;
  began: Durable;
}
export interface Restore {
  numbers: Numbers;
  messageBytesMax: number;
  items: readonly Item[];
  lost: readonly bigint[];
}

export const Outcome = { new: 0, resumed: 1, rebuild: 2 } as const;

export interface KeptReply {
  answers: number;
  reply: Uint8Array;
}
export interface Welcome {
  type: "welcome";
  outcome: number;
  id: SessionId;
  received: number;
  graceSeconds: number;
  knowsUnanswered: boolean;
  began: Durable;
  durable: Durable;
  terms: Term[];
  kept: KeptReply[];
}
export interface Reply {
  type: "reply";
  numbers: Numbers;
  answers: number;
  durable: Durable;
  change: { mark: Mark; redo: Uint8Array } | null;
  items: Item[];
  message: Uint8Array;
}
export interface Failure {
  key: string;
  error: number; // an errno of Linux
}
export interface Restored {
  type: "restored";
  numbers: Numbers;
  answers: number;
  failures: Failure[];
}
export interface DurableFrame {
  type: "durable";
  durable: Durable;
}
export type ServerFrame = Welcome | Reply | Restored | DurableFrame;

const T = {
  hello: 1,
  request: 2,
  replay: 3,
  restore: 4,
  received: 5,
  commit: 6,
  bye: 7,
  end: 8,
  welcome: 0x81,
  reply: 0x82,
  restored: 0x83,
  durable: 0x84,
} as const;

export const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const bytesOfKey = (key: string): Uint8Array =>
  Uint8Array.from(key, (character) => character.charCodeAt(0));

function numbered(type: number, numbers: Numbers, more: number): Encoder {
  return new Encoder(17 + more).u8(type).u64(numbers.number).u64(numbers.received);
}

export function encodeHello(frame: Hello): Uint8Array<ArrayBuffer> {
  const out = new Encoder(64).u8(T.hello).u8(VERSION).raw(frame.id);
  out.u64(frame.sent).u64(frame.received);
  return out.u64(frame.began.epoch).u64(frame.began.segment).take();
}
export function encodeRequest(numbers: Numbers, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return numbered(T.request, numbers, message.length).raw(message).take();
}
export function encodeReplay(
  numbers: Numbers,
  redo: Uint8Array,
  message: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const size = 4 + redo.length + message.length;
  return numbered(T.replay, numbers, size).blob(redo).raw(message).take();
}
export function encodeRestore(frame: Restore): Uint8Array<ArrayBuffer> {
  const out = numbered(T.restore, frame.numbers, 4096).u32(frame.messageBytesMax);
  out.u32(frame.items.length);
  for (const item of frame.items) {
    out.u8(item.key.length).raw(bytesOfKey(item.key)).blob(item.blob);
  }
  out.u32(frame.lost.length);
  for (const ino of frame.lost) out.u64(ino);
  return out.take();
}
export function encodeReceived(received: number): Uint8Array<ArrayBuffer> {
  return new Encoder(9).u8(T.received).u64(received).take();
}
export function encodeCommit(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(T.commit);
}
export function encodeBye(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(T.bye);
}

/** In place of a Hello: that session's client is gone. */
export function encodeEnd(id: SessionId): Uint8Array<ArrayBuffer> {
  return new Encoder(1 + ID_BYTES).u8(T.end).raw(id).take();
}

function getNumbers(input: Decoder): Numbers {
  const numbers = { number: input.count(), received: input.count() };
  if (numbers.number === 0) input.fail();
  return numbers;
}
const getDurable = (input: Decoder): Durable => ({ epoch: input.u64(), segment: input.u64() });

/** So many elements: no more than the bytes that are left can hold. */
function getList<Element>(
  input: Decoder,
  max: number,
  bytesEach: number,
  get: () => Element,
): Element[] {
  const count = input.u32();
  if (count > max || count * bytesEach > input.left) {
    input.fail();
    return [];
  }
  const list: Element[] = [];
  while (list.length < count && !input.failed) list.push(get());
  return list;
}

function getKey(input: Decoder): string {
  const length = input.u8();
  if (length === 0 || length > KEY_BYTES_MAX) input.fail();
  return keyOf(input.raw(length));
}

function getWelcome(input: Decoder): Welcome {
  if (input.u8() !== VERSION) input.fail();
  const outcome = input.u8();
  if (outcome > Outcome.rebuild) input.fail();
  return {
    type: "welcome",
    outcome,
    id: input.raw(ID_BYTES),
    received: input.count(),
    graceSeconds: input.u32(),
    knowsUnanswered: input.u8() !== 0,
    began: getDurable(input),
    durable: getDurable(input),
    terms: getList(input, TERMS_MAX, 16, () => getDurable(input)),
    kept: getList(input, KEPT_REPLIES_MAX, 12, () => ({
      answers: input.count(),
      reply: input.blob(ENVELOPE_BYTES_MAX),
    })),
  };
}

function getChange(input: Decoder): Reply["change"] {
  const flags = input.u8();
  if (flags > 1) input.fail();
  if (flags === 0) return null;
  const mark = { epoch: input.u64(), segment: input.u64(), order: input.u64() };
  return { mark, redo: input.blob(BLOB_BYTES_MAX) };
}

function getReply(input: Decoder): Reply {
  return {
    type: "reply",
    numbers: getNumbers(input),
    answers: input.count(),
    durable: getDurable(input),
    change: getChange(input),
    items: getList(input, ITEMS_MAX, 6, () => ({
      key: getKey(input),
      blob: input.blob(BLOB_BYTES_MAX),
    })),
    message: input.raw(input.left),
  };
}

function getRestored(input: Decoder): Restored {
  return {
    type: "restored",
    numbers: getNumbers(input),
    answers: input.count(),
    failures: getList(input, ITEMS_MAX, 6, () => ({ key: getKey(input), error: input.u32() })),
  };
}

function getFrame(input: Decoder): ServerFrame | null {
  switch (input.u8()) {
    case T.welcome:
      return getWelcome(input);
    case T.reply:
      return getReply(input);
    case T.restored:
      return getRestored(input);
    case T.durable:
      return { type: "durable", durable: getDurable(input) };
    default:
      return null;
  }
}

/** Null: malformed, or over a limit. */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame | null {
  const input = new Decoder(bytes);
  const frame = getFrame(input);
  return input.finished ? frame : null;
}
