import { describe, expect, it } from "vitest";
import type { Attributes } from "../p9/volume_files";
import { checkRoot, isOf } from "./trust";

const directory = (mode: number, uid: number, gid = uid): Attributes => ({
  isDirectory: true, mode, uid, gid, size: 0,
});

describe("what is on the volume", () => {
  const cases: [string, Attributes, boolean][] = [
    ["root's", directory(0o755, 0), true],
    ["the user's own", directory(0o700, 1000), true],
    ["another user's", directory(0o755, 1001), false],
    ["root's, and everybody may write", directory(0o1777, 0), false],
    ["the user's, and his group may write", directory(0o775, 1000), true],
    ["root's, and another group may write", directory(0o775, 0, 50), false],
  ];
  for (const [name, what, expected] of cases) {
    it(`is believed or not: ${name}`, () => {
      expect(isOf(what, [1000], 1000)).toBe(expected);
    });
  }
});

describe("a tree to boot from", () => {
  const files = {
    look: (path: readonly string[]) =>
      Promise.resolve(
        ({
          "": directory(0o755, 500),
          "debian": directory(0o755, 0),
          "home/mallory": directory(0o755, 1001),
          "made": directory(0o755, 500),
          "file": { ...directory(0o644, 0), isDirectory: false },
        } as Record<string, Attributes>)[path.join("/")] ?? null,
      ),
  };
  const check = (root: string) => checkRoot(files, root, { uid: 1000, gid: 1000 });

  it("is root's, or of who made the volume", async () => {
    await check("/debian");
    await check("//made/");
  });
  it("is refused in words", async () => {
    await expect(check("/home/mallory")).rejects.toThrow("other users may change that directory");
    await expect(check("/nowhere")).rejects.toThrow("no such directory");
    await expect(check("/file")).rejects.toThrow("no such directory");
    await expect(check("debian")).rejects.toThrow("a path on the volume");
    await expect(check("/debian/../etc")).rejects.toThrow("a path on the volume");
  });
});
