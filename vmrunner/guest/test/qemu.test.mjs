// The same kernel and initramfs under QEMU: the control line, a volume over TCP, PostgreSQL, the end.
//   CAIRN=build/dev/bin/cairn node --test test/qemu.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { Qemu } from "./qemu.mjs";
import { Server } from "./server.mjs";
import { dir, files, run, type } from "./support.mjs";

const manifest = JSON.parse(fs.readFileSync(path.join(dir, "manifest.json")));
let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

async function boot(start = {}) {
  const commandLine = manifest.command_lines.qemu;
  const machine = new Qemu({ dir, commandLine, memory: manifest.memory_mib, files: files() });
  await machine.run();
  await machine.until(() => machine.control.events.some((e) => e.event === "ready"), "its start");
  const options = `trans=tcp,port=${server.port},version=9p2000.L,msize=262144,access=user,walkgetattr,cache=mmap`;
  machine.started = await machine.control.start({
    uid: 1000, gid: 1000, cols: 90, rows: 33, source: "10.0.2.2", options, ...start,
  });
  return machine;
}

test("QEMU boots to the same terminals, on the same volume", async () => {
  const machine = await boot();
  assert.deepEqual([machine.started.ok, machine.started.mounted], [true, "/mnt"]);
  await machine.until(() => machine.screens[2].includes("user@cairn"), "a prompt");
  await type(machine, "stty size; pwd", /33 90\r\n\/mnt/, { terminal: 2 });
  await run(machine, "chown 1000:1000 /mnt", "root");
  await run(machine, "head -c 5000000 /dev/urandom >/mnt/file; md5sum </mnt/file >/mnt/sum");
  assert.equal(await run(machine, "md5sum </mnt/file | cmp - /mnt/sum && rm /mnt/file"), "");
  await machine.destroy();
});

test("pg runs under QEMU, and poweroff ends it", async () => {
  const machine = await boot();
  await run(machine, "pg start");
  await run(machine, "pg psql -Atc 'CREATE TABLE q(a int); INSERT INTO q VALUES (7)'");
  await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
  machine.type(0, "poweroff\n");
  await machine.ended;
  assert.ok(machine.control.events.some((e) => e.event === "poweroff"));
  await machine.destroy();

  const again = await boot();
  assert.match(await run(again, "pg psql -Atc 'SELECT a FROM q'"), /^7$/m);
  await again.destroy();
});
