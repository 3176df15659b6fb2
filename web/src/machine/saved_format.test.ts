import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Encoder } from "../resume/bytes";
import { decodeSaved, encodeSaved, headOf, type Saved } from "./saved_format";

const saved = (): Saved => ({
  head: {
    format: 2,
    v86: "0.5",
    memoryMib: 128,
    volume: "file:///v",
    savedAt: 1_700_000_000_000,
    settings: {
      memoryMib: 0, cold: false, root: "", cache: "mmap", uid: 1000, gid: 1000,
      size: { cols: 80, rows: 24 },
    },
    durable: { epoch: "3", segment: "14" },
    versions: { "7": "12" },
  },
  client: {
    lastSent: 9,
    messageBytesMax: 262144,
    began: { epoch: 1n, segment: 2n },
    durable: { epoch: 3n, segment: 14n },
    items: [{ key: "F\0\0\0\x07", blob: Uint8Array.of(1, 2, 3) }],
    changes: [
      {
        first: { epoch: 1n, segment: 2n, order: 3n },
        mark: { epoch: 3n, segment: 4n, order: 5n },
        redo: Uint8Array.of(6),
        message: Uint8Array.of(7, 8),
      },
    ],
  },
  machine: Uint8Array.from({ length: 5000 }, (_, at) => at).buffer,
});

const SLOW_MS = 60_000; // on a busy machine
const DAMAGED = "The saved machine is damaged.";

/** A file with this head, and a body that is looked at only if the head is taken. */
function withHead(head: unknown): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder();
  const json = text.encode(typeof head === "string" ? head : JSON.stringify(head));
  return new Encoder().raw(text.encode("CAIRNVM\n")).blob(json).take().slice();
}

describe("a saved machine", () => {
  it("is what it was", async () => {
    expect(await decodeSaved(await encodeSaved(saved()))).toEqual(saved());
  });

  it("is refused in words wherever it is cut off", async () => {
    const bytes = await encodeSaved(saved());
    for (let length = 0; length < bytes.length; ++length) {
      const cut = decodeSaved(bytes.slice(0, length));
      await expect(cut, String(length)).rejects.toThrow(/^(This file is not|The saved machine is)/);
    }
  }, SLOW_MS);

  it("is refused in words whatever byte behind its head is another", async () => {
    const bytes = await encodeSaved(saved());
    for (let at = bytes.length - 200; at < bytes.length; ++at) {
      const other = bytes.slice();
      other[at] = (other[at] ?? 0) ^ 0xff;
      const told = await decodeSaved(other).then(
        (value) => value,
        (error: unknown) => String(error),
      );
      // The header of gzip has bytes that say nothing.
      if (typeof told !== "string") expect(told, String(at)).toEqual(saved());
      else expect(told, String(at)).toBe(`Error: ${DAMAGED}`);
    }
  });

  it("is refused in words if its head is somebody's invention", () => {
    const { head } = saved();
    const heads: unknown[] = [
      "{", null, 5, [], {}, "[".repeat(100_000),
      { ...head, memoryMib: 1e9 },
      { ...head, memoryMib: -1 },
      { ...head, savedAt: 1e300 },
      { ...head, settings: null },
      { ...head, settings: { ...head.settings, cache: "mmap,uid=0" } },
      { ...head, settings: { ...head.settings, uid: "0" } },
      { ...head, settings: { ...head.settings, size: undefined } },
      { ...head, durable: { epoch: "x", segment: "1" } },
      { ...head, durable: undefined },
      { ...head, versions: undefined },
      { ...head, versions: { "1": 2 } },
    ];
    for (const one of heads) {
      expect(() => headOf(withHead(one)), JSON.stringify(one).slice(0, 99)).toThrow(DAMAGED);
    }
    expect(headOf(withHead(head))).toEqual(head);
    expect(() => headOf(withHead({ format: 1 }))).toThrow("another version of this page");
  });

  it("is refused when it unpacks to more than a machine can be", async () => {
    const packed = gzipSync(new Uint8Array(140 << 20), { level: 1 });
    const bomb = new Blob([withHead({ ...saved().head, memoryMib: 1 }), packed]);
    expect(bomb.size).toBeLessThan(1 << 20);
    await expect(decodeSaved(new Uint8Array(await bomb.arrayBuffer()))).rejects.toThrow(DAMAGED);
  }, SLOW_MS);
});
