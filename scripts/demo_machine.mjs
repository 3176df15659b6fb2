// The machine of the page, without a browser: boots it on the volume of the daemon at the URL that
// is given, runs the command that is given, prints its output and how long the start took.
//   node scripts/demo_machine.mjs http://127.0.0.1:8080 'ls /mnt'
import { NodeMachine } from "../tests/e2e/page/node_machine.mjs";

const [url, command] = process.argv.slice(2);
const machine = new NodeMachine(url);
const begin = performance.now();
const started = await machine.boot();
if (!started.ok) throw new Error(started.error);
console.log(`started in ${((performance.now() - begin) / 1000).toFixed(2)} s`);
console.log(await machine.run(command));
await machine.stop();
process.exit(0);
