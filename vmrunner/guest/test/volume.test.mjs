// The machine on a volume of a real daemon, by 9P: files, other doors, PostgreSQL.
//   CAIRN=build/dev/bin/cairn node --test test/volume.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { boot, end, run, type } from "./support.mjs";
import { Server } from "./server.mjs";

let server;
before(async () => {
  server = await Server.start();
  const machine = await boot({ server });
  await run(machine, "chown 1000:1000 /mnt", "root");
  await end(machine);
});
after(async () => {
  await server.stop();
  setTimeout(() => process.exit(), 100).unref(); // v86 leaves a worker behind
});

test("shells start on the volume, which keeps what they write", async () => {
  const first = await boot({ server });
  await first.until(() => first.screens[0].includes("user@cairn"), "a prompt");
  await type(first, "mkdir d; echo some text >d/file; ln -s file d/link; readlink d/link", /^file\r/m);
  await end(first);
  const second = await boot({ server });
  assert.equal(await run(second, "cat d/link; stat -c '%U %a' d/file"), "some text\nuser 644");
  await end(second);
});

test("a volume that cannot be mounted is told, and there is a shell", async () => {
  const machine = await boot({ server, start: { options: "trans=virtio,version=nonsense" } });
  assert.deepEqual([machine.started.ok, machine.started.step], [false, "mount"]);
  await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
  const again = await machine.control.request("mount", {
    source: "host9p", options: "trans=virtio,version=9p2000.L,cache=mmap",
  });
  assert.deepEqual([again.ok, again.mounted], [true, "/mnt"]);
  await end(machine);
});

test("two machines see each other's changes at once", async () => {
  const one = await boot({ server });
  const other = await boot({ server });
  await run(one, "echo one >/mnt/shared");
  assert.equal(await run(other, "cat /mnt/shared; echo other >>/mnt/shared"), "one");
  assert.equal(await run(one, "cat /mnt/shared; rm /mnt/shared"), "one\nother");
  assert.equal(await run(other, "ls /mnt/shared 2>/dev/null || echo gone"), "gone");
  await end(one);
  await end(other);
});

/** Twalk, Tgetattr, Tclunk, and the one that says all (PROTOCOL.md of the server). */
const [WALK, GETATTR, CLUNK, WALKGETATTR] = [110, 24, 120, 90];
const LIST = "mkdir /mnt/many && cd /mnt/many && for i in $(seq 50); do echo $i >$i; done";

async function asked(machine, command) {
  const before = new Map(machine.bridge.types);
  const output = await run(machine, command);
  const of = (type) => machine.bridge.asked(type) - (before.get(type) ?? 0);
  return { output, walks: of(WALK), getattrs: of(GETATTR), clunks: of(CLUNK), both: of(WALKGETATTR) };
}

test("a file that is only looked at takes one message", async () => {
  const machine = await boot({ server });
  await run(machine, `${LIST}; grep -q walkgetattr /proc/mounts`);
  const list = await asked(machine, "ls -l /mnt/many | grep -c user");
  assert.equal(list.output, "50");
  // A timer's tick in between makes it ask for a file's attributes once more.
  assert.ok(list.both >= 50 && list.both < 60, `${list.both}`);
  assert.ok(list.walks + list.getattrs + list.clunks < 25, JSON.stringify(list));
  await run(machine, "rm -r /mnt/many");
  await end(machine);
});

test("a server that does not know that message is asked once, and as ever then", async () => {
  const machine = await boot({ server, unknown: WALKGETATTR });
  await run(machine, LIST);
  const list = await asked(machine, "ls -l /mnt/many | grep -c user");
  assert.equal(list.output, "50");
  assert.ok(list.walks >= 50 && list.getattrs >= 100 && list.clunks >= 50, JSON.stringify(list));
  assert.equal(machine.bridge.asked(WALKGETATTR), 1);
  assert.equal(await run(machine, "cd /mnt/many; stat -c %s 7; echo more >>7; cat 7; rm -r /mnt/many"),
    "2\n7\nmore");
  await end(machine);
});

