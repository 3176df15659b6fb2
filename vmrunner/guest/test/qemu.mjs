// A machine of QEMU, with the same terminals and the same control line as v86's. For tests.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { Control } from "../control.mjs";
import { Screens } from "../screens.mjs";

const PORTS = 4; // three terminals and the control line

export class Qemu extends Screens {
  constructor({ dir, commandLine, memory, files }) {
    super();
    this.work = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-qemu."));
    const consoles = Array.from({ length: PORTS }, (_, i) => [
      "-chardev", `socket,id=c${i},path=${this.socketPath(i)},server=on,wait=off`,
      "-device", `virtconsole,chardev=c${i}`,
    ]).flat();
    this.process = spawn("qemu-system-i386", [
      "-accel", "tcg", "-m", String(memory), "-nodefaults", "-no-user-config", "-display", "none",
      "-no-reboot", "-serial", "stdio", "-kernel", path.join(dir, "vmlinuz"),
      "-initrd", path.join(dir, "initramfs.gz"), "-append", commandLine,
      "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0",
      "-device", "virtio-serial-pci", ...consoles,
    ], { stdio: ["ignore", "pipe", "inherit"] });
    this.process.stdout.on("data", (bytes) => {
      this.kernel += bytes;
      this.changed();
    });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.control = new Control({ files, write: (bytes) => this.sockets[PORTS - 1].write(bytes) });
    this.control.changed = () => this.changed();
  }

  socketPath(i) {
    return path.join(this.work, `console${i}`);
  }

  async run() {
    this.sockets = await Promise.all(Array.from({ length: PORTS }, (_, i) => this.connect(i)));
  }

  // QEMU makes the sockets a moment after it has started.
  async connect(i) {
    for (;;) {
      const socket = net.connect(this.socketPath(i));
      const connected = await new Promise((resolve) => {
        socket.once("connect", () => resolve(true));
        socket.once("error", () => resolve(false));
      });
      if (!connected) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      socket.on("error", () => {});
      socket.on("data", (bytes) => (i < PORTS - 1 ? this.show(i, bytes) : this.control.feed(bytes)));
      return socket;
    }
  }

  type(terminal, text) {
    this.sockets[terminal].write(text);
  }

  async destroy() {
    this.process.kill("SIGKILL");
    await this.ended;
    fs.rmSync(this.work, { recursive: true, force: true });
  }
}
