// How fast the page is: printed as a table. What can be counted is asserted. To be run by itself.
//   REPEATS=5 CAIRN=build/release/bin/cairn node --test tests/e2e/page/page_figures.mjs
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Browser, prompt, shows } from "./browser.mjs";
import { LIST_MESSAGES_MAX, messagesOfList } from "./figures.mjs";
import { NodeMachine } from "./node_machine.mjs";
import { button, clickPostgres, notice, onMount, sh, shell, world } from "./world.mjs";

const REPEATS = Number(process.env.REPEATS ?? 1);
const STOP_MS = 60_000;
const DOWNLOAD_MAX = 6_000_000;
const rows = [];

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
async function repeat(work) {
  const values = [];
  for (let i = 0; i < REPEATS; ++i) values.push(await work());
  return median(values);
}
const row = (what, value, limit) => rows.push({ what, measured: value, "at most": limit });
const asSeconds = (value) => `${value.toFixed(2)} s`;

/** From the page's first script to the listing of /mnt on the screen. */
async function untilListed() {
  const page = await world.browser.open(world.daemon.url);
  const shown = (text) =>
    page.waitForFunction(
      (pattern) => new RegExp(pattern, "m").test(
        [...document.querySelectorAll("#panel-0 .xterm-rows > div")]
          .map((line) => line.textContent.replaceAll("\u00a0", " ").trimEnd()).join("\n")),
      text,
    );
  await shown("[$#]$");
  // As one event: thirty keys, one by one, would take longer than what is measured.
  await page.keyboard.insertText("ls /mnt && echo listed-$((1 + 1))");
  await page.keyboard.press("Enter");
  await shown("^listed-2");
  const seconds = await page.evaluate(
    () => (performance.now() - performance.getEntriesByName("page-start")[0].startTime) / 1000,
  );
  await page.close();
  return seconds;
}

/** A visitor who has nothing of the page yet. */
async function downloadBytes() {
  const stranger = await Browser.start();
  try {
    const before = world.daemon.relay.sentBytes;
    const page = await stranger.open(world.daemon.url);
    await shows(page, prompt);
    return world.daemon.relay.sentBytes - before;
  } finally {
    await stranger.stop();
  }
}

async function copySeconds(page, from, to) {
  await sh(page, "clear; su -c 'sync; echo 3 >/proc/sys/vm/drop_caches'");
  const text = await sh(page, `clear; time dd if=${from} of=${to} bs=1M count=8`);
  const [, minutes, seconds] = /^real\s+(\d+)m\s*([\d.]+)s/m.exec(text) ?? assert.fail(text);
  return Number(minutes) * 60 + Number(seconds);
}

test("how fast it is", async () => {
  fs.mkdirSync(onMount("in-figures"));
  fs.chmodSync(onMount("in-figures"), 0o777);
  row("page script start to /mnt listed", asSeconds(await repeat(untilListed)), "0.6 s");
  const first = await shell();
  await clickPostgres(first); // installs it, if no test has yet
  await first.close();
  const click = async (isStopped) => {
    const page = await shell();
    const seconds = await clickPostgres(page);
    if (isStopped) {
      await button(page, "Stop PostgreSQL").click();
      await notice(page, "PostgreSQL is stopped").waitFor({ timeout: STOP_MS });
    }
    await page.close();
    return seconds;
  };
  row("click to psql, after a closed tab", asSeconds(await repeat(() => click(false))), "3.0 s");
  await click(true);
  row("click to psql, after a stop", asSeconds(await repeat(() => click(true))), "3.0 s");
  const bytes = await downloadBytes();
  row("download before the shell", `${(bytes / 1e6).toFixed(2)} MB`, "6 MB");
  const page = await shell();
  await sh(page, "dd if=/dev/urandom of=/tmp/eight bs=1M count=8");
  const file = "/mnt/in-figures/eight";
  row("8 MiB written", asSeconds(await repeat(() => copySeconds(page, "/tmp/eight", file))), "0.3 s");
  row("8 MiB read", asSeconds(await repeat(() => copySeconds(page, file, "/dev/null"))), "0.5 s");
  for (const [cache, most] of Object.entries(LIST_MESSAGES_MAX)) {
    const machine = new NodeMachine(world.daemon.url);
    await machine.boot({ cache });
    const messages = await messagesOfList(machine, `/mnt/in-figures/hundred-${cache}`);
    await machine.stop();
    row(`messages for ls -l of 100 files, cold, ${cache}`, messages, 250);
    assert.ok(messages <= most, `${messages} messages`);
  }
  console.table(rows);
  assert.ok(bytes <= DOWNLOAD_MAX, `${bytes} bytes`);
});
