// A machine of v86 in Node: the guest with its terminals and its control line.
// The page does the same in TypeScript; what both keep to is in README.md.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { V86 } from "v86";
import { Control } from "./control.mjs";
import { Screens } from "./screens.mjs";

export const here = path.dirname(fileURLToPath(import.meta.url));
const CONTROL = 3; // hvc3
const WRITE_MAX = 4096; // the guest gives the device buffers of a page

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

export class Machine extends Screens {
  constructor(config) {
    super();
    this.emulator = new V86(options(config));
    this.ready = new Promise((resolve) => this.emulator.add_listener("emulator-ready", resolve));
    this.control = new Control({
      files: config.files,
      write: (bytes) => this.write(CONTROL, bytes),
      writeMemory: (bytes, address) => this.emulator.write_memory(bytes, address),
    });
    this.control.changed = () => this.changed();
    this.emulator.add_listener("serial0-output-byte", (byte) => {
      this.kernel += String.fromCharCode(byte);
      if (byte === 10) this.changed();
    });
    for (let i = 0; i < this.screens.length; ++i) {
      this.emulator.add_listener(`virtio-console${i}-output-bytes`, (bytes) => this.show(i, bytes));
    }
    const feed = (bytes) => this.control.feed(bytes);
    this.emulator.add_listener(`virtio-console${CONTROL}-output-bytes`, feed);
  }

  async run() {
    await this.ready;
    await this.emulator.run();
  }

  write(port, bytes) {
    for (let at = 0; at < bytes.length; at += WRITE_MAX) {
      this.emulator.bus.send(`virtio-console${port}-input-bytes`, bytes.subarray(at, at + WRITE_MAX));
    }
  }

  type(terminal, text) {
    this.write(terminal, Buffer.from(text));
  }

  // Over the control line, since v86 and Linux disagree on the order of columns and rows in the
  // device's own message.
  resize(terminal, cols, rows) {
    return this.control.request("size", { terminal, cols, rows });
  }

  async destroy() {
    await this.emulator.destroy();
  }
}
