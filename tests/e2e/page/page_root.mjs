// A Debian that lies on the volume as the machine's root (docs/machine.md): what is installed there
// runs. It is made by debootstrap, once: build/debian-i386.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { onMount, picture, sh, shell } from "./world.mjs";

const build = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../build");
const tree = path.join(build, "debian-i386");

function run(...words) {
  const done = spawnSync(words[0], words.slice(1), { encoding: "utf8", maxBuffer: 1 << 26 });
  if (done.status !== 0) throw new Error(`${words[0]}: ${done.error ?? done.stdout + done.stderr}`);
}

test("gcc in a Debian on the volume compiles, and what it has made runs", async () => {
  if (!fs.existsSync(tree)) {
    const part = `${tree}.part`;
    fs.rmSync(part, { recursive: true, force: true });
    run("debootstrap", "--arch=i386", "--variant=minbase", "--include=gcc,libc6-dev", "bookworm", part);
    fs.renameSync(part, tree);
  }
  run("cp", "-a", tree, onMount("debian"));
  const page = await shell("?root=/debian");
  const program = `#include <stdio.h>\\nint main(){puts("hello from the volume");}\\n`;
  await sh(page, `cd /root && printf '${program}' >hello.c && gcc -o hello hello.c`, { ms: 120_000 });
  assert.match(await sh(page, "clear; ./hello"), /^hello from the volume/m);
  await picture(page, "root");
  assert.ok(fs.statSync(onMount("debian/root/hello")).size > 10_000);
});
