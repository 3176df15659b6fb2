// The client's half of cairn.resume.v1 without its connection: protocol/resume/client.cc, in
// TypeScript. Takes a guest's 9P requests, gives it their replies, and brings both over dropped
// connections and crashes of the server. Of 9P it knows the head of a message, Rversion's msize and
// Rlerror. Whoever owns it connects, again and again, and tells it so.
import { Encoder } from "./bytes";
import { Changes, type KeptChange } from "./changes";
import {
  decodeServerFrame,
  encodeBye,
  encodeCommit,
  encodeHello,
  encodeReceived,
  encodeReplay,
  encodeRequest,
  encodeRestore,
  FORGET_ALL,
  NO_SESSION,
  Outcome,
  type Durable,
  type Item,
  type Failure,
  type Mark,
  type Reply,
  type Restored,
  type Term,
  type Welcome,
} from "./frames";

const TAG_AT = 5;
const HEADER_BYTES = 7;
const RLERROR = 7;
const RVERSION = 101;
const EIO = 5;

/** The server keeps its replies until it hears that they have come. */
const FRAMES_PER_ACKNOWLEDGEMENT = 32;
const BYTES_PER_ACKNOWLEDGEMENT = 256 << 10;
const STATE_BYTES_PER_FRAME = 512 << 10;
/** Requests that were answered and are not durable yet are kept; past all of it, new ones wait. */
const KEPT_BYTES_MAX = 64 << 20;

/** Others may have had the locks of what is adopted, and that is looked after (PROTOCOL.md). */
const LOCKS_ANEW: Item = { key: "N", blob: Uint8Array.of(1) };

export interface ClientEvents {
  send(frame: Uint8Array<ArrayBuffer>): void; // on the connection there is
  reply(message: Uint8Array): void; // for the guest
  /** All of the state is at the server again, but for what could not be brought back. */
  restored?(failures: Failure[]): void;
}

/** What happened to the session, for people. */
export interface Counts {
  resumed: number; // dropped connections that the session survived
  rebuilt: number; // ... and servers
  sentAgain: number; // changes that a crash had undone
  lost: number; // ... that could not be done again: their files answer EIO
  stale: number; // fids and locks that could not be brought back
}

/** All that a client needs to go on elsewhere; there are no requests without an answer. */
export interface ClientState {
  lastSent: number;
  messageBytesMax: number;
  began: Durable;
  durable: Durable;
  items: Item[];
  changes: KeptChange[];
}

type Sent =
  | { kind: "request"; message: Uint8Array }
  | { kind: "replay"; message: Uint8Array; first: Mark }
  | { kind: "restore"; items: Item[] };

const typeOf = (message: Uint8Array): number =>
  message.length < HEADER_BYTES ? 0 : (message[4] ?? 0);

/** What a crash between then and now has undone. */
function isLost(mark: Mark, terms: readonly Term[]): boolean {
  for (const term of terms) {
    if (term.epoch > mark.epoch) return mark.segment >= term.segment;
  }
  return true;
}

export class ResumeClient {
  #id = NO_SESSION;
  #began: Durable = { epoch: 0n, segment: 0n };
  #durable: Durable = { epoch: 0n, segment: 0n };
  #connected = false;
  #welcomed = false;
  #commitAsked = false;
  #lastSent = 0;
  #received = 0;
  #unacknowledgedFrames = 0;
  #unacknowledgedBytes = 0;
  #messageBytesMax = 0;
  #adopted = false; // the state is another client's, and not on any server yet
  readonly #sent = new Map<number, Sent>(); // numbered and not answered, ascending
  #queued: Uint8Array[] = []; // requests without a number yet
  readonly #changes = new Changes(); // answered, not known to be durable
  readonly #items = new Map<string, Uint8Array>();
  #failures: Failure[] = []; // of the frames of a state that were answered
  readonly counts: Counts = { resumed: 0, rebuilt: 0, sentAgain: 0, lost: 0, stale: 0 };

  constructor(
    private readonly events: ClientEvents,
    private readonly keptBytesMax = KEPT_BYTES_MAX,
  ) {}

