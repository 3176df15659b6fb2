// The page's terminals, and the machine in them.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { test } from "node:test";
import { axe, prompt, screenText, shows } from "./browser.mjs";
import { button, onMount, picture, sh, sha256, shell, started, type, world } from "./world.mjs";

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
  await type(page, "clear; echo ready; cat >/tmp/pasted", /^ready$/m, { terminal: 1 });
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

test("what a terminal shows does not reach the page, and what is pasted stays in its brackets", async () => {
  const page = await shell();
  const setClipboard = (text) => page.evaluate((it) => navigator.clipboard.writeText(it), text);
  await setClipboard("mine");
  // The clipboard (OSC 52), the title, a link that is code, and a question for the title.
  await sh(page, "clear; printf '\\033]52;c;ZXZpbA==\\007\\033]0;evil\\007\\033[21t'; " +
    "printf '\\033]8;;javascript:alert(1)\\007link\\033]8;;\\007'");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "mine");
  assert.equal(await page.title(), "Terminal – Cairn");
  fs.mkdirSync(onMount("<img src=x onerror=alert(1)>\x1b]0;evil\x07"));
  assert.match(await sh(page, "clear; ls /mnt"), /<img src=x onerror=alert\(1\)>/);

  await setClipboard("one\x1b[201~\rtwo\x9b201~\tthree");
  const ways = { button: () => button(page, "Paste").click(), keys: () => page.keyboard.press("Shift+Insert") };
  for (const [way, paste] of Object.entries(ways)) {
    await type(page, `clear; printf '\\033[?2004h${way}\\n'; cat -v`, new RegExp(`^${way}$`, "m"));
    await paste();
    await shows(page, /\^\[\[200~one\[201~\n(.*\n)?two201~\s+three\^\[\[201~/);
    await page.keyboard.press("Control+C");
    await shows(page, prompt);
  }
  assert.deepEqual(page.problems, []);
});

test("a hidden tab takes in its output as fast as one that is seen", async () => {
  const page = await world.browser.context.newPage();
  // As browsers do it for pages that are not seen: timers once a second.
  await page.addInitScript(() => {
    const later = window.setTimeout.bind(window);
    window.setTimeout = (handler, ms = 0, ...values) => {
      const isHidden = document.visibilityState === "hidden";
      return later(handler, isHidden ? Math.max(ms, 1000) : ms, ...values);
    };
    let state = "visible";
    Object.defineProperty(document, "visibilityState", { get: () => state });
    window.hideTab = (isHidden) => (state = isHidden ? "hidden" : "visible");
  });
  Object.assign(page, { problems: [] });
  await page.goto(world.daemon.url);
  await started(page);
  let count = 0;
  const seconds = async (isHidden) => {
    await page.evaluate((hidden) => window.hideTab(hidden), isHidden);
    const begun = performance.now();
    const flood = "clear; yes 'thirty characters on each line' | head -n 100000";
    await page.keyboard.type(`${flood}; echo; echo over-$((${++count} + 10))\n`);
    const isOver = (mark) => document.querySelector("#panel-0 .xterm-rows").textContent.includes(mark);
    await page.waitForFunction(isOver, `over-${count + 10}`, { timeout: 120_000 });
    return (performance.now() - begun) / 1000;
  };
  const seen = await seconds(false);
  const hidden = await seconds(true);
  assert.ok(hidden < 3 * seen + 10, `hidden ${hidden} s, seen ${seen} s`);
});

test("it boots cold, restarts, stops, and starts again", async () => {
  const page = await shell("?boot=true");
  await sh(page, "echo on >/tmp/note");
  // Who has the keyboard in the moment in which the page says that the machine runs.
  await page.evaluate(() => {
    const status = document.getElementById("status");
    const isRunning = () => status.textContent.includes("Machine: Running");
    let wasRunning = isRunning();
    new MutationObserver(() => {
      if (isRunning() && !wasRunning) window.typist = document.activeElement.closest(".screen")?.id;
      wasRunning = isRunning();
    }).observe(status, { subtree: true, childList: true, characterData: true });
  });
  await button(page, "Restart").click();
  await page.getByText("Machine: Stopping").waitFor();
  await started(page);
  assert.equal(await page.evaluate(() => window.typist), "panel-0");
  assert.doesNotMatch(await screenText(page), /\/tmp\/note/); // another machine's
  await sh(page, "! ls /tmp/note");
  await button(page, "Stop").click();
  await page.getByRole("heading", { name: "The machine is switched off" }).waitFor();
  await picture(page, "off");
  await page.locator(".card").getByRole("button", { name: "Start" }).click();
  await started(page);
});

test("it is usable without eyes or a mouse, in light and in dark", async () => {
  const page = await shell();
  const check = async (where) => {
    const violations = await axe(page);
    assert.deepEqual(violations, [], where);
  };
  await check("light");
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("F6");
  assert.equal(await focused(), "PostgreSQL");
  await page.getByRole("tab", { name: "Terminal 1" }).focus();
  for (const name of ["Terminal 2", "Terminal 3", "Terminal 1"]) {
    await page.keyboard.press("ArrowRight");
    await page.getByRole("tab", { name, selected: true }).waitFor();
    assert.equal(await focused(), name);
  }
  await page.evaluate(async () => {
    for (let pressed = 0; pressed < 3; ++pressed) {
      const key = { key: "ArrowRight", bubbles: true };
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
      await null; // the page is rendered, and not painted
    }
  });
  await page.getByRole("tab", { name: "Terminal 1", selected: true }).waitFor();
  assert.equal(await focused(), "Terminal 1", "the arrows pressed fast");
  await page.keyboard.press("Enter");
  await sh(page, "echo typed");
  // A dialog's button gives the keyboard to the terminal.
  await button(page, "Save & restore").click();
  await button(page, "Keep").click();
  await page.getByText("kept in this tab").waitFor();
  await sh(page, "echo typed again");
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
