// The page in Chromium on a real daemon: what its user sees and does.
//   CAIRN=build/dev/bin/cairn node --test tests/e2e/page/page.mjs
// With SCREENSHOTS=DIRECTORY the page's views are left there.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { axe, Browser, prompt, screenText, shows } from "./browser.mjs";
import { Daemon } from "./daemon.mjs";

const PAGE_BYTES_MAX = 6_000_000; // what a visitor downloads before there is a shell
let daemon;
let browser;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const onMount = (name) => path.join(daemon.mnt, name);

before(async () => {
  daemon = await Daemon.start({ settings: "uid = 1000\ngid = 1000" });
  browser = await Browser.start();
});
after(async () => {
  await browser.stop();
  await daemon.stop();
});

/** A tab with a shell that waits. */
async function shell(query = "") {
  const page = await browser.open(`${daemon.url}/${query}`);
  await shows(page, prompt);
  return page;
}

/** Types a line, and waits for what comes of it. */
async function type(page, line, expected, options) {
  await page.keyboard.type(`${line}\n`);
  return shows(page, expected, options);
}

/** Types a command, and waits until it has ended well. */
let count = 0;
async function sh(page, command, options) {
  const mark = `over${++count}`;
  const text = await type(page, `${command}; s=$?; echo; echo ${mark}=$s`, new RegExp(`^${mark}=\\d+`, "m"), options);
  assert.match(text, new RegExp(`^${mark}=0`, "m"), text);
  return text;
}

async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
}

const button = (page, name) => page.getByRole("button", { name, exact: true });
const notice = (page, text) => page.locator(".notice", { hasText: text });

test("a visitor has a shell on the volume, for less than 6 MB", async () => {
  fs.writeFileSync(onMount("welcome"), "hello\n");
  const before = daemon.relay.sentBytes;
  const page = await shell();
  await sh(page, "ls /mnt");
  assert.match(await screenText(page), /^welcome/m);
  const bytes = daemon.relay.sentBytes - before;
  assert.ok(bytes < PAGE_BYTES_MAX, `${bytes} bytes`);
  await picture(page, "terminal");
  assert.deepEqual(page.problems, []);
  await page.close();
  const again = daemon.relay.sentBytes;
  const second = await shell();
  const seconds = await second.evaluate(() => {
    const at = (name) => performance.getEntriesByName(name)[0].startTime;
    return (at("machine-output") - at("page-start")) / 1000;
  });
  console.log(`first visit: ${(bytes / 1e6).toFixed(2)} MB; second: ${
    daemon.relay.sentBytes - again} bytes, a shell ${seconds.toFixed(2)} s after the script began`);
  await second.close();
});

test("what the guest writes is on the mount at once, and the other way round", async () => {
  const page = await shell();
  await sh(page, "echo from the guest >/mnt/a");
  assert.equal(fs.readFileSync(onMount("a"), "utf8"), "from the guest\n");
  fs.writeFileSync(onMount("b"), "from the host\n");
  assert.match(await sh(page, "cat /mnt/b"), /^from the host/m);
  const bytes = randomBytes(64 << 20);
  fs.writeFileSync(onMount("large"), bytes);
  const text = await sh(page, "sha256sum /mnt/large", { ms: 120_000 });
  assert.ok(text.includes(sha256(bytes)), text);
  await page.close();
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
  await page.close();
});

test("connections that are cut and a daemon that is killed are survived", async () => {
  const page = await shell();
  const command = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do " +
    "dd if=/dev/urandom of=/mnt/dd.$i bs=64k count=4 conv=fsync 2>/dev/null || break; " +
    "sha256sum /mnt/dd.$i >>/tmp/sums; sleep 0.1; done";
  await page.keyboard.type(`clear; ${command}; echo finished=$?\n`);
  const connected = page.getByText("Connected", { exact: true });
  for (let i = 0; i < 10; ++i) {
    daemon.relay.cut();
    await page.waitForTimeout(50);
    await connected.waitFor();
  }
  await picture(page, "resumed");
  await daemon.restart("SIGKILL");
  await connected.waitFor();
  await daemon.restart("SIGTERM");
  await connected.waitFor();
  await shows(page, /^finished=0/m, { ms: 60_000 });
  const text = await sh(page, "clear; sha256sum -c /tmp/sums | grep -c OK");
  assert.match(text, /^20$/m);
  const sums = await sh(page, "clear; cut -c1-16 /tmp/sums | tr '\\n' ' '");
  for (let i = 1; i <= 20; ++i) {
    const sum = sha256(fs.readFileSync(onMount(`dd.${i}`))).slice(0, 16);
    assert.ok(sums.replaceAll("\n", "").includes(sum), `dd.${i}`);
  }
  assert.equal(await page.getByText("could not be brought back").count(), 0);
  await page.close();
});