  /** Requests without an answer. */
  get unanswered(): number {
    return this.#sent.size + this.#queued.length;
  }
  /** Changes that a crash of the server may undo, and that would be sent again then. */
  get undurable(): number {
    return this.#changes.count;
  }
  get isConnected(): boolean {
    return this.#welcomed;
  }
  /** What Rversion said; 0 before. */
  get messageBytesMax(): number {
    return this.#messageBytesMax;
  }
  get durable(): Durable {
    return this.#durable;
  }
  /** What names the session at the server; all zero: there is none yet. */
  get id(): Uint8Array {
    return this.#id;
  }
  get itemKeys(): string[] {
    return [...this.#items.keys()];
  }

  state(): ClientState {
    return {
      lastSent: this.#lastSent,
      messageBytesMax: this.#messageBytesMax,
      began: this.#began,
      durable: this.#durable,
      items: [...this.#items].map(([key, blob]) => ({ key, blob })),
      changes: [...this.#changes.all],
    };
  }

  /**
   * Goes on with what another client had: the next Hello asks for a new session for it. Its locks
   * are taken anew if they are free; whether files have changed meanwhile is the caller's to find out.
   */
  adopt(state: ClientState): void {
    this.#adopted = true;
    // One that has numbered nothing yet would be taken for a client without a past.
    this.#lastSent = Math.max(state.lastSent, 1);
    this.#messageBytesMax = state.messageBytesMax;
    this.#began = state.began;
    this.#durable = state.durable;
    this.#apply(state.items);
    for (const change of state.changes) this.#changes.add(change);
  }

  /** A whole 9P request of the guest's. Tags are the guest's affair. */
  request(message: Uint8Array): void {
    this.#queued.push(message);
    this.#pump();
  }

  /** There is a new connection: says Hello. */
  onConnected(): void {
    this.#connected = true;
    this.#welcomed = false;
    this.events.send(
      encodeHello({
        id: this.#id,
        sent: this.#lastSent,
        received: this.#received,
        began: this.#began,
      }),
    );
  }

  onDisconnected(): void {
    this.#connected = this.#welcomed = this.#commitAsked = false;
  }

  /** The session is refused: the next Hello asks for a new one, and all state is brought to it. */
  beginAnew(): void {
    this.#id = NO_SESSION;
  }

  /** The session is not to be kept. */
  sayGoodbye(): void {
    if (this.#welcomed) this.events.send(encodeBye());
  }

  /** Asks for everything to become durable; `undurable` falls to 0 when it has. */
  commit(): void {
    if (this.#welcomed) this.events.send(encodeCommit());
  }

  /** False: this is no server of ours, or it is not where it was; close the connection. */
  onFrame(bytes: Uint8Array): boolean {
    const frame = decodeServerFrame(bytes);
    if (!frame || !this.#connected) return false;
    if (frame.type === "welcome") return this.#onWelcome(frame);
    if (!this.#welcomed) return false;
    if (frame.type === "durable") {
      this.#onDurable(frame.durable);
      this.#commitAsked = false;
      this.#askForCommit();
      this.#pump();
      return true;
    }
    if (frame.numbers.number !== this.#received + 1) return false;
    if (frame.type === "restored") {
      if (!this.#onRestored(frame)) return false;
    } else {
      ++this.#received;
      if (!this.#onReply(frame)) return false;
    }
    this.#acknowledge(bytes.length);
    this.#pump();
    return true;
  }

  #isFull(): boolean {
    return this.#changes.bytes > this.keptBytesMax;
  }

  #pump(): void {
    while (this.#welcomed && !this.#isFull()) {
      const message = this.#queued.shift();
      if (!message) return;
      this.#sendNew({ kind: "request", message });
    }
  }

  #sendNew(sent: Sent): void {
    const number = ++this.#lastSent;
    this.#sent.set(number, sent);
    this.#sendNumbered(number, sent);
  }

  #sendNumbered(number: number, sent: Sent): void {
    const numbers = { number, received: this.#received };
    this.#unacknowledgedFrames = this.#unacknowledgedBytes = 0;
    if (sent.kind === "request") return this.events.send(encodeRequest(numbers, sent.message));
    if (sent.kind === "replay") {
      const redo = this.#changes.find(sent.first)?.redo ?? new Uint8Array(0);
      return this.events.send(encodeReplay(numbers, redo, sent.message));
    }
    const { items } = sent;
    this.events.send(
      encodeRestore({ numbers, messageBytesMax: this.#messageBytesMax, items, lost: [] }),
    );
  }

  /** In as many frames as it takes; one without items says that it was the last. */
  #sendState(isAdopted: boolean): void {
    this.#failures = [];
    let items: Item[] = isAdopted ? [LOCKS_ANEW] : [];
    let bytes = 0;
    for (const [key, blob] of this.#items) {
      items.push({ key, blob });
      bytes += key.length + blob.length;
      if (bytes <= STATE_BYTES_PER_FRAME) continue;
      this.#sendNew({ kind: "restore", items });
      items = [];
      bytes = 0;
    }
    if (items.length > 0) this.#sendNew({ kind: "restore", items });
    this.#sendNew({ kind: "restore", items: [] });
  }

  #onWelcome(welcome: Welcome): boolean {
    if (this.#welcomed) return false;
    if (welcome.outcome === Outcome.resumed) {
      const isOurs = welcome.id.every((byte, at) => byte === this.#id[at]);
      if (!isOurs || welcome.received > this.#lastSent) return false;
      ++this.counts.resumed;
      this.#welcomed = true;
      for (const [number, sent] of this.#sent) {
        if (number > welcome.received) this.#sendNumbered(number, sent);
      }
      this.#onDurable(welcome.durable);
      this.#pump();
      return true;
    }
    const isFirst = welcome.outcome === Outcome.new && this.#lastSent === 0;
    if (!isFirst && !this.#adopted) ++this.counts.rebuilt;
    const isAdopted = this.#adopted;
    this.#adopted = false;
    this.#id = welcome.id.slice();
    this.#began = welcome.began;
    this.#received = 0;
    if (isFirst) this.#onDurable(welcome.durable);
    else this.#rebuild(welcome, isAdopted);
    // Only now, since a guest that gets an answer on the way may have a request at once.
    this.#welcomed = true;
    this.#pump();
    return true;
  }

  /**
   * The server knows of us at most what it had kept. What was lost is sent again first, in the order
   * in which it had been done; then the state as we know it; then what was not answered.
   */
  #rebuild(welcome: Welcome, isAdopted: boolean): void {
    this.#takeKept(welcome);
    const again: Uint8Array[] = [];
    const mayRepeat = welcome.knowsUnanswered && welcome.outcome === Outcome.rebuild;
    for (const sent of this.#sent.values()) {
      if (sent.kind !== "request") continue;
      if (mayRepeat) again.push(sent.message);
      else this.#answerWithError(sent.message, EIO);
    }
    this.#sent.clear();
    if (welcome.outcome === Outcome.new) this.#lastSent = 0;
    for (const change of [...this.#changes.all]) {
      if (change.mark.epoch === welcome.durable.epoch) continue;
      if (isLost(change.mark, welcome.terms)) {
        ++this.counts.sentAgain;
        this.#sendNew({ kind: "replay", message: change.message, first: change.first });
      } else {
        this.#changes.forget(change.first);
      }
    }
    this.#onDurable(welcome.durable);
    if (this.#messageBytesMax !== 0) this.#sendState(isAdopted);
    this.#queued.unshift(...again);
  }

  /** They speak of what is in the log: nothing of it can be lost any more. */
  #takeKept(welcome: Welcome): void {
    for (const kept of welcome.kept) {
      const sent = this.#sent.get(kept.answers);
      const reply = sent && decodeServerFrame(kept.reply);
      if (reply?.type !== "reply") continue;
      this.#sent.delete(kept.answers);
      this.#onAnswer(reply, sent as Sent, true);
    }
  }

  #onRestored(frame: Restored): boolean {
    if (!this.#sent.delete(frame.answers)) return false;
    ++this.#received;
    this.counts.stale += frame.failures.length;
    this.#failures.push(...frame.failures);
    if ([...this.#sent.values()].some((sent) => sent.kind === "restore")) return true;
    this.events.restored?.(this.#failures.splice(0));
    return true;
  }

  #onReply(reply: Reply): boolean {
    const sent = this.#sent.get(reply.answers);
    if (!sent) return false;
    this.#sent.delete(reply.answers);
    this.#onAnswer(reply, sent, false);
    this.#onDurable(reply.durable);
    return true;
  }

  #onAnswer(reply: Reply, sent: Sent, isDurable: boolean): void {
    this.#apply(reply.items);
    if (sent.kind === "replay") {
      this.#changes.forget(sent.first);
      if (typeOf(reply.message) === RLERROR) ++this.counts.lost;
    }
    if (typeOf(reply.message) === RVERSION && reply.message.length >= HEADER_BYTES + 4) {
      const view = new DataView(reply.message.buffer, reply.message.byteOffset);
      this.#messageBytesMax = view.getUint32(HEADER_BYTES, true);
    }
    if (reply.change && !isDurable && sent.kind !== "restore") {
      const { mark, redo } = reply.change;
      const first = sent.kind === "replay" ? sent.first : mark;
      this.#keep({ first, mark, redo: redo.slice(), message: sent.message });
    }
    if (sent.kind === "request" && reply.message.length > 0) this.events.reply(reply.message);
  }

  #apply(items: readonly Item[]): void {
    for (const item of items) {
      if (item.key === FORGET_ALL) this.#items.clear();
      else if (item.blob.length === 0) this.#items.delete(item.key);
      else this.#items.set(item.key, item.blob.slice());
    }
  }

  #keep(change: KeptChange): void {
    this.#changes.add(change);
    this.#askForCommit();
  }

  #askForCommit(): void {
    const isHalfFull = this.#changes.bytes > this.keptBytesMax / 2;
    if (!isHalfFull || this.#commitAsked || !this.#welcomed) return;
    this.#commitAsked = true;
    this.events.send(encodeCommit());
  }

  #onDurable(durable: Durable): void {
    const { epoch, segment } = this.#durable;
    if (epoch === durable.epoch && segment === durable.segment) return;
    this.#durable = durable;
    this.#changes.forgetDurable(durable);
  }

  #answerWithError(request: Uint8Array, ecode: number): void {
    if (request.length < HEADER_BYTES) return;
    const out = new Encoder(HEADER_BYTES + 4).u32(HEADER_BYTES + 4).u8(RLERROR);
    out.raw(request.subarray(TAG_AT, TAG_AT + 2)).u32(ecode);
    this.events.reply(out.take());
  }

  #acknowledge(bytes: number): void {
    ++this.#unacknowledgedFrames;
    this.#unacknowledgedBytes += bytes;
    if (
      this.#unacknowledgedFrames < FRAMES_PER_ACKNOWLEDGEMENT &&
      this.#unacknowledgedBytes < BYTES_PER_ACKNOWLEDGEMENT
    ) {
      return;
    }
    this.#unacknowledgedFrames = this.#unacknowledgedBytes = 0;
    this.events.send(encodeReceived(this.#received));
  }
}
