// Files of the host that programs in the guest ask for (`host file NAME`): over the control line,
// or, faster, into memory of the guest's that it has named for that.
import type { V86 } from "v86";
import type { ControlLine, GuestEvent } from "./control";

const PAGE = 4096;
const HEAD_BYTES = 40; // of a message on the control line, at most
const WINDOW = 12; // of the device's 16 buffers

/** The content of a file in pieces; null: there is none of that name. */
export type Provider = (
  name: string,
) => Promise<{ bytes: number | null; pieces: AsyncIterable<Uint8Array<ArrayBuffer>> } | null>;

export interface FileProgress {
  file: string;
  sent: number;
  total: number | null;
  isOver: boolean;
}

interface Stream {
  number: number;
  file: string;
  sent: number;
  total: number | null;
  taken: number;
  flying: number[]; // what will have been sent with each message that is not acknowledged
  turn: number;
  part: number;
  pages: number[];
  isGone: boolean;
  wake: (() => void) | null;
}

export class HostFiles {
  #streams = new Map<number, Stream>();

  constructor(
    private readonly emulator: V86,
    private readonly control: ControlLine,
    private readonly provider: Provider,
    private readonly told: (progress: FileProgress) => void,
  ) {}

  /** Some are on their way. */
  get isBusy(): boolean {
    return this.#streams.size > 0;
  }

  onEvent(event: GuestEvent): void {
    const number = event.stream ?? 0;
    if (event.event === "want") {
      void this.#serve(event);
      return;
    }
    const stream = this.#streams.get(number);
    if (!stream) return;
    if (event.event === "gone") stream.isGone = true;
    if (event.event === "took") stream.taken = event.bytes ?? 0;
    while (stream.flying.length > 0 && (stream.flying[0] ?? 0) <= stream.taken) {
      stream.flying.shift();
    }
    stream.wake?.();
  }

  async #serve(event: GuestEvent): Promise<void> {
    const stream: Stream = {
      number: event.stream ?? 0,
      file: event.file ?? "",
      sent: 0,
      total: null,
      taken: 0,
      flying: [],
      turn: 0,
      part: event.part ?? 0,
      pages: event.pages ?? [],
      isGone: false,
      wake: null,
    };
    this.#streams.set(stream.number, stream);
    let error: string | null;
    try {
      error = await this.#sendAll(stream);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    }
    this.#streams.delete(stream.number);
    this.#tell(stream, true);
    if (stream.isGone) return;
    const values = { stream: stream.number, ...(error === null ? {} : { error }) };
    await this.control.request("end", values).catch(() => null);
  }

  async #sendAll(stream: Stream): Promise<string | null> {
    const found = await this.provider(stream.file);
    if (!found) return "no such file";
    stream.total = found.bytes;
    const parts = stream.part > 0 ? (stream.pages.length * PAGE) / stream.part : 0;
    const size = parts > 0 ? stream.part : PAGE - HEAD_BYTES;
    for await (const piece of found.pieces) {
      for (let at = 0; at < piece.length; at += size) {
        while (stream.flying.length >= (parts || WINDOW) && !stream.isGone) await this.#ack(stream);
        if (stream.isGone) return null;
        const bytes = piece.subarray(at, at + size);
        if (parts > 0) this.#fill(stream, parts, bytes);
        else this.control.tell("data", { stream: stream.number, size: bytes.length }, bytes);
        stream.sent += bytes.length;
        stream.flying.push(stream.sent);
      }
      this.#tell(stream, false);
    }
    return null;
  }

  #ack(stream: Stream): Promise<void> {
    return new Promise((resolve) => {
      stream.wake = resolve;
    });
  }

  /** Writes into the guest's memory, where the guest has said that it may. */
  #fill(stream: Stream, parts: number, bytes: Uint8Array<ArrayBuffer>): void {
    const first = (stream.turn * stream.part) / PAGE;
    for (let at = 0; at < bytes.length; at += PAGE) {
      const page = stream.pages[first + at / PAGE] ?? 0;
      this.emulator.write_memory(bytes.subarray(at, at + PAGE), page * PAGE);
    }
    const values = { stream: stream.number, part: stream.turn, size: bytes.length };
    this.control.tell("filled", values);
    stream.turn = (stream.turn + 1) % parts;
  }

  #tell(stream: Stream, isOver: boolean): void {
    this.told({ file: stream.file, sent: stream.sent, total: stream.total, isOver });
  }
}
