// Bytes for one of the guest's virtio consoles. v86 drops without a word what finds none of the
// guest's buffers free, and cuts what is longer than one: so pieces of a page, each when there is a
// buffer for it.
import type { V86 } from "v86";

const PIECE_BYTES = 4096;
const LOOK_AGAIN_MS = 5;
/** Where v86 cannot be asked for its buffers: so much at once and not more. */
const BLIND_PAUSE_MS = 20;

export class ConsoleInput {
  #pieces: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly emulator: V86,
    private readonly port: number,
  ) {}

  /** `bytes` are kept until they have gone. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#pieces.push(bytes.subarray(at, at + PIECE_BYTES));
    }
    if (!this.#timer) this.#send();
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#pieces = [];
  }

  #send(): void {
    this.#timer = null;
    for (;;) {
      const piece = this.#pieces[0];
      if (!piece) return;
      const hasRoom = this.#hasRoom();
      if (hasRoom !== false) {
        this.#pieces.shift();
        this.emulator.bus.send(`virtio-console${String(this.port)}-input-bytes`, piece);
      }
      if (hasRoom === true) continue;
      const pause = hasRoom === false ? LOOK_AGAIN_MS : BLIND_PAUSE_MS;
      this.#timer = setTimeout(() => {
        this.#send();
      }, pause);
      return;
    }
  }

  #hasRoom(): boolean | undefined {
    const queues = this.emulator.v86?.cpu.devices.virtio_console?.virtio.queues;
    const queue = queues?.[this.port === 0 ? 0 : 2 * this.port + 2];
    return queue?.has_request();
  }
}
