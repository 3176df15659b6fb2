// PostgreSQL for i386 that came to the volume by another door, by its manual's own lines: typed by
// the ordinary user, without any help of the page's.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { onMount, picture, sh, shell, type } from "./world.mjs";

const image = process.env.CAIRN_GUEST_OUT ??
  path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../build/guest");

test("the manual's lines do what they say", async () => {
  const bundle = path.join(image, "postgres.tar.zst");
  const unpacked = spawnSync("tar", ["--zstd", "-xf", bundle, "-C", path.dirname(onMount("x"))]);
  if (unpacked.status !== 0) throw new Error(String(unpacked.stderr));
  fs.chmodSync(onMount(""), 0o777);

  const page = await shell();
  await sh(page, "[ $(id -u) = 1000 ]");
  await sh(page, "export PATH=/mnt/postgres/bin:$PATH");
  await sh(page, "export LD_LIBRARY_PATH=/mnt/postgres/lib");
  await sh(page, "initdb -D /mnt/pgdata", { ms: 400_000 });
  await picture(page, "by-hand-initdb");
  await sh(page, "pg_ctl -D /mnt/pgdata -l /mnt/pgdata/logfile start", { ms: 100_000 });
  await type(page, "clear; psql -d postgres", /postgres=[#>]\s*$/, { ms: 60_000 });
  await type(page, "create table t (n int); insert into t values (42);", /^INSERT 0 1$/m);
  await type(page, "select n + 1 as answer from t;", /^ +43$/m);
  await picture(page, "by-hand");
});
