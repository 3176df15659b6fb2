// PostgreSQL in the page's machine, without a browser: connections that are cut and a daemon that is
// restarted and killed under pgbench; then the machine is gone and so is the daemon with its cache.
//   CAIRN=build/dev/bin/cairn node --test tests/e2e/page/node_postgres.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daemon } from "./daemon.mjs";
import { NodeMachine } from "./node_machine.mjs";

const CUTS = 10;
const CLIENTS = 3;
const TRANSACTIONS = 60; // of each client, at least
const ROWS = { accounts: 1000, tellers: 10, branches: 1 };

// What pgbench does, on fewer rows, and with a number for each transaction that it may be found by.
const SCRIPT = `\\set aid random(1, ${ROWS.accounts})
\\set tid random(1, ${ROWS.tellers})
\\set delta random(-5000, 5000)
BEGIN;
UPDATE accounts SET balance = balance + :delta WHERE id = :aid;
UPDATE tellers SET balance = balance + :delta WHERE id = :tid;
UPDATE branches SET balance = balance + :delta WHERE id = 1;
INSERT INTO history (aid, tid, delta) VALUES (:aid, :tid, :delta);
END;
`;
const SCHEMA = `${Object.entries(ROWS).map(([table, rows]) => `
CREATE TABLE ${table} (id int PRIMARY KEY, balance int NOT NULL);
INSERT INTO ${table} SELECT n, 0 FROM generate_series(1, ${rows}) n;`).join("")}
CREATE TABLE history (id bigserial PRIMARY KEY, aid int, tid int, delta int);
CREATE TABLE acknowledged (n int PRIMARY KEY);
`;

let daemon;
const machines = [];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function boot() {
  const machine = new NodeMachine(daemon.url);
  machines.push(machine);
  const answer = await machine.boot({ uid: 1000, gid: 1000 });
  assert.equal(answer.ok, true, answer.error);
  return machine;
}
const run = (machine, command) => machine.run(command, "user");
const query = (machine, sql) => run(machine, `pg psql -XAtq -v ON_ERROR_STOP=1 -c "${sql}"`);
const PROGRAMS = "PATH=/mnt/postgres/bin:$PATH LD_LIBRARY_PATH=/mnt/postgres/lib";

before(async () => {
  daemon = await Daemon.start({ settings: "uid = 1000\ngid = 1000" });
});
after(async () => {
  for (const machine of machines) await machine.stop();
  await daemon?.stop();
});

/** Fails unless every sum agrees; how many transactions there are. */
async function balance(machine) {
  const sums = ["accounts", "tellers", "branches"].map((t) => `(SELECT sum(balance) FROM ${t})`);
  const text = await query(
    machine,
    `SELECT ${sums.join(", ")}, (SELECT coalesce(sum(delta), 0) FROM history), (SELECT count(*) FROM history)`,
  );
  const [accounts, tellers, branches, history, count] = text.split("|").map(Number);
  assert.deepEqual([accounts, tellers, branches], [history, history, history]);
  return count;
}

/** pgbench in the background; what it says is in /tmp/NAME. */
async function startBench(machine, name, transactions) {
  await run(machine, `cd /tmp && (${PROGRAMS} pgbench -n -f /tmp/script -c ${CLIENTS} -t ${transactions}
    postgres >/tmp/${name} 2>&1; echo $? >/tmp/${name}.status) >/dev/null 2>&1 &`.replaceAll("\n", " "));
}
async function waitFor(machine, file) {
  await run(machine, `until [ -s ${file} ]; do sleep 0.2; done`);
  return run(machine, `cat ${file}`);
}

test("cut connections and restarts under pgbench and dd lose nothing and hang nothing", async () => {
  const machine = await boot();
  await run(machine, "pg start");
  await run(machine, `cat >/tmp/schema <<'EOF'\n${SCHEMA}EOF`);
  await run(machine, `cat >/tmp/script <<'EOF'\n${SCRIPT}EOF`);
  await run(machine, "pg psql -Xq -v ON_ERROR_STOP=1 -f /tmp/schema");
  await startBench(machine, "bench", TRANSACTIONS);
  await run(machine, `(dd if=/dev/urandom of=/tmp/eight bs=64k count=128 && for i in 1 2 3 4; do
    dd if=/tmp/eight of=/mnt/eight.$i bs=64k conv=fsync || exit; done; echo done >/tmp/dd) >/dev/null 2>&1 &`);

  for (let cut = 0; cut < CUTS; ++cut) {
    const { resumed } = machine.counts;
    daemon.relay.cut();
    while (machine.counts.resumed === resumed) await pause(5);
    await pause(100);
  }
  await daemon.restart("SIGTERM");
  await pause(500);
  await daemon.restart("SIGKILL");
  assert.equal(await run(machine, "ls /tmp/bench.status /tmp/dd 2>/dev/null || true"), "", "too soon");
  assert.equal(await waitFor(machine, "/tmp/bench.status"), "0", await run(machine, "cat /tmp/bench"));
  assert.equal(await waitFor(machine, "/tmp/dd"), "done");
  const sums = await run(machine, "sha256sum /tmp/eight /mnt/eight.? | cut -c1-64 | sort -u | wc -l");
  assert.equal(sums, "1");
  assert.equal(await balance(machine), CLIENTS * TRANSACTIONS);
  assert.ok(machine.counts.rebuilt >= 2);
  assert.deepEqual([machine.counts.lost, machine.counts.stale], [0, 0]);
});

test("machine, daemon and cache are gone under pgbench: what was committed is there", async () => {
  const [machine] = machines;
  const before = await balance(machine);
  // One client that says what was committed, after the commit, where the host sees it.
  await run(machine, `cat >/tmp/acknowledge <<'EOF'
for n in $(seq 100000); do echo "INSERT INTO acknowledged VALUES ($n) RETURNING 'committed ' || n;"; done |
  pg psql -XAtq >/dev/hvc1
EOF`);
  await startBench(machine, "last", 100_000);
  await run(machine, "sh /tmp/acknowledge >/dev/null 2>&1 &");
  const told = () => (machine.screens[1].match(/committed \d+/g) ?? []).length;
  while (told() < 15) await pause(20);
  daemon.process.kill("SIGKILL");
  const acknowledged = told();
  const { session } = machine;
  await machine.leave();
  await daemon.restart("SIGKILL", { emptyCache: true });

  const other = await boot();
  await other.endSession(session);
  await run(other, "pg start");
  const there = Number(await query(other, "SELECT count(*) FROM acknowledged"));
  assert.ok(there >= acknowledged, `${there} of ${acknowledged}`);
  assert.equal(Number(await query(other, "SELECT coalesce(max(n), 0) FROM acknowledged")), there);
  const transactions = await balance(other);
  assert.ok(transactions > before, `${transactions} after ${before}`);
  console.log(`${acknowledged} acknowledged, ${there} there; ${transactions} balanced transactions`);
});
