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

export class ControlLine {
  #nextId = 1;
  #answers = new Map<number, (answer: Answer) => void>();
  #partial = "";
  readonly #decoder = new TextDecoder();

  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly onEvent: (event: GuestEvent) => void,
  ) {}

  /** Sends a request; resolves with the guest's answer. */
  request(verb: string, values: Values = {}): Promise<Answer> {
    const id = this.#nextId++;
    this.write(new TextEncoder().encode(this.#line(id, verb, values)));
    return new Promise((resolve) => this.#answers.set(id, resolve));
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
      const then = this.#answers.get(message.id);
      this.#answers.delete(message.id);
      then?.(message as Answer);
    } else if (message.event) {
      this.onEvent(message as GuestEvent);
    }
  }
}