test("a machine with a file open is saved to a file and brought back in another tab", async () => {
  const page = await shell();
  await sh(page, "exec 3>/mnt/open; echo one >&3; note=kept");
  await button(page, "Save & restore").click();
  await picture(page, "saving");
  const coming = page.waitForEvent("download");
  await button(page, "Save to a file").click();
  const saved = await (await coming).path();
  assert.ok(fs.statSync(saved).size > 1_000_000);
  const copy = `${daemon.work}/saved.vmstate`;
  fs.copyFileSync(saved, copy);
  await page.close();

  const other = await shell();
  await button(other, "Save & restore").click();
  await other.getByLabel("File with a saved machine").setInputFiles(copy);
  await notice(other, "is back").waitFor();
  await other.getByRole("tab", { name: "Terminal 1" }).click();
  await shows(other, prompt);
  const text = await sh(other, "echo two >&3; exec 3>&-; echo note is $note");
  assert.match(text, /^note is kept/m);
  assert.equal(fs.readFileSync(onMount("open"), "utf8"), "one\ntwo\n");

  // By now the file is another one than the saved machine has open.
  await button(other, "Save & restore").click();
  await other.getByLabel("File with a saved machine").setInputFiles(copy);
  await notice(other, "have changed since").waitFor();
  await picture(other, "refused");
  await other.close();
});

test("a machine is kept in the tab, and on the volume for the next visit", async () => {
  const page = await shell();
  await sh(page, "note=first");
  await button(page, "Save & restore").click();
  await button(page, "Keep").click();
  await notice(page, "kept in this tab").waitFor();
  await page.getByRole("tab", { name: "Terminal 1" }).click();
  await sh(page, "note=second");
  await button(page, "Save & restore").click();
  await button(page, "Bring back").click();
  await notice(page, "is back").waitFor();
  await page.getByRole("tab", { name: "Terminal 1" }).click();
  assert.match(await sh(page, "echo note=$note"), /^note=first/m);
  await button(page, "Save & restore").click();
  await button(page, "Save on the volume").click();
  await notice(page, "saved on the volume (").waitFor();
  await page.close();
  const later = await shell();
  await notice(later, "A machine was saved on the volume").waitFor();
  await later.getByRole("button", { name: "Bring it back" }).click();
  await notice(later, "is back").waitFor();
  await later.getByRole("tab", { name: "Terminal 1" }).click();
  assert.match(await sh(later, "echo note=$note"), /^note=first/m);
  fs.rmSync(onMount(".cairn"), { recursive: true });
  await later.close();
});

test("PostgreSQL is one click away, and not in two machines at once", async () => {
  const page = await shell();
  const begun = Date.now();
  await button(page, "PostgreSQL").click();
  await page.waitForTimeout(300);
  await picture(page, "postgres-starting");
  await shows(page, /postgres=[#>]\s*$/, { terminal: 2, ms: 240_000 });
  console.log(`from the click to psql, first time: ${(Date.now() - begun) / 1000} s`);
  await type(page, "select 6*7 as answer;", /^ +42$/m, { terminal: 2 });
  await picture(page, "postgres");
  const other = await shell();
  await button(other, "PostgreSQL").click();
  await notice(other, "another machine runs a server").waitFor({ timeout: 60_000 });
  await picture(other, "postgres-elsewhere");
  await other.close();
  await button(page, "Stop PostgreSQL").click();
  await notice(page, "PostgreSQL is stopped").waitFor({ timeout: 60_000 });
  const again = Date.now();
  await button(page, "PostgreSQL").click();
  await shows(page, /postgres=[#>]\s*$/, { terminal: 2, ms: 60_000 });
  console.log(`... and again: ${(Date.now() - again) / 1000} s`);
  await page.close();
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
  await page.close();
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
  await page.close();
});

test("a password is asked for where one is needed", async () => {
  const guarded = await Daemon.start({ settings: 'password = "open sesame"' });
  try {
    const page = await browser.context.newPage();
    // Without this the daemon would know root, whose browser this is.
    await page.setExtraHTTPHeaders({ "X-Forwarded-For": "10.0.0.7" });
    await page.goto(guarded.url);
    page.problems = [];
    await page.getByLabel("Password").fill("wrong");
    await button(page, "Log in").click();
    await page.getByText("The password is wrong.").waitFor();
    await picture(page, "login");
    assert.deepEqual(await axe(page), []);
    await page.getByLabel("Password").fill("open sesame");
    await button(page, "Log in").click();
    await shows(page, prompt);
    await button(page, "Log out").click();
    await page.getByLabel("Password").waitFor();
    await page.close();
  } finally {
    await guarded.stop();
  }
});
