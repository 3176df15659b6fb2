// What the guest's tests share: a daemon, machines on it, and the files that the host offers.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { Machine, here } from "../machine.mjs";
import { Bridge } from "./bridge.mjs";

export const dir = process.env.CAIRN_GUEST_OUT ?? path.join(here, "../../build/guest");
export const state = path.join(dir, "state.bin.zst");
const unpacked = (name) =>
  execFileSync("zstd", ["-dc", path.join(dir, name)], { maxBuffer: 1 << 28 });

let offered;
export function files() {
  offered ??= {
    "postgres.tar": unpacked("postgres.tar.zst"),
    "postgres-data.tar": unpacked("postgres-data.tar.zst"),
  };
  return offered;
}

export const mountOptions = (cache = "mmap") =>
  `trans=virtio,version=9p2000.L,msize=262144,access=user,walkgetattr,cache=${cache}`;

/**
 * A machine on the server's volume, started; `commandLine` boots it cold. To it the server does not
 * know the messages of the type `unknown`.
 */
export async function boot({ server, cache, commandLine, start = {}, unknown, ...config }) {
  const bridge = server && new Bridge(server.port, unknown);
  const machine = new Machine({
    dir,
    ...(commandLine ? { commandLine } : { state }),
    handle9p: bridge?.handle9p,
    files: files(),
    ...config,
  });
  machine.bridge = bridge;
  await machine.run();
  if (commandLine) {
    await machine.until(() => machine.control.events.some((e) => e.event === "ready"), "the guest's start");
  }
  const mount = server && { source: "host9p", options: mountOptions(cache) };
  machine.started = await machine.control.start({
    uid: 1000, gid: 1000, hostname: "cairn", cols: 100, rows: 30, ...mount, ...start,
  });
  return machine;
}

/** Runs a command; its output, trimmed. Fails with the output if its status is not 0. */
export async function run(machine, command, user = "user") {
  const { ok, status, output } = await machine.control.request("run", { command, user });
  if (!ok || status !== 0) throw new Error(`${command}: status ${status}\n${output}`);
  return output.trim();
}

/** Types a line into a terminal and waits until `expected` is there behind it. */
export async function type(machine, line, expected, { terminal = 0, seconds = 30 } = {}) {
  const from = machine.screens[terminal].length;
  machine.type(terminal, `${line}\n`);
  const behind = () => machine.screens[terminal].slice(from);
  await machine.until(() => expected.test(behind()), `${expected} after ${line}`, seconds);
  return behind();
}

export async function end(machine) {
  machine.bridge?.close();
  await machine.destroy();
}
