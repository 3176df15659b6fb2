// A machine of v86 in Node: the guest with its terminals and its control line.
// The page does the same in TypeScript; what both keep to is in README.md.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { V86 } from "v86";

export const here = path.dirname(fileURLToPath(import.meta.url));
export const TERMINALS = 3;
const CONTROL = 3; // hvc3
const PAGE = 4096;
const WRITE_MAX = PAGE; // the guest gives the device buffers of a page
const WINDOW = 12; // of its 16 buffers; what finds none is dropped without a word

const buffer = (file) => {
  const bytes = fs.readFileSync(file);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) };
};

/** The options of v86 that the kernel and the state are made for. */
export function options({ dir, memory = 128, commandLine, handle9p, state, cold = !state }) {
  const at = (name) => path.join(dir, name);
  return {
    wasm_path: path.join(here, "node_modules/v86/build/v86.wasm"),
    bios: buffer(at("bios.bin")),
    vga_bios: buffer(at("vgabios.bin")),
    memory_size: memory << 20,
    vga_memory_size: 1 << 20,
    virtio_console: true,
    disable_speaker: true,
    autostart: false,
    filesystem: { handle9p: handle9p ?? (() => {}) },
    ...(cold && { bzimage: buffer(at("vmlinuz")), initrd: buffer(at("initramfs.gz")),
                  cmdline: commandLine }),
    ...(state && { initial_state: typeof state === "string" ? buffer(state) : state }),
  };
}

export class Machine {
  constructor(config) {
    this.kernel = "";
    this.screens = Array.from({ length: TERMINALS }, () => "");
    this.events = [];
    this.handlers = new Map(); // event -> function
    this.answers = new Map(); // id -> function
    this.streams = new Map(); // number -> what is still to be sent
    this.files = config.files ?? {};
    this.byMemory = true; // false: as a host does that cannot write into the guest's memory
    this.watchers = new Set();
    this.nextId = 1;
    this.partial = "";
    this.emulator = new V86(options(config));
    this.ready = new Promise((resolve) => this.emulator.add_listener("emulator-ready", resolve));
    this.listen();
  }

  listen() {
    const decoders = this.screens.map(() => new TextDecoder());
    const line = new TextDecoder();
    this.emulator.add_listener("serial0-output-byte", (byte) => {
      this.kernel += String.fromCharCode(byte);
      if (byte === 10) this.changed();
    });
    for (let i = 0; i < TERMINALS; ++i) {
      this.emulator.add_listener(`virtio-console${i}-output-bytes`, (bytes) => {
        this.screens[i] += decoders[i].decode(bytes, { stream: true });
        this.changed();
      });
    }
    this.emulator.add_listener(`virtio-console${CONTROL}-output-bytes`, (bytes) => {
      this.partial += line.decode(bytes, { stream: true });
      const lines = this.partial.split("\n");
      this.partial = lines.pop();
      lines.forEach((text) => this.onLine(text));
      this.changed();
    });
  }

  changed() {
    for (const watcher of this.watchers) watcher();
  }

  /** Waits until `test` holds; says what it waited for when it does not. */
  until(test, what = String(test), seconds = 60) {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        const found = test();
        if (!found) return;
        clearTimeout(timer);
        this.watchers.delete(watcher);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.watchers.delete(watcher);
        reject(new Error(`waited ${seconds} s in vain for ${what}\n--- kernel\n${
          this.kernel.slice(-1500)}\n--- terminal\n${this.screens[0].slice(-1500)}`));
      }, seconds * 1000);
      this.watchers.add(watcher);
      watcher();
    });
  }

  async run() {
    await this.ready;
    await this.emulator.run();
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
    if (message.event === "want") this.open(message);
    if (message.event === "took") this.acknowledge(message);
    if (message.event === "gone") this.streams.delete(message.stream);
    this.handlers.get(message.event)?.(message);
  }

  write(port, bytes) {
    for (let at = 0; at < bytes.length; at += WRITE_MAX) {
      this.emulator.bus.send(`virtio-console${port}-input-bytes`, bytes.subarray(at, at + WRITE_MAX));
    }
  }

  /** Sends a request over the control line; resolves with the guest's answer. */
  request(verb, values = {}) {
    const id = this.nextId++;
    const words = Object.entries(values).map(([k, v]) => `${k}=${encodeURIComponent(v)}`);
    this.write(CONTROL, Buffer.from(`${[id, verb, ...words].join(" ")}\n`));
    return new Promise((resolve) => this.answers.set(id, resolve));
  }

  start(values = {}) {
    const seed = Buffer.from(crypto.getRandomValues(new Uint8Array(64))).toString("hex");
    return this.request("start", { time: Date.now(), seed, ...values });
  }

  type(terminal, text) {
    this.write(terminal, Buffer.from(text));
  }

  // Over the control line, since v86 and Linux disagree on the order of columns and rows in the
  // device's own message.
  resize(terminal, cols, rows) {
    return this.request("size", { terminal, cols, rows });
  }

  // --- files that programs in the guest ask for
  open({ stream, file, part, pages }) {
    const bytes = this.files[file];
    if (!bytes) return void this.request("end", { stream, error: "no such file" });
    const state = { bytes, sent: 0, flying: [], part, pages: this.byMemory ? pages : [], turn: 0 };
    this.streams.set(stream, state);
    this.pump(stream, state);
  }

  acknowledge({ stream, bytes }) {
    const state = this.streams.get(stream);
    if (!state) return;
    while (state.flying.length && state.flying[0] <= bytes) state.flying.shift();
    this.pump(stream, state);
  }

  pump(stream, state) {
    const parts = state.pages.length && (state.pages.length * PAGE) / state.part;
    while (state.flying.length < (parts || WINDOW) && state.sent < state.bytes.length) {
      state.sent += parts ? this.fill(stream, state, parts) : this.sendData(stream, state);
      state.flying.push(state.sent);
    }
    if (state.sent === state.bytes.length && this.streams.delete(stream)) {
      this.request("end", { stream });
    }
  }

  /** Writes into the guest's memory, where the guest has said that it may. */
  fill(stream, state, parts) {
    const size = Math.min(state.part, state.bytes.length - state.sent);
    const first = (state.turn * state.part) / PAGE;
    for (let at = 0; at < size; at += PAGE) {
      const from = state.sent + at;
      const chunk = state.bytes.subarray(from, Math.min(from + PAGE, state.sent + size));
      this.emulator.write_memory(chunk, state.pages[first + at / PAGE] * PAGE);
    }
    this.write(CONTROL, Buffer.from(`0 filled stream=${stream} part=${state.turn} size=${size}\n`));
    state.turn = (state.turn + 1) % parts;
    return size;
  }

  sendData(stream, state) {
    const size = Math.min(WRITE_MAX - 40, state.bytes.length - state.sent);
    const head = Buffer.from(`0 data stream=${stream} size=${size}\n`);
    this.write(CONTROL, Buffer.concat([head, state.bytes.subarray(state.sent, state.sent + size)]));
    return size;
  }

  async destroy() {
    await this.emulator.destroy();
  }
}
