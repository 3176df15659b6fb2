// The machine itself, in v86: its start, its restore, its terminals, its users, its end.
//   node --test test/machine.test.mjs
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { boot, dir, end, run, state, type } from "./support.mjs";

const manifest = JSON.parse(fs.readFileSync(path.join(dir, "manifest.json")));
after(() => setTimeout(() => process.exit(), 100).unref()); // v86 leaves a worker behind

test("a machine boots cold to a prompt", async () => {
  const machine = await boot({ commandLine: manifest.command_lines.v86 });
  await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
  await end(machine);
});

test("a restored machine has the time, and random numbers of its own", async () => {
  const told = [];
  for (const _ of [1, 2]) {
    const machine = await boot({});
    told.push(await run(machine, "head -c 16 /dev/urandom | md5sum; date +%s"));
    await end(machine);
  }
  const [[one, time], [other]] = told.map((text) => text.split("\n"));
  assert.notEqual(one, other);
  assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 120, `the guest's time is ${time}`);
});

test("a seed that is too short is refused, and the shells start all the same", async () => {
  const machine = await boot({ start: { seed: "00ff" } });
  assert.equal(machine.started.ok, false);
  assert.equal(machine.started.step, "start");
  await machine.until(() => machine.screens[2].includes("user@cairn"), "a prompt");
  await end(machine);
});

test("terminals know their size, also the shells to come", async () => {
  const machine = await boot({});
  await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
  await type(machine, "stty size", /30 100/);
  await machine.resize(0, 132, 43);
  await type(machine, "stty size", /43 132/);
  await type(machine, "exit", /built-in shell[^]*user@cairn/);
  await type(machine, "stty size", /43 132/);
  await type(machine, "stty size", /30 100/, { terminal: 2 });
  await end(machine);
});

test("the user is who he was said to be, and su asks for no password", async () => {
  const machine = await boot({ start: { uid: 1234, gid: 4321, hostname: "elsewhere" } });
  await machine.until(() => machine.screens[0].includes("user@elsewhere"), "a prompt");
  await type(machine, "id", /uid=1234\(user\) gid=4321\(user\)/);
  await type(machine, "su", /root@elsewhere/);
  await type(machine, "id", /uid=0\(root\)/);
  await type(machine, "exit", /user@elsewhere/);
  await end(machine);
});

test("a command's output comes back, cut when it is too long", async () => {
  const machine = await boot({});
  assert.equal(await run(machine, 'printf \'"\\\\\\t€\''), '"\\\t€');
  const failed = await machine.control.request("run", { command: "echo oh >&2; exit 3" });
  assert.deepEqual([failed.status, failed.output], [3, "oh\n"]);
  const long = await machine.control.request("run", { command: "head -c 100000 /dev/zero | tr '\\0' x" });
  assert.deepEqual([long.output.length, long.truncated], [65536, true]);
  await end(machine);
});

test("files of the host come whole, by memory and over the line", async () => {
  const machine = await boot({});
  const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => (i * 2654435761) >>> 13));
  machine.control.files = { some: bytes };
  const expected = createHash("sha256").update(bytes).digest("hex");
  for (const byMemory of [true, false]) {
    if (!byMemory) machine.control.writeMemory = undefined;
    assert.match(await run(machine, "host file some | sha256sum"), new RegExp(`^${expected}`));
  }
  const missing = await machine.control.request("run", { command: "host file none" });
  assert.equal(missing.status, 1);
  await end(machine);
});

test("poweroff is for everybody, and the host is told", async () => {
  const machine = await boot({});
  await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
  machine.type(0, "poweroff\n");
  await machine.until(() => machine.control.events.some((e) => e.event === "poweroff"), "the end");
  await end(machine);
});

test("root's own reboot, too, brings everything to its end first", async () => {
  const machine = await boot({});
  machine.control.request("run", { command: "/bin/busybox reboot", user: "root" });
  await machine.until(() => machine.control.events.some((e) => e.event === "reboot"), "the end");
  await end(machine);
});

test("a state that the page saves goes on where it was", async () => {
  const first = await boot({});
  await run(first, "echo kept >/tmp/file");
  await first.emulator.stop();
  const saved = await first.emulator.save_state();
  await end(first);
  const second = await boot({ state: { buffer: saved } });
  assert.equal(await run(second, "cat /tmp/file"), "kept");
  await end(second);
  assert.ok(fs.existsSync(state));
});
