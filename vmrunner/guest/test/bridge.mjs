// Carries v86's 9P frames over TCP to a server, and counts them. For tests: it brings nothing back
// when the connection ends.
import net from "node:net";

const RLERROR = 7;
const EOPNOTSUPP = 95;

export class Bridge {
  /** `unknown`: a type of message that is answered as by a server that does not know it. */
  constructor(port, unknown) {
    this.messages = 0;
    this.types = new Map(); // how many of each have been asked
    this.waiting = 0;
    this.replies = new Map(); // tag -> function
    this.pending = Buffer.alloc(0);
    this.socket = net.connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (bytes) => this.onBytes(bytes));
    this.handle9p = (frame, reply) => {
      this.messages += 1;
      this.types.set(frame[4], this.asked(frame[4]) + 1);
      if (frame[4] === unknown) {
        reply(Uint8Array.of(11, 0, 0, 0, RLERROR, frame[5], frame[6], EOPNOTSUPP, 0, 0, 0));
        return;
      }
      this.waiting += 1;
      this.replies.set(frame[5] | (frame[6] << 8), reply);
      this.socket.write(frame);
    };
  }

  asked(type) {
    return this.types.get(type) ?? 0;
  }

  onBytes(bytes) {
    this.pending = this.pending.length ? Buffer.concat([this.pending, bytes]) : bytes;
    while (this.pending.length >= 7) {
      const size = this.pending.readUInt32LE(0);
      if (this.pending.length < size) return;
      const frame = new Uint8Array(this.pending.subarray(0, size));
      this.pending = this.pending.subarray(size);
      const tag = frame[5] | (frame[6] << 8);
      const reply = this.replies.get(tag);
      this.replies.delete(tag);
      this.waiting -= 1;
      reply?.(frame);
    }
  }

  close() {
    this.socket.destroy();
  }
}
