// Machines that are saved and brought back.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { prompt, shows } from "./browser.mjs";
import { button, notice, onMount, picture, sh, shell, world } from "./world.mjs";

test("a machine with a file open is saved to a file and brought back in another tab", async () => {
  const page = await shell();
  await sh(page, "exec 3>/mnt/open; echo one >&3; note=kept");
  await button(page, "Save & restore").click();
  await picture(page, "saving");
  const coming = page.waitForEvent("download");
  await button(page, "Save to a file").click();
  const saved = await (await coming).path();
  assert.ok(fs.statSync(saved).size > 1_000_000);
  const copy = `${world.daemon.work}/saved.vmstate`;
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
});
