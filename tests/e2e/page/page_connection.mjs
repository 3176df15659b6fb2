// Connections that are cut, and a daemon that is restarted and killed, under the page's machine.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Browser, shows } from "./browser.mjs";
import { REMOTE_NAME } from "./daemon.mjs";
import { button, onMount, picture, sh, sha256, shell, started, world } from "./world.mjs";

test("connections that are cut and a daemon that is killed are survived", async () => {
  const page = await shell();
  const command = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do " +
    "dd if=/dev/urandom of=/mnt/dd.$i bs=64k count=4 conv=fsync 2>/dev/null || break; " +
    "sha256sum /mnt/dd.$i >>/tmp/sums; sleep 0.1; done";
  await page.keyboard.type(`clear; ${command}; echo finished=$?\n`);
  const connected = page.getByText("Connected", { exact: true });
  for (let i = 0; i < 10; ++i) {
    world.daemon.relay.cut();
    await page.getByText(`resumed ${i + 1}×`).waitFor();
  }
  await picture(page, "resumed");
  await world.daemon.restart("SIGKILL");
  await connected.waitFor();
  await world.daemon.restart("SIGTERM");
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
});

/** What a tab had locked is free for the next one of the same browser, whatever became of the daemon. */
async function locksAreFree(browser, url, name) {
  const page = await browser.open(url);
  await started(page);
  await sh(page, `(setsid flock -n /mnt/${name} sleep 1000 </dev/null >/dev/null 2>&1 &)`);
  await sh(page, `until ! flock -n /mnt/${name} true; do sleep 0.1; done`);
  await page.close();
  await world.daemon.restart("SIGKILL");
  const later = await browser.open(url);
  await started(later);
  // Much less than the daemon's grace time.
  await sh(later, `until flock -n /mnt/${name} true; do sleep 0.1; done`, { ms: 30_000 });
  // Its session would be waited for after the next crash.
  await button(later, "Stop").click();
  await later.getByRole("heading", { name: "The machine is switched off" }).waitFor();
  return later;
}

test("what a closed tab had locked is free for the next one, also after a crash", async () => {
  await locksAreFree(world.browser, world.daemon.url, "locked-here");
});

test("... and where the page comes over plain HTTP from another machine", async () => {
  const browser = await Browser.start([`--host-resolver-rules=MAP ${REMOTE_NAME} 127.0.0.1`]);
  try {
    const page = await locksAreFree(browser, world.daemon.remoteUrl, "locked-there");
    assert.equal(await page.evaluate(() => "locks" in navigator), false);
  } finally {
    await browser.stop();
  }
});

test("what a machine had locked that was switched off without a daemon is free for the next one", async () => {
  const page = await shell();
  await sh(page, "(setsid flock -n /mnt/switched-off sleep 1000 </dev/null >/dev/null 2>&1 &)");
  await sh(page, "until ! flock -n /mnt/switched-off true; do sleep 0.1; done");
  await world.daemon.end("SIGKILL");
  await page.getByText("Reconnecting").waitFor();
  await button(page, "Stop").click();
  await button(page, "Switch off at once").click();
  const start = page.locator(".card").getByRole("button", { name: "Start" });
  await start.waitFor();
  await world.daemon.launch();
  await start.click();
  await started(page);
  await sh(page, "until flock -n /mnt/switched-off true; do sleep 0.1; done", { ms: 30_000 });
});
