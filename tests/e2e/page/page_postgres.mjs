// PostgreSQL in the page.
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { shows } from "./browser.mjs";
import { button, clickPostgres, notice, picture, shell, sql, world } from "./world.mjs";

const asSeconds = (value) => `${value.toFixed(1)} s`;

test("a row outlives its tab, the daemon and the daemon's cache", async () => {
  const page = await shell();
  const first = await clickPostgres(page);
  await sql(page, "create table notes (id int primary key, note text);", /^CREATE TABLE$/m);
  await sql(page, "insert into notes values (1, 'kept');", /^INSERT 0 1$/m);
  await picture(page, "postgres");
  await page.close();
  await world.daemon.restart("SIGKILL", { emptyCache: true });

  const later = await shell();
  const second = await clickPostgres(later);
  await sql(later, "select * from notes;", /^ +1 \| kept$/m);
  await picture(later, "postgres-later");
  console.log(`click to psql: ${asSeconds(first)}, after the crash ${asSeconds(second)}`);
});

test("a tab is closed and opened again: PostgreSQL starts at once, and the row is there", async () => {
  const page = await shell();
  await clickPostgres(page);
  await sql(page, "insert into notes values (2, 'too');", /^INSERT 0 1$/m);
  await page.close();
  const later = await shell();
  await clickPostgres(later);
  await sql(later, "select * from notes;", /^ +2 \| too$/m);
});

test("a machine with PostgreSQL in it is saved to a file, and comes back with it", async () => {
  const page = await shell();
  await clickPostgres(page);
  await sql(page, "create temporary table mine as select 'only in memory' as what;", /^SELECT 1$/m);
  await button(page, "Save & restore").click();
  const coming = page.waitForEvent("download");
  await button(page, "Save to a file").click();
  const saved = path.join(world.daemon.work, "postgres.vmstate");
  fs.copyFileSync(await (await coming).path(), saved);
  await page.close();

  const later = await shell();
  await button(later, "Save & restore").click();
  await later.getByLabel("File with a saved machine").setInputFiles(saved);
  await notice(later, "is back").waitFor();
  await button(later, "Stop PostgreSQL").waitFor();
  await later.getByRole("tab", { name: "Terminal 3" }).click();
  await shows(later, /postgres=#\s*$/, { terminal: 2 });
  await sql(later, "select what from mine;", /^ only in memory$/m);
  await sql(later, "create table after (id int);", /^CREATE TABLE$/m);
});

test("PostgreSQL does not run in two machines at once", async () => {
  const page = await shell();
  await clickPostgres(page);
  const other = await shell();
  await button(other, "PostgreSQL").click();
  await notice(other, "another machine runs a server").waitFor({ timeout: 60_000 });
  await picture(other, "postgres-elsewhere");
  await button(page, "Stop PostgreSQL").click();
  await notice(page, "PostgreSQL is stopped").waitFor({ timeout: 60_000 });
  await clickPostgres(other);
});
