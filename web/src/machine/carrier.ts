// Carries 9P between a machine (and the page itself) and the volume, over a session that resumes.
import { message, NOTAG, tagOf, Type } from "../p9/messages";
import { ResumeClient, type Counts } from "../resume/client";
import type { Failure } from "../resume/frames";
import { Link, type LinkState, type Socket } from "../resume/link";

/** Tags of ours, which no Linux comes to: its own count from 0. */
const OWN_TAGS_FROM = 0xff00;
const PROBE_TAG = 0xfefe;

export interface Connection {
  state: LinkState;
  session: string; // its name at the server, in hex
  counts: Counts;
  undurable: number;
}

export interface CarrierEvents {
  changed(): void;
  refused?(): void;
}

export class Carrier {
  readonly client: ResumeClient;
  readonly link: Link;
  /** Messages of the guest's, in all: for a light. */
  messages = 0;
  bytes = 0;
  #waiting = new Map<number, (reply: Uint8Array) => void>(); // of the guest's, by tag
  #own = new Map<number, (reply: Uint8Array) => void>();
  #nextOwn = OWN_TAGS_FROM;
  #isProbing = false;
  #restored: ((failures: Failure[]) => void) | null = null;

  constructor(open: () => Socket, events: CarrierEvents) {
    this.client = new ResumeClient({
      send: (frame) => {
        this.link.send(frame);
      },
      reply: (reply) => {
        this.#onReply(reply);
      },
      restored: (failures) => {
        this.#restored?.(failures);
        events.changed();
      },
    });
    this.link = new Link(open, this.client, {
      changed: () => {
        events.changed();
      },
      refused: () => events.refused?.(),
      probe: () => this.#probe(),
    });
  }

  get connection(): Connection {
    return {
      state: this.link.state,
      session: Array.from(this.client.id, (byte) => byte.toString(16).padStart(2, "0")).join(""),
      counts: { ...this.client.counts },
      undurable: this.client.undurable,
    };
  }

  /** Requests of the guest's without an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What v86 calls for each message. */
  handle9p = (request: Uint8Array, reply: (message: Uint8Array) => void): void => {
    ++this.messages;
    this.bytes += request.length;
    this.#waiting.set(tagOf(request), reply);
    this.client.request(request);
  };

  /** A request of the page's own in the guest's session; `fill` writes what is behind the head. */
  ask(type: number, fill: Parameters<typeof message>[2]): Promise<Uint8Array> {
    while (this.#own.has(this.#nextOwn) || this.#nextOwn >= NOTAG) {
      this.#nextOwn = this.#nextOwn >= NOTAG ? OWN_TAGS_FROM : this.#nextOwn + 1;
    }
    const tag = this.#nextOwn++;
    return new Promise((resolve) => {
      this.#own.set(tag, resolve);
      this.client.request(message(type, tag, fill));
    });
  }

  /** Resolves with what could not be brought back, once the state has been. */
  restored(): Promise<Failure[]> {
    return new Promise((resolve) => {
      this.#restored = resolve;
    });
  }

  /** The machine is gone: its requests get no answers any more. */
  close(isForGood: boolean): void {
    if (isForGood) this.client.sayGoodbye();
    this.link.close();
    this.#waiting.clear();
  }

  #onReply(reply: Uint8Array): void {
    const tag = tagOf(reply);
    if (tag === PROBE_TAG) {
      this.#isProbing = false;
      return;
    }
    const waiting = tag >= OWN_TAGS_FROM && tag !== NOTAG ? this.#own : this.#waiting;
    const then = waiting.get(tag);
    waiting.delete(tag);
    if (then) {
      this.bytes += reply.length;
      then(reply);
    }
  }

  /** A Tflush of nothing is answered at once, whatever else the server waits for. */
  #probe(): boolean {
    if (this.#isProbing) return true;
    if (this.client.messageBytesMax === 0) return false;
    this.#isProbing = true;
    this.client.request(message(Type.Tflush, PROBE_TAG, (out) => out.u16(PROBE_TAG)));
    return true;
  }
}
