// The page's machine on a real daemon, without a browser: files both ways, connections that are cut,
// a daemon that is restarted and killed, states that are saved and brought back.
//   CAIRN=build/dev/bin/cairn node tests/e2e/page/node.mjs
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { Daemon } from "./daemon.mjs";
import { LIST_MESSAGES_MAX, messagesOfList } from "./figures.mjs";
import { NodeMachine } from "./node_machine.mjs";

let daemon;
const machines = [];
const ROOT = { uid: 0, gid: 0 };
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const onMount = (name) => path.join(daemon.mnt, name);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function boot(settings) {
  const machine = new NodeMachine(daemon.url);
  machines.push(machine);
  const answer = await machine.boot(settings);
  assert.equal(answer.ok, true, answer.error);
  return machine;
}

before(async () => {
  daemon = await Daemon.start({ settings: "uid = 0\ngid = 0" });
});
after(async () => {
  for (const machine of machines) await machine.stop();
  await daemon?.stop();
});

test("what the guest writes is on the mount at once, and the other way round", async () => {
  const machine = await boot();
  await machine.run("echo from the guest >/mnt/a");
  assert.equal(fs.readFileSync(onMount("a"), "utf8"), "from the guest\n");
  fs.writeFileSync(onMount("b"), "from the host\n");
  assert.equal(await machine.run("cat /mnt/b"), "from the host");
  fs.writeFileSync(onMount("b"), "changed\n");
  assert.equal(await machine.run("cat /mnt/b"), "changed");
  await machine.stop();
});

test("64 MB written on the host are read in the guest as they are", async () => {
  const machine = await boot();
  const bytes = randomBytes(64 << 20);
  fs.writeFileSync(onMount("large"), bytes);
  assert.equal((await machine.run("sha256sum </mnt/large")).split(" ")[0], sha256(bytes));
  fs.rmSync(onMount("large"));
  await machine.stop();
});

// What dd has fsynced, and then some: all of it has to be there, whatever happens meanwhile.
async function writesThrough(name, happen) {
  const machine = await boot();
  const command = `i=0; while [ $i -lt 60 ]; do
    dd if=/dev/urandom of=/mnt/${name}.$i bs=64k count=4 conv=fsync 2>/dev/null || exit 1
    sha256sum </mnt/${name}.$i >>/run/${name}.sums; i=$((i+1)); done`;
  let isOver = false;
  const writing = machine.run(command).finally(() => (isOver = true));
  await happen(machine, () => isOver);
  await writing;
  const sums = (await machine.run(`cat /run/${name}.sums`)).split("\n");
  assert.equal(sums.length, 60);
  for (const [index, line] of sums.entries()) {
    const there = sha256(fs.readFileSync(onMount(`${name}.${index}`)));
    assert.equal(there, line.split(" ")[0], `${name}.${index}`);
  }
  return machine;
}

test("a connection that is cut ten times costs nothing", async () => {
  let cuts = 0;
  const machine = await writesThrough("cut", async (running, isOver) => {
    while (cuts < 10 && !isOver()) {
      const { resumed } = running.counts;
      daemon.relay.cut();
      ++cuts;
      while (running.counts.resumed === resumed) await pause(5);
      await pause(40);
    }
  });
  assert.equal(cuts, 10, "it was over too soon");
  assert.equal(machine.counts.resumed, 10);
  assert.deepEqual([machine.counts.lost, machine.counts.stale], [0, 0]);
  await machine.stop();
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`a daemon that is ended with ${signal} and started again costs nothing`, async () => {
    let restarts = 0;
    const machine = await writesThrough(signal, async (running, isOver) => {
      while (restarts < 2 && !isOver()) {
        await pause(150);
        await daemon.restart(signal);
        ++restarts;
      }
    });
    assert.ok(restarts > 0);
    assert.ok(machine.counts.rebuilt > 0);
    assert.deepEqual([machine.counts.lost, machine.counts.stale], [0, 0]);
    await machine.stop();
  });
}

