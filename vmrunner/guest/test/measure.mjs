// Measures the guest in v86 on a volume in memory, for README.md: seconds, the emulator's CPU seconds
// (which others on the machine disturb less) and 9P messages.
//   CAIRN=build/release/bin/cairn node test/measure.mjs [none|mmap|loose]...
import { boot, end, run } from "./support.mjs";
import { Server } from "./server.mjs";

const modes = process.argv.slice(2);

async function step(machine, name, action) {
  const [before, cpu, at] = [machine?.bridge.messages ?? 0, process.cpuUsage(), performance.now()];
  const result = await action();
  const used = process.cpuUsage(cpu);
  const messages = (machine ?? result).bridge.messages - before;
  const seconds = (value) => value.toFixed(2).padStart(7);
  console.log(`${name.padEnd(28)}${seconds((performance.now() - at) / 1000)}${
    seconds((used.user + used.system) / 1e6)}${String(messages).padStart(8)}`);
  return result;
}

async function restored(server, cache) {
  return step(null, "restore to a prompt, mounted", async () => {
    const machine = await boot({ server, cache });
    await machine.until(() => machine.screens[0].includes("user@cairn"), "a prompt");
    return machine;
  });
}

async function measure(cache) {
  console.log(`\n${`cache=${cache}`.padEnd(28)}seconds    CPU messages`);
  const server = await Server.start();
  const first = await restored(server, cache);
  await run(first, "chown 1000:1000 /mnt", "root");
  await step(first, "pg install", () => run(first, "pg install"));
  await end(first);

  const second = await restored(server, cache);
  const command = (name, text) => step(second, name, () => run(second, text));
  await command("ls", "ls /mnt");
  await command("pg start", "pg start");
  await command("first psql", "pg psql -c 'SELECT 1'");
  await command("create table", "pg psql -c 'CREATE TABLE t(a int, b text)'");
  const rows = "INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 10000) g";
  await command("insert 10,000 rows", `pg psql -c "${rows}"`);
  await command("select", "pg psql -c 'SELECT count(*) FROM t'");
  await command("pg stop", "pg stop");
  await command("pg start, again", "pg start");
  await command("pg stop", "pg stop");
  await end(second);
  await server.stop();
}

for (const mode of modes.length ? modes : ["none", "mmap", "loose"]) await measure(mode);
process.exit(0);
