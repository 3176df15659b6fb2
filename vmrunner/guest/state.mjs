// Takes the guest's prepared state: boots it in v86 and saves the machine at the moment where it
// waits to be told who its user is, before anything is mounted.
//   node state.mjs DIRECTORY COMMAND_LINE MEMORY_MIB OUT
import fs from "node:fs";
import { Machine } from "./machine.mjs";

const [dir, commandLine, memory, out] = process.argv.slice(2);
const machine = new Machine({ dir, commandLine, memory: Number(memory) });
await machine.run();
await machine.until(() => machine.events.some((event) => event.event === "ready"), "the guest");
// Free memory is filled with zeros, which compress: the machine goes on from it without the price
// that the kernel's init_on_free would have.
const command = `ls -l / >/dev/null; id; stty -a; sync; echo 3 >/proc/sys/vm/drop_caches
  mkdir /tmp/fill && mount -t tmpfs -o size=100% fill /tmp/fill
  free=$(awk '/^MemFree/ {print $2 - 1200}' /proc/meminfo)
  head -c "$free"k /dev/zero >/tmp/fill/zero; umount /tmp/fill && rmdir /tmp/fill`;
const filled = await machine.request("run", { command, user: "root" });
if (filled.status !== 0) throw new Error(filled.output);
await machine.emulator.stop();
fs.writeFileSync(out, Buffer.from(await machine.emulator.save_state()));
process.exit(0);
