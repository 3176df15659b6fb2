// What is counted the same way in Node and beside the browser.

/** One for each file, and some of the shell's. A timer's tick at the wrong moment costs three more. */
export const LIST_MESSAGES_MAX = { mmap: 150, loose: 150 };

/** Messages of 9P for `ls -l` of 100 files that the guest knows nothing of. */
export async function messagesOfList(machine, directory) {
  await machine.run(`mkdir ${directory} && cd ${directory} && for i in $(seq 100); do echo $i >$i; done`);
  await machine.run("sync; echo 3 >/proc/sys/vm/drop_caches");
  const before = machine.host.carrier.messages;
  const lines = await machine.run(`ls -l ${directory} | wc -l`);
  if (Number(lines) < 100) throw new Error(`only ${lines} lines`);
  return machine.host.carrier.messages - before;
}