test("a machine with a file open for writing is saved and brought back", async () => {
  const machine = await boot();
  const script = `exec 3>/mnt/open; echo one >&3; sync
    until [ -e /run/on ]; do sleep 0.1; done; echo two >&3; exec 3>&-; : >/run/finished`;
  await machine.run(`printf '%s' "${script}" >/run/script; setsid sh /run/script >/dev/null 2>&1 &`);
  await machine.run("until grep -q one /mnt/open 2>/dev/null; do sleep 0.05; done");
  const saved = await machine.keeper.save("volume");
  await machine.stop();
  assert.equal(fs.readFileSync(onMount("open"), "utf8"), "one\n");

  const other = new NodeMachine(daemon.url);
  machines.push(other);
  await other.keeper.restore(saved, "volume");
  await other.run(": >/run/on; until [ -e /run/finished ]; do sleep 0.05; done");
  assert.equal(fs.readFileSync(onMount("open"), "utf8"), "one\ntwo\n");
  await other.stop();

  const third = new NodeMachine(daemon.url);
  machines.push(third);
  await assert.rejects(third.keeper.restore(saved, "volume"), /have changed since/);
  await assert.rejects(third.keeper.restore(saved, "another"), /another volume/);
});

test("a machine is saved on the volume itself and brought back from there", async () => {
  const machine = await boot();
  await machine.run("echo kept >/run/note");
  await machine.keeper.saveToVolume("volume", ROOT);
  await machine.run("rm /run/note");
  assert.equal(fs.statSync(onMount(".cairn/machine-state")).mode & 0o777, 0o600);
  await machine.keeper.restoreFromVolume("volume", ROOT);
  assert.equal(await machine.run("cat /run/note; ls -d /mnt/.cairn"), "kept\n/mnt/.cairn");
  await machine.stop();
});

/** A program in the machine that has a lock, until /run/let-go is there. */
async function holdLock(machine, name) {
  const program = ": >/run/holds; until [ -e /run/let-go ]; do sleep 0.05; done";
  await machine.run(`rm -f /run/holds /run/let-go
    setsid flock -n /mnt/${name} sh -c '${program}' </dev/null >/dev/null 2>&1 &
    until [ -e /run/holds ]; do sleep 0.05; done`);
}
const isLocked = (machine, name) =>
  machine.run(`flock -n /mnt/${name} true && echo no || echo yes`);

test("a machine goes on as it was when a saved one is refused, with its locks", async () => {
  const saver = await boot();
  await saver.run("echo one >/mnt/opened; (until [ -e /run/never ]; do sleep 1; done) </mnt/opened >/dev/null 2>&1 &");
  const saved = await saver.keeper.save("volume");
  await saver.stop();
  fs.writeFileSync(onMount("opened"), "two\n");

  const machine = await boot();
  const other = await boot();
  await holdLock(machine, "locked");
  await assert.rejects(machine.keeper.restore(saved, "volume"), /have changed since/);
  assert.equal(machine.host.phase, "running");
  assert.equal(await machine.run("cat /mnt/opened"), "two");
  assert.equal(await isLocked(other, "locked"), "yes");
  await machine.run(": >/run/let-go");
  await other.run("until flock -n /mnt/locked true; do sleep 0.05; done");
  for (const one of [machine, other]) await one.stop();
});

test("a machine goes for an earlier state of its own that has the same locks, no other does", async () => {
  const machine = await boot();
  const other = await boot();
  await holdLock(machine, "mine");
  const saved = await machine.keeper.save("volume");
  await machine.run("touch /run/later");
  await machine.keeper.restore(saved, "volume");
  assert.equal(await machine.run("ls /run/later 2>/dev/null || echo gone"), "gone");
  assert.equal(await isLocked(other, "mine"), "yes");
  await assert.rejects(other.keeper.restore(saved, "volume"), /Locks of the saved machine/);
  assert.equal(await other.run("echo lives"), "lives");
  for (const one of [machine, other]) await one.stop();
});

