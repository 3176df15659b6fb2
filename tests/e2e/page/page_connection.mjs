// Connections that are cut, and a daemon that is restarted and killed, under the page's machine.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { shows } from "./browser.mjs";
import { onMount, picture, sh, sha256, shell, world } from "./world.mjs";

test("connections that are cut and a daemon that is killed are survived", async () => {
  const page = await shell();
  const command = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do " +
    "dd if=/dev/urandom of=/mnt/dd.$i bs=64k count=4 conv=fsync 2>/dev/null || break; " +
    "sha256sum /mnt/dd.$i >>/tmp/sums; sleep 0.1; done";
  await page.keyboard.type(`clear; ${command}; echo finished=$?\n`);
  const connected = page.getByText("Connected", { exact: true });
  for (let i = 0; i < 10; ++i) {
    world.daemon.relay.cut();
    await page.waitForTimeout(50);
    await connected.waitFor();
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
