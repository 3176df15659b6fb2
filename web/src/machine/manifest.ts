// What the guest's image consists of: /vm/manifest.json, made with it.

export interface GuestFile {
  size: number;
  sha256: string;
}
export interface Manifest {
  format: number;
  control_protocol: number;
  memory_mib: number;
  command_lines: { v86: string; state: string };
  files: Record<string, GuestFile | undefined>;
  packages: { name: string; version: string }[];
}

const FORMAT = 1;
const CONTROL_PROTOCOL = 1;

export const MEMORY_SIZES_MIB = [96, 128, 256, 512, 768] as const;

/** Refuses an image that this page does not know how to use. */
export function checkManifest(manifest: Manifest, v86Version: string): void {
  if (manifest.format !== FORMAT || manifest.control_protocol !== CONTROL_PROTOCOL) {
    throw new Error("The guest's image is of another version than this page: build both anew.");
  }
  const built = manifest.packages.find((one) => one.name === "v86")?.version;
  if (built !== undefined && built !== v86Version) {
    throw new Error(
      `The guest's image is made for v86 ${built}, this page has ${v86Version}: build both anew.`,
    );
  }
}