test("a machine that cannot reach the volume is not saved, and goes on", async () => {
  const machine = await boot();
  await daemon.end("SIGKILL");
  await assert.rejects(machine.keeper.save("volume"), /waits for the volume/);
  await daemon.launch();
  assert.equal(await machine.run("echo lives; ls /mnt >/dev/null"), "lives");
  await machine.stop();
});

test("nobody boots from, or brings back, what other users have left on the volume", async () => {
  const machine = await boot();
  await machine.keeper.saveToVolume("volume", ROOT);
  const find = () => machine.keeper.findOnVolume("volume", ROOT);
  assert.ok((await find()).bytes > 1_000_000);
  const kept = onMount(".cairn/machine-state");
  fs.chownSync(kept, 1001, 1001);
  assert.equal(await find(), null);
  await assert.rejects(machine.keeper.restoreFromVolume("volume", ROOT), /changed by other users/);
  fs.chownSync(kept, 0, 0);
  fs.chmodSync(onMount(".cairn"), 0o777);
  assert.equal(await find(), null);
  await assert.rejects(machine.keeper.saveToVolume("volume", ROOT), /changed by other users/);
  assert.equal(await machine.run("echo lives"), "lives");
  fs.rmSync(onMount(".cairn"), { recursive: true });
  await machine.stop();

  fs.mkdirSync(onMount("theirs"));
  fs.chownSync(onMount("theirs"), 1001, 1001);
  const stranger = new NodeMachine(daemon.url);
  await assert.rejects(stranger.boot({ root: "/theirs" }), /other users may change/);
  await assert.rejects(stranger.boot({ root: "/nowhere" }), /no such directory/);
  await assert.rejects(stranger.boot({ root: `/${"a".repeat(9000)}` }), /no such directory|too long/);
  assert.match(stranger.phases.at(-1), /^failed The machine|^failed A name/);
});

test("whoever asks for a machine twice gets one", async () => {
  const machine = new NodeMachine(daemon.url);
  const [one, other] = await Promise.all([machine.boot(), machine.boot()]);
  assert.equal(one, other);
  assert.deepEqual(machine.phases, ["loading", "starting", "running"]);
  await machine.stop();
});

for (const [cache, most] of Object.entries(LIST_MESSAGES_MAX)) {
  test(`ls -l of 100 files that are not known yet takes at most ${most} messages with cache=${cache}`, async () => {
    const machine = await boot({ cache });
    const messages = await messagesOfList(machine, `/mnt/hundred-${cache}`);
    assert.ok(messages <= most, `${messages} messages`);
    await machine.stop();
  });
}

test("a machine with other memory than the prepared one boots cold", async () => {
  const machine = await boot({ memoryMib: 96 });
  assert.match(await machine.run("grep MemTotal /proc/meminfo"), /^MemTotal: +[78]\d{4} kB/);
  await machine.stop();
});

test("a directory of the volume is the machine's root", async () => {
  const maker = await boot();
  await maker.run(`mkdir -p /mnt/tree/bin /mnt/tree/sbin /mnt/tree/proc /mnt/tree/sys /mnt/tree/dev \\
    /mnt/tree/run /mnt/tree/tmp && cp /bin/busybox /mnt/tree/bin/ && ln -s busybox /mnt/tree/bin/sh &&
    printf '#!/bin/sh\\necho up >/started\\nexec sleep 1000\\n' >/mnt/tree/sbin/init &&
    chmod +x /mnt/tree/sbin/init && ln -s /bin/busybox /mnt/tree/bin/sleep`);
  await maker.stop();
  const machine = new NodeMachine(daemon.url);
  machines.push(machine);
  const answer = await machine.boot({ root: "/tree" });
  assert.equal(answer.ok, true, answer.error);
  const end = Date.now() + 30_000;
  // There first, and then with something in it.
  const started = () => {
    const name = onMount("tree/started");
    return fs.existsSync(name) ? fs.readFileSync(name, "utf8") : "";
  };
  while (started() === "" && Date.now() < end) await pause(50);
  assert.equal(started(), "up\n");
  await machine.stop();
});
