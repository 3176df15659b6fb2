// Who may come in.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { axe, prompt, shows } from "./browser.mjs";
import { Daemon } from "./daemon.mjs";
import { button, picture, sh, started, world } from "./world.mjs";

const PASSWORD = "open sesame";
let guarded;

before(async () => {
  const settings = `password = "${PASSWORD}"\nuid = 1000\ngid = 1000\nguest_root = false`;
  guarded = await Daemon.start({ settings, isProxied: true });
});
after(() => guarded.stop());

async function logIn(page, password = PASSWORD) {
  await page.getByLabel("Password").fill(password);
  await button(page, "Log in").click();
}

/** A tab with a shell; one that is logged in by now is not asked. */
async function enter() {
  const page = await world.browser.open(guarded.url);
  const field = page.getByLabel("Password");
  await field.or(button(page, "PostgreSQL")).first().waitFor();
  if (await field.isVisible()) await logIn(page);
  await started(page);
  return page;
}

test("a password is asked for where one is needed", async () => {
  const page = await world.browser.open(guarded.url);
  await logIn(page, "wrong");
  await page.getByText("The password is wrong.").waitFor();
  await picture(page, "login");
  assert.deepEqual(await axe(page), []);
  await logIn(page);
  await shows(page, prompt);
  await button(page, "Log out").click();
  await page.getByLabel("Password").waitFor();
});

test("a page whose login went with the daemon asks again, and its machine goes on", async () => {
  const page = await enter();
  await sh(page, "note=kept; exec 3>/mnt/open; echo one >&3");
  await guarded.restart("SIGKILL");
  await page.getByLabel("Password").waitFor();
  await picture(page, "login-again");
  await logIn(page);
  await shows(page, prompt);
  const text = await sh(page, "echo two >&3; exec 3>&-; echo note is $note");
  assert.match(text, /^note is kept/m);
  assert.equal(fs.readFileSync(path.join(guarded.mnt, "open"), "utf8"), "one\ntwo\n");
});

test("who logs out is logged out in all tabs, whose machines wait", async () => {
  const page = await enter();
  const other = await enter();
  await sh(other, "note=kept");
  await button(page, "Log out").click();
  await page.getByLabel("Password").waitFor();
  await other.getByLabel("Password").waitFor();
  await logIn(other);
  await shows(other, prompt);
  assert.match(await sh(other, "echo note is $note; ls /mnt"), /^note is kept/m);
});

test("where guest_root is off, the guest's root is the ordinary user on the volume", async () => {
  const theirs = path.join(guarded.mnt, "theirs");
  fs.writeFileSync(theirs, "secret\n", { mode: 0o600 });
  const page = await enter();
  await sh(page, "su -c 'id -u; touch /mnt/mine; mkdir /mnt/dir' | grep -q '^0$'");
  assert.equal(fs.statSync(path.join(guarded.mnt, "mine")).uid, 1000);
  for (const forbidden of ["cat", "chown 0", "chmod 666", "truncate -s 0"]) {
    await sh(page, `clear; ! su -c '${forbidden} /mnt/theirs'`);
  }
  await sh(page, "clear; ! su -c 'chown 0 /mnt/mine'; ! su -c 'mknod /mnt/device c 1 3'");
  assert.equal(fs.readFileSync(theirs, "utf8"), "secret\n");
  assert.equal(fs.statSync(theirs).mode & 0o777, 0o600);
  assert.equal(fs.statSync(path.join(guarded.mnt, "mine")).uid, 1000);
});
