// The page's terminals, and the machine in them.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { test } from "node:test";
import { axe, prompt, screenText, shows } from "./browser.mjs";
import { button, onMount, picture, sh, sha256, shell, type, world } from "./world.mjs";

const FROZEN_MS = 2000;
const PAGE_BYTES_MAX = 6_000_000; // what a visitor downloads before there is a shell

test("a visitor has a shell on the volume, for less than 6 MB", async () => {
  fs.writeFileSync(onMount("welcome"), "hello\n");
  const before = world.daemon.relay.sentBytes;
  const page = await shell();
  await sh(page, "ls /mnt");
  assert.match(await screenText(page), /^welcome/m);
  const bytes = world.daemon.relay.sentBytes - before;
  assert.ok(bytes < PAGE_BYTES_MAX, `${bytes} bytes`);
  await picture(page, "terminal");
  assert.deepEqual(page.problems, []);
});

test("what the guest writes is on the mount at once, and the other way round", async () => {
  const page = await shell();
  await sh(page, "echo from the guest >/mnt/a");
  assert.equal(fs.readFileSync(onMount("a"), "utf8"), "from the guest\n");
  fs.writeFileSync(onMount("b"), "from the host\n");
  assert.match(await sh(page, "cat /mnt/b"), /^from the host/m);
  const bytes = randomBytes(64 << 20);
  fs.writeFileSync(onMount("large"), bytes);
  // In large pieces: BusyBox asks for 4 KiB at a time, each of which is a message (node.mjs).
  const text = await sh(page, "dd if=/mnt/large bs=1M | sha256sum", { ms: 120_000 });
  assert.ok(text.includes(sha256(bytes)), text);
});

test("three terminals are in one machine, fit the window, and can be pasted into", async () => {
  const page = await shell();
  await sh(page, "echo one >/run/note 2>/dev/null || echo one >/tmp/note");
  await page.getByRole("tab", { name: /Terminal 2/ }).click();
  await shows(page, prompt, { terminal: 1 });
  await type(page, "cat /tmp/note /run/note", /^one/m, { terminal: 1 });
  await type(page, "stty size", /^[34]\d 1[34]\d$/m, { terminal: 1 });
  await page.setViewportSize({ width: 700, height: 500 });
  await type(page, "clear; until stty size | grep ' [78]'; do sleep 0.1; done", /^2\d [78]\d$/m, {
    terminal: 1,
  });
  // More than a buffer of the guest's console, in one go.
  const long = Array.from({ length: 400 }, (_, i) => `line ${i} ${"x".repeat(40)}`).join("\n");
  await type(page, "clear; cat >/tmp/pasted", /.*/, { terminal: 1 });
  await page.evaluate((text) => navigator.clipboard.writeText(text), `${long}\n`);
  await button(page, "Paste").click();
  await shows(page, /^line 399/m, { terminal: 1 });
  await page.keyboard.press("Control+D");
  await type(page, "clear; md5sum </tmp/pasted", /^[0-9a-f]{32}/m, { terminal: 1 });
  const expected = createHash("md5").update(`${long}\n`).digest("hex");
  assert.ok((await screenText(page, 1)).includes(expected));
});

test("a flood of output neither freezes the page nor fills its memory", async () => {
  const page = await shell();
  await page.keyboard.type("clear; yes 'a line of a flood that does not end by itself'\n");
  await shows(page, /a line of a flood/);
  // Reckoned by the page itself: its longest pause, and what its terminals have not shown yet.
  const pause = await page.evaluate(async () => {
    const end = performance.now() + 4000;
    let longest = 0;
    for (let last = performance.now(); last < end; ) {
      await new Promise((resolve) => setTimeout(resolve));
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }
    return longest;
  });
  assert.ok(pause < FROZEN_MS, `${pause} ms`);
  const begun = Date.now();
  await page.keyboard.press("Control+C");
  await shows(page, prompt);
  // What was on its way is shown first: it is bounded, so that Ctrl-C is felt at once.
  assert.ok(Date.now() - begun < FROZEN_MS, `${Date.now() - begun} ms until Ctrl-C is felt`);
  await sh(page, "clear; echo fine");
});

test("it boots cold, restarts, stops, and starts again", async () => {
  const page = await shell("?boot=true");
  await sh(page, "echo on >/run/note 2>/dev/null; true");
  await button(page, "Restart").click();
  await button(page, "Stop").waitFor({ timeout: 60_000 });
  await shows(page, prompt);
  await button(page, "Stop").click();
  await page.getByRole("heading", { name: "The machine is switched off" }).waitFor();
  await picture(page, "off");
  await page.locator(".card").getByRole("button", { name: "Start" }).click();
  await shows(page, prompt);
});

test("it is usable without eyes or a mouse, in light and in dark", async () => {
  const page = await shell();
  const check = async (where) => {
    const violations = await axe(page);
    assert.deepEqual(violations, [], where);
  };
  await check("light");
  await page.keyboard.press("F6");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "PostgreSQL");
  await button(page, "Settings").click();
  await check("settings");
  await page.getByLabel("Colours").selectOption("dark");
  await picture(page, "settings-dark");
  await check("settings, dark");
  await page.keyboard.press("Escape");
  await check("dark");
  await picture(page, "dark");
  await button(page, "Save & restore").click();
  await check("saving, dark");
  await page.keyboard.press("Escape");
  await page.evaluate(() => localStorage.clear());
});
