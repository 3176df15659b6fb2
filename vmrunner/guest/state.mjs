// Takes the guest's prepared state: boots it in v86 and saves the machine at the moment where it
// waits to be told who its user is, before anything is mounted.
//   node state.mjs DIRECTORY COMMAND_LINE MEMORY_MIB OUT
import fs from "node:fs";
import { Machine } from "./machine.mjs";

const [dir, commandLine, memory, out] = process.argv.slice(2);
const machine = new Machine({ dir, commandLine, memory: Number(memory) });
await machine.run();
await machine.until(() => machine.control.events.some((event) => event.event === "ready"), "the guest");
// What a first shell reads is in memory by then. What is freed is zero (init_on_free) and compresses.
const command = "ls -l / >/dev/null; id; stty -a; sync; echo 3 >/proc/sys/vm/drop_caches";
const warmed = await machine.control.request("run", { command, user: "root" });
if (warmed.status !== 0) throw new Error(warmed.output);
await machine.emulator.stop();
fs.writeFileSync(out, Buffer.from(await machine.emulator.save_state()));
process.exit(0);
