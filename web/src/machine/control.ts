// The guest's control line: requests in words, answers and events as JSON, one a line
// (vmrunner/guest/README.md).

export interface Answer {
  id: number;
  ok: boolean;
  step?: string;
  error?: string;
  errno?: number;
  status?: number;
  output?: string;
  truncated?: boolean;
}
export interface GuestEvent {
  event: string;
  text?: string;
  stream?: number;
  file?: string;
  bytes?: number;
  part?: number;
  pages?: number[];
}
export type Values = Record<string, string | number>;

const LINE_CHARACTERS_MAX = 4 << 20; // of the guest's
const FIRST_IDS = 1 << 24;

export class ControlLine {
  // A machine that was brought back may answer what was asked before it was saved: somewhere else.
  #nextId = 1 + Math.floor(Math.random() * FIRST_IDS);
  #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  #partial = "";
  readonly #decoder = new TextDecoder();

  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly onEvent: (event: GuestEvent) => void,
  ) {}

  /** Requests that the guest has not answered. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Sends a request; resolves with the guest's answer. Rejects when the machine goes before. */
  request(verb: string, values: Values = {}): Promise<Answer> {
    const id = this.#nextId++;
    this.write(new TextEncoder().encode(this.#line(id, verb, values)));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** The machine is gone. */
  close(): void {
    const error = new Error("The machine was switched off");
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  /** One that is not answered, with bytes behind its line. */
  tell(verb: string, values: Values, bytes = new Uint8Array(0)): void {
    const head = new TextEncoder().encode(this.#line(0, verb, values));
    const message = new Uint8Array(head.length + bytes.length);
    message.set(head);
    message.set(bytes, head.length);
    this.write(message);
  }

  #line(id: number, verb: string, values: Values): string {
    const words = Object.entries(values).map(([k, v]) => `${k}=${encodeURIComponent(v)}`);
    return `${[id, verb, ...words].join(" ")}\n`;
  }

  onBytes(bytes: Uint8Array): void {
    this.#partial += this.#decoder.decode(bytes, { stream: true });
    const lines = this.#partial.split("\n");
    this.#partial = lines.pop() ?? "";
    if (this.#partial.length > LINE_CHARACTERS_MAX) this.#partial = "";
    for (const line of lines) this.#onLine(line);
  }

  #onLine(line: string): void {
    let message: Partial<Answer & GuestEvent>;
    try {
      message = JSON.parse(line) as Partial<Answer & GuestEvent>;
    } catch {
      return;
    }
    if (message.id) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      waiting?.resolve(message as Answer);
    } else if (message.event) {
      this.onEvent(message as GuestEvent);
    }
  }
}
