// A daemon on a new volume, mounted, with its web door; killed and started again at will behind a
// relay whose address stays the same and whose connections can be cut. The volume is in the S3 server
// of the environment (scripts/s3-server.sh) if there is one, unless STORE=file.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

/** A name that browsers do not take for this machine: they have less for plain HTTP from there. */
export const REMOTE_NAME = "cairn.test";
const READY = / ready web http:\/\/127\.0\.0\.1:(\d+)/;
const START_MS = 60_000;

/** [storage], and how to reach it. */
function storage(work, name) {
  const { STORE, CAIRN_TEST_S3_ENDPOINT: endpoint } = process.env;
  if (STORE === "file" || !endpoint) return `[storage]\nurl = "file://${work}/bucket"`;
  return `[storage]
url = "s3://${process.env.CAIRN_TEST_S3_BUCKET}/${name}"
[aws]
endpoint = "${endpoint}"
region = "us-east-1"
access_key_id = "${process.env.CAIRN_TEST_S3_ACCESS_KEY}"
secret_access_key = "${process.env.CAIRN_TEST_S3_SECRET_KEY}"
allow_http = true`;
}

const REQUEST_LINE = /^(GET|POST|HEAD) [^\r\n]+ HTTP\/1\.1\r\n/;

/** A request's beginning with what a proxy adds. */
function asProxied(bytes) {
  const line = REQUEST_LINE.exec(bytes.subarray(0, 2000).toString("latin1"))?.[0];
  if (!line) return bytes;
  const added = `${line}X-Forwarded-For: 10.0.0.7\r\n`;
  return Buffer.concat([Buffer.from(added, "latin1"), bytes.subarray(line.length)]);
}

/** Hands connections on, to whatever port the daemon has by then. */
export class Relay {
  static async listen() {
    const relay = new Relay();
    relay.target = 0;
    relay.pairs = new Set();
    relay.sentBytes = 0;
    relay.isProxy = false; // true: who connects is a stranger to the daemon, and not root
    relay.server = net.createServer((socket) => relay.accept(socket));
    await new Promise((resolve) => relay.server.listen(0, "127.0.0.1", resolve));
    relay.port = relay.server.address().port;
    return relay;
  }

  accept(socket) {
    const onward = net.connect(this.target, "127.0.0.1");
    const pair = { socket, onward };
    this.pairs.add(pair);
    for (const [one, other] of [[socket, onward], [onward, socket]]) {
      one.setNoDelay(true);
      one.on("error", () => {});
      one.on("close", () => {
        this.pairs.delete(pair);
        other.destroy();
      });
    }
    onward.on("data", (bytes) => {
      this.sentBytes += bytes.length;
    });
    socket.on("data", (bytes) => onward.write(this.isProxy ? asProxied(bytes) : bytes));
    onward.pipe(socket);
  }

  /** Ends all connections, with what is under way on them. */
  cut() {
    for (const { socket, onward } of this.pairs) {
      socket.resetAndDestroy();
      onward.resetAndDestroy();
    }
  }

  close() {
    this.cut();
    this.server.close();
  }
}

export class Daemon {
  /** `settings` goes into [servers.webui]; `isProxied`: nobody is trusted without a password. */
  static async start({ program = process.env.CAIRN, settings = "", mount = true, isProxied = false } = {}) {
    if (!program) throw new Error("CAIRN names no program: CAIRN=build/release/bin/cairn");
    const daemon = new Daemon();
    daemon.program = program;
    daemon.work = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-page."));
    daemon.name = `page-${process.pid}-${path.basename(daemon.work).slice(-6).toLowerCase()}`;
    daemon.mnt = path.join(daemon.work, "mnt");
    fs.mkdirSync(daemon.mnt);
    daemon.mount = mount;
    daemon.relay = await Relay.listen();
    daemon.relay.isProxy = isProxied;
    daemon.url = `http://127.0.0.1:${daemon.relay.port}`;
    daemon.remoteUrl = `http://${REMOTE_NAME}:${daemon.relay.port}`;
    daemon.config = path.join(daemon.work, "cairn.toml");
    const guest = process.env.CAIRN_GUEST_OUT; // another image than that of build/guest
    daemon.cache = path.join(daemon.work, "cache");
    const text = `${storage(daemon.work, daemon.name)}
[cache]
dir = "${daemon.cache}"
[servers.webui]
addresses = ["127.0.0.1:0"]
hosts = ["127.0.0.1:${daemon.relay.port}", "${REMOTE_NAME}:${daemon.relay.port}"]
${guest ? `vm_dir = "${guest}"` : ""}
${settings}
`;
    fs.writeFileSync(daemon.config, text, { mode: 0o600 });
    await daemon.launch();
    if (mount) daemon.#openToAll();
    return daemon;
  }

  /** Durably: a test may kill the daemon at once, and what users may then not do again is lost. */
  #openToAll() {
    fs.chmodSync(this.mnt, 0o777);
    const root = fs.openSync(this.mnt, "r");
    fs.fsyncSync(root);
    fs.closeSync(root);
  }

  async launch() {
    const words = ["serve", "--name", this.name, "-c", this.config];
    if (this.mount) words.push("--mount", this.mnt);
    const log = path.join(this.work, "log");
    const out = fs.openSync(log, "a");
    const from = fs.fstatSync(out).size;
    this.process = spawn(this.program, words, { stdio: ["ignore", out, out] });
    fs.closeSync(out);
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    const end = Date.now() + START_MS;
    for (;;) {
      const told = fs.readFileSync(log, "utf8").slice(from);
      const found = READY.exec(told);
      if (found && (!this.mount || told.includes(" ready: "))) {
        this.relay.target = Number(found[1]);
        return;
      }
      if (isOver || Date.now() > end) throw new Error(`cairn does not start:\n${told}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends it as `signal` does. */
  async end(signal) {
    this.process.kill(signal);
    await this.ended;
    if (this.mount) spawnSync("umount", ["-l", this.mnt], { stdio: "ignore" });
  }

  /** Ends it as `signal` does, and starts it again; without a cache all that it has is the bucket. */
  async restart(signal = "SIGTERM", { emptyCache = false } = {}) {
    await this.end(signal);
    if (emptyCache) fs.rmSync(this.cache, { recursive: true });
    await this.launch();
  }

  log() {
    return fs.readFileSync(path.join(this.work, "log"), "utf8");
  }

  async stop() {
    this.relay.close();
    await this.end("SIGTERM");
    fs.rmSync(this.work, { recursive: true, force: true });
  }
}
