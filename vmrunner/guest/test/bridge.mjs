// Carries v86's 9P frames over TCP to a server, and counts them. For tests: it brings nothing back
// when the connection ends.
import net from "node:net";

export class Bridge {
  constructor(port) {
    this.messages = 0;
    this.waiting = 0;
    this.replies = new Map(); // tag -> function
    this.pending = Buffer.alloc(0);
    this.socket = net.connect(port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (bytes) => this.onBytes(bytes));
    this.handle9p = (frame, reply) => {
      this.messages += 1;
      this.waiting += 1;
      this.replies.set(frame[5] | (frame[6] << 8), reply);
      this.socket.write(frame);
    };
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
