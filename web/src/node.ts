// What programs in Node take of the page: the machine and its connection. Built by
// scripts/node.mjs; for tests.
export { Keeper } from "./machine/keeper";
export { Host } from "./machine/host";
export { ResumeClient } from "./resume/client";
export { endSession } from "./resume/end";
export { SUBPROTOCOL } from "./resume/frames";
export { VolumeFiles } from "./p9/volume_files";
