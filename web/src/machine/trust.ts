// What of the volume is run with its user's rights: a tree to boot from, a saved machine. Others who
// may write somewhere on the volume could leave one there, and a link to it; so it must be of
// somebody who may do all that anyway.
import type { Attributes, VolumeFiles } from "../p9/volume_files";

const ROOT_ID = 0;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

export interface Who {
  uid: number;
  gid: number;
}

/** Nobody but these users, and root, may change it. */
export function isOf(what: Attributes, users: readonly number[], gid: number): boolean {
  if (what.uid !== ROOT_ID && !users.includes(what.uid)) return false;
  if ((what.mode & OTHERS_WRITE) !== 0) return false;
  return (what.mode & GROUP_WRITES) === 0 || what.gid === ROOT_ID || what.gid === gid;
}

export const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "");

/** Throws a sentence unless the machine can be booted from there, and may be. */
export async function checkRoot(
  files: Pick<VolumeFiles, "look">,
  root: string,
  who: Who,
): Promise<void> {
  const parts = partsOf(root);
  if (!root.startsWith("/") || parts.includes("..")) {
    throw new Error(`The machine's root has to be a path on the volume like /debian, not ${root}.`);
  }
  const found = await files.look(parts);
  if (!found?.isDirectory) {
    throw new Error(`The machine cannot be booted from ${root}: the volume has no such directory.`);
  }
  // The volume's own directory belongs to who made it.
  const top = await files.look([]);
  if (isOf(found, [who.uid, ...(top ? [top.uid] : [])], who.gid)) return;
  throw new Error(
    `The machine is not booted from ${root}: other users may change that directory (it belongs to ` +
      `user ${String(found.uid)}, with mode ${found.mode.toString(8)}), and would be its root.`,
  );
}
