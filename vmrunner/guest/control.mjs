// The host's side of the control line (README.md): requests and their answers, events, and the files
// that programs in the guest ask for. It knows no emulator: whoever carries the bytes gives it
// `write`, and `writeMemory(bytes, address)` where the host reaches the guest's memory.
import { webcrypto } from "node:crypto";

const PAGE = 4096;
const WRITE_MAX = PAGE; // the guest gives the device buffers of a page
const WINDOW = 12; // of its 16 buffers; what finds none is dropped by v86 without a word

export class Control {
  constructor({ write, writeMemory, files = {} }) {
    this.write = write;
    this.writeMemory = writeMemory;
    this.files = files;
    this.events = [];
    this.changed = () => {};
    this.answers = new Map(); // id -> function
    this.streams = new Map(); // number -> what is still to be sent
    this.nextId = 1;
    this.partial = "";
    this.decoder = new TextDecoder();
  }

  /** What has come from the guest, in whatever pieces. */
  feed(bytes) {
    this.partial += this.decoder.decode(bytes, { stream: true });
    const lines = this.partial.split("\n");
    this.partial = lines.pop();
    for (const line of lines) this.onLine(line);
    this.changed();
  }

  /** Sends a request; resolves with the guest's answer. */
  request(verb, values = {}) {
    const id = this.nextId++;
    const words = Object.entries(values).map(([k, v]) => `${k}=${encodeURIComponent(v)}`);
    this.send(Buffer.from(`${[id, verb, ...words].join(" ")}\n`));
    return new Promise((resolve) => this.answers.set(id, resolve));
  }

  start(values = {}) {
    const seed = Buffer.from(webcrypto.getRandomValues(new Uint8Array(64))).toString("hex");
    return this.request("start", { time: Date.now(), seed, ...values });
  }

  send(bytes) {
    for (let at = 0; at < bytes.length; at += WRITE_MAX) {
      this.write(bytes.subarray(at, at + WRITE_MAX));
    }
  }

  onLine(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.id) {
      this.answers.get(message.id)?.(message);
      this.answers.delete(message.id);
      return;
    }
    this.events.push(message);
    if (message.event === "want") this.onWant(message);
    if (message.event === "took") this.onTook(message);
    if (message.event === "gone") this.streams.delete(message.stream);
  }

  // --- files that programs in the guest ask for
  onWant({ stream, file, part, pages }) {
    const bytes = this.files[file];
    if (!bytes) return void this.request("end", { stream, error: "no such file" });
    const parts = this.writeMemory && pages.length ? (pages.length * PAGE) / part : 0;
    const state = { bytes, sent: 0, flying: [], part, pages, parts, turn: 0 };
    this.streams.set(stream, state);
    this.pump(stream, state);
  }

  onTook({ stream, bytes }) {
    const state = this.streams.get(stream);
    if (!state) return;
    while (state.flying.length && state.flying[0] <= bytes) state.flying.shift();
    this.pump(stream, state);
  }

  pump(stream, state) {
    while (state.flying.length < (state.parts || WINDOW) && state.sent < state.bytes.length) {
      state.sent += state.parts ? this.fill(stream, state) : this.sendData(stream, state);
      state.flying.push(state.sent);
    }
    if (state.sent === state.bytes.length && this.streams.delete(stream)) {
      this.request("end", { stream });
    }
  }

  /** Writes into the guest's memory, where the guest has said that it may. */
  fill(stream, state) {
    const size = Math.min(state.part, state.bytes.length - state.sent);
    const first = (state.turn * state.part) / PAGE;
    for (let at = 0; at < size; at += PAGE) {
      const from = state.sent + at;
      const chunk = state.bytes.subarray(from, Math.min(from + PAGE, state.sent + size));
      this.writeMemory(chunk, state.pages[first + at / PAGE] * PAGE);
    }
    this.send(Buffer.from(`0 filled stream=${stream} part=${state.turn} size=${size}\n`));
    state.turn = (state.turn + 1) % state.parts;
    return size;
  }

  sendData(stream, state) {
    const size = Math.min(WRITE_MAX - 40, state.bytes.length - state.sent);
    const head = Buffer.from(`0 data stream=${stream} size=${size}\n`);
    this.send(Buffer.concat([head, state.bytes.subarray(state.sent, state.sent + size)]));
    return size;
  }
}
