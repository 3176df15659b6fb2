// The browser's machine (tests/e2e/page/node_machine.mjs) on a daemon's volume: runs a command and
// prints what it says.   vm_browser.mjs URL COMMAND
import { NodeMachine } from "./page/node_machine.mjs";

const [url, command] = process.argv.slice(2);
const machine = new NodeMachine(url);
const answer = await machine.boot({ uid: 1000, gid: 1000 });
if (!answer.ok) throw new Error(answer.error);
console.log(await machine.run(command, "user"));
await machine.stop();
process.exit(0);
