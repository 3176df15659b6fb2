import { expect, it } from "vitest";
import { ControlLine } from "./control";

const text = new TextEncoder();

function line() {
  const written: string[] = [];
  const events: unknown[] = [];
  const control = new ControlLine(
    (bytes) => written.push(new TextDecoder().decode(bytes)),
    (event) => events.push(event),
  );
  const say = (words: string) => {
    control.onBytes(text.encode(words));
  };
  return { control, written, events, say };
}

it("answers go to who asked, and events to all", async () => {
  const { control, written, events, say } = line();
  const first = control.request("run", { command: "a b\nc" });
  const second = control.request("size");
  expect(written[0]).toMatch(/^\d+ run command=a%20b%0Ac\n$/);
  const ids = written.map((words) => parseInt(words));
  say(`{"id":${String(ids[1])},"ok":true}\n{"event":"told","te`);
  say(`xt":"x"}\nnonsense\n{"id":${String(ids[0])},"ok":false}\n`);
  expect(await second).toMatchObject({ ok: true });
  expect(await first).toMatchObject({ ok: false });
  expect(events).toEqual([{ event: "told", text: "x" }]);
});

it("who waits for a machine that is gone is told so", async () => {
  const { control } = line();
  const asked = control.request("run");
  control.close();
  await expect(asked).rejects.toThrow("switched off");
  expect(control.waiting).toBe(0);
});

it("a line without an end is not kept for ever", () => {
  const { events, say } = line();
  const piece = " ".repeat(1 << 20);
  for (let i = 0; i < 6; ++i) say(piece);
  say('"\n{"event":"ready"}\n');
  expect(events).toEqual([{ event: "ready" }]);
});
