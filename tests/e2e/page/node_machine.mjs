// The page's machine in Node: the same TypeScript, without a browser.
import { webcrypto } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { importMachine } from "../../../web/scripts/node.mjs";

globalThis.crypto ??= webcrypto; // Node 18 has it under this name alone
const web = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../web");
const require = createRequire(path.join(web, "package.json"));
const { WebSocket } = require("ws");
const { endSession, Host, Keeper, SUBPROTOCOL } = await importMachine();
const wasm = new WebAssembly.Module(
  fs.readFileSync(path.join(web, "node_modules/v86/build/v86.wasm")),
);
const v86Version = JSON.parse(
  fs.readFileSync(path.join(web, "node_modules/v86/package.json"), "utf8"),
).version.split("+")[0];

const CLOSE_GOING_AWAY = 1001;
const SETTINGS = {
  memoryMib: 0, cold: false, root: "", cache: "mmap", uid: 0, gid: 0, size: { cols: 100, rows: 30 },
};

export class NodeMachine {
  /** A machine on the volume of the daemon whose web door is at `url`, not started yet. */
  constructor(url) {
    this.screens = ["", "", ""];
    this.phases = [];
    this.problems = [];
    const socketUrl = `${url.replace("http", "ws")}/ws/9p`;
    const open = (...words) => {
      const socket = new WebSocket(socketUrl, ...words);
      socket.on("error", () => {});
      this.socket = socket;
      return socket;
    };
    const decoders = this.screens.map(() => new TextDecoder());
    this.openSocket = () => open(SUBPROTOCOL);
    this.host = new Host({
      vmUrl: `${url}/vm/`,
      openSocket: this.openSocket,
      openPlainSocket: () => open([]),
      wasm: async (imports) => (await WebAssembly.instantiate(wasm, imports)).exports,
      v86Version,
      events: {
        phase: (phase, detail) => this.phases.push(`${phase} ${detail}`.trim()),
        progress: () => {},
        connection: () => {},
        refused: () => {},
        kernel: () => {},
        guest: () => {},
        file: () => {},
        output: (terminal, bytes) => {
          this.screens[terminal] += decoders[terminal].decode(bytes, { stream: true });
        },
      },
    });
    this.keeper = new Keeper(this.host);
  }

  boot(settings = {}) {
    return this.host.boot({ ...SETTINGS, ...settings });
  }

  /** Runs a command; its output, trimmed. Fails with the output if its status is not 0. */
  async run(command, user = "root") {
    const { status, output, error } = await this.host.machine.run(command, user);
    if (status !== 0) throw new Error(`${command}: status ${status}\n${output ?? error}`);
    return output.trim();
  }

  get counts() {
    return this.host.carrier.client.counts;
  }

  /** What its session is named by at the server. */
  get session() {
    return this.host.carrier.client.id;
  }

  /** As a browser ends a page that is closed: nothing of it says goodbye but the socket. */
  async leave() {
    const { socket } = this;
    socket.close = () => WebSocket.prototype.close.call(socket, CLOSE_GOING_AWAY);
    await this.host.discard(false);
  }

  /** As a page does with what an earlier one has left. */
  async endSession(id) {
    if (!(await endSession(this.openSocket, id))) throw new Error("the server does not answer");
  }

  async stop() {
    await this.host.discard(true);
  }
}
