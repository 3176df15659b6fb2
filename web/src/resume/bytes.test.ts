import { expect, it } from "vitest";
import { Decoder, Encoder } from "./bytes";

it("what is written beyond the first capacity is there", () => {
  const out = new Encoder(2);
  out.u8(1).u16(2).u32(3).u64(4n).raw(Uint8Array.of(5, 6)).blob(Uint8Array.of(7)).string("é");
  const input = new Decoder(out.take());
  expect([input.u8(), input.u16(), input.u32(), input.u64()]).toEqual([1, 2, 3, 4n]);
  expect([...input.raw(2)]).toEqual([5, 6]);
  expect([...input.blob(1)]).toEqual([7]);
  expect(input.string()).toBe("é");
  expect(input.finished).toBe(true);
});

it("what is missing reads as nothing, and fails", () => {
  const input = new Decoder(Uint8Array.of(1, 2, 3));
  expect(input.u32()).toBe(0);
  expect(input.failed).toBe(true);
  expect(input.u8()).toBe(0);
  expect(new Decoder(Uint8Array.of(9, 0, 0, 0, 1)).blob(8).length).toBe(0);
  expect(new Decoder(new Uint8Array(8).fill(255)).count()).toBeGreaterThan(0);
});
