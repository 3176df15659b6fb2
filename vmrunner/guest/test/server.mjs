// A daemon for a test: `cairn serve` on a store in memory or a directory, with 9P on a free port.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export class Server {
  static async start({ storage = "memory:", program = process.env.CAIRN } = {}) {
    const server = new Server();
    server.work = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-guest-test."));
    const name = `guest-test-${process.pid}-${path.basename(server.work).slice(-6)}`;
    const words = ["serve", "--name", name, "--storage", storage, "--ninep", "127.0.0.1:0",
                   "--cache-dir", path.join(server.work, "cache")];
    server.process = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    server.ended = new Promise((resolve) => server.process.once("exit", resolve));
    server.port = await new Promise((resolve, reject) => {
      let log = "";
      const read = (bytes) => {
        log += bytes;
        const found = /ready 9p 127\.0\.0\.1:(\d+)/.exec(log);
        if (found) resolve(Number(found[1]));
      };
      server.process.stdout.on("data", read);
      server.process.stderr.on("data", read);
      server.ended.then(() => reject(new Error(`cairn ended:\n${log}`)));
    });
    return server;
  }

  async stop() {
    this.process.kill("SIGTERM");
    await this.ended;
    fs.rmSync(this.work, { recursive: true, force: true });
  }
}