test("what was looked up is replaced meanwhile, and nobody misses it or sees the old one", async () => {
  const machine = await boot({ server });
  const other = await boot({ server });
  await run(machine, "mkdir -m 777 /mnt/race && cd /mnt/race && echo 0 >file && ln -s 0 link");
  const replace = `cd /mnt/race; i=0; until [ -e done ]; do i=$((i + 1))
    echo $i >new$0 && mv new$0 file && ln -s $i newlink$0 && mv newlink$0 link || exit; done`;
  const use = `cd /mnt/race; for i in $(seq 30); do stat file && stat -L file && chmod 666 file &&
    touch -c file && cat file && cat <file && readlink link && test -r file && : >>file ||
    exit; done >/dev/null`;
  const replacing = [run(machine, replace.replaceAll("$0", "a")), run(other, replace.replaceAll("$0", "b"))];
  assert.deepEqual(await Promise.all([run(machine, use), run(machine, use), run(other, use)]), ["", "", ""]);
  await run(machine, "touch /mnt/race/done");
  await Promise.all(replacing);
  for (const [writer, reader] of [[machine, other], [other, machine]]) {
    for (let size = 1; size <= 10; ++size) {
      await run(writer, `head -c ${size} /dev/zero >/mnt/race/new && mv /mnt/race/new /mnt/race/file`);
      assert.equal(await run(reader, "stat -c %s /mnt/race/file"), `${size}`);
    }
  }
  await run(machine, "rm -r /mnt/race");
  await end(machine);
  await end(other);
});

test("a directory of the volume can be the machine's root", async () => {
  const first = await boot({ server });
  const script = `mkdir -p /mnt/system/bin /mnt/system/sbin /mnt/system/etc &&
    cp /bin/busybox /mnt/system/bin/sh && cp /bin/busybox /mnt/system/bin/touch &&
    printf '#!/bin/sh\\ntouch /etc/booted\\nwhile :; do sleep 1; done\\n' >/mnt/system/sbin/init &&
    chmod +x /mnt/system/sbin/init`;
  await run(first, script, "root");
  await end(first);
  const second = await boot({ server, start: { root: "/system" } });
  assert.equal(second.started.ok, true);
  // Commands run in that root, which has little but a shell.
  const looked = "until [ -e /etc/booted ]; do :; done; [ /proc/1/exe -ef /bin/sh ] && echo it is";
  assert.equal(await run(second, looked, "root"), "it is");
  await end(second);
});

test("pg installs, serves, keeps its rows, and stays with one machine", async () => {
  const first = await boot({ server });
  assert.equal((await first.control.request("run", { command: "pg status" })).output, "missing\n");
  await type(first, "pg", /postgres=#/, { seconds: 120 });
  await type(first, "CREATE TABLE t(a int, b text);", /CREATE TABLE/);
  await type(first, "INSERT INTO t SELECT g, 'row' FROM generate_series(1, 1000) g;", /INSERT 0 1000/);
  await type(first, "\\q", /user@cairn/);

  const second = await boot({ server });
  assert.equal((await second.control.request("run", { command: "pg status" })).output, "elsewhere\n");
  const refused = await second.control.request("run", { command: "pg start" });
  assert.match(refused.output, /another machine runs a server/);
  assert.notEqual(refused.status, 0);

  await end(first); // as a tab that is closed: nothing is stopped
  assert.match(await run(second, "pg psql -Atc 'SELECT count(*) FROM t'"), /^1000$/m);
  assert.match(await run(second, "pg stop"), /stopped/);
  await end(second);
});

test("PostgreSQL that was copied to the volume works as its manual says", async () => {
  const machine = await boot({ server });
  await run(machine, "pg install && test -x /mnt/postgres/bin/initdb");
  await machine.until(() => machine.screens[1].includes("user@cairn"), "a prompt");
  const at = { terminal: 1, seconds: 240 };
  machine.type(1, "export PATH=/mnt/postgres/bin:$PATH\n");
  machine.type(1, "export LD_LIBRARY_PATH=/mnt/postgres/lib\n");
  await type(machine, "initdb -D /mnt/typed", /Success. You can now start/, at);
  await type(machine, "pg_ctl -D /mnt/typed -l /mnt/typed/logfile start", /server started/, at);
  await type(machine, "psql -d postgres", /postgres=#/, at);
  await type(machine, "CREATE TABLE typed(a int);", /CREATE TABLE/, at);
  await type(machine, "INSERT INTO typed VALUES (1), (2);", /INSERT 0 2/, at);
  await type(machine, "\\q", /user@cairn/, at);
  await type(machine, "pg_ctl -D /mnt/typed stop", /server stopped/, at);
  await end(machine);

  const again = await boot({ server });
  const command = `export PATH=/mnt/postgres/bin:$PATH LD_LIBRARY_PATH=/mnt/postgres/lib
    pg_ctl -D /mnt/typed -l /mnt/typed/logfile -w start >/dev/null &&
    psql -d postgres -Atc 'SELECT sum(a) FROM typed' && pg_ctl -D /mnt/typed stop >/dev/null`;
  assert.equal(await run(again, command), "3");
  await end(again);
});
