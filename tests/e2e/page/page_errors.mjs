// What goes wrong, in words: a newcomer's browser, a proxy, an upgrade, files of somebody's making.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { Browser } from "./browser.mjs";
import { button, notice, picture, sh, shell, started, world } from "./world.mjs";

/** A tab in which `answer` answers requests for `pattern`. */
async function openWith(pattern, answer, query = "") {
  const page = await world.browser.context.newPage();
  await page.route(pattern, answer);
  await page.goto(`${world.daemon.url}/${query}`);
  return page;
}
const says = (page, text) => page.getByText(text).first().waitFor();

test("what the page cannot be loaded with is said in words, and tried again", async () => {
  const missing = (route) => route.fulfill({ status: 404, body: "gone" });
  await says(await openWith("**/assets/page-*.js", missing), "The page could not be loaded whole");
  const noWorker = await openWith("**/machine.worker*", missing);
  await says(noWorker, "The machine's worker has failed: it could not be loaded");
  await picture(noWorker, "no-worker");
  const noImage = await openWith("**/vm/manifest.json", (route) =>
    route.fulfill({ status: 404, contentType: "text/plain", body: "The guest is not built.\n" }));
  await says(noImage, "/vm/manifest.json: The guest is not built.");
  const noCode = await openWith("**/*.wasm", missing);
  await says(noCode, "The emulator cannot be loaded: the server says 404");
  await noCode.unroute("**/*.wasm");
  await button(noCode, "Try again").click();
  await started(Object.assign(noCode, { problems: [] }));
});

test("a browser without WebAssembly is told so", async () => {
  const page = await openWith("**/machine.worker*", async (route) => {
    const script = await route.fetch();
    const body = `delete globalThis.WebAssembly;${await script.text()}`;
    const { "content-encoding": _, "content-length": __, ...headers } = script.headers();
    await route.fulfill({ response: script, headers, body }); // a worker needs the page's headers
  });
  await says(page, "This browser does not run WebAssembly");
});

test("a proxy's page is not shown in place of a sentence", async () => {
  const html = "<html><h1>502 Bad Gateway</h1></html>";
  const proxied = await openWith("**/api/session", (route) =>
    route.fulfill({ status: 502, contentType: "text/html", body: html }));
  await says(proxied, "The server says 502 Bad Gateway. This page tries again.");
  const captive = await openWith("**/api/session", (route) =>
    route.fulfill({ status: 200, contentType: "text/html", body: html }));
  await says(captive, "What answers at this address is not Cairn.");
  await captive.unroute("**/api/session");
  await button(captive, "PostgreSQL").waitFor();
  await says(await openWith("**/api/session", () => {}), "The page waits for the server");
});

test("who asks twice for a machine gets one", async () => {
  const page = await shell();
  await button(page, "Stop").click();
  const start = page.locator(".card").getByRole("button", { name: "Start" });
  await start.evaluate((element) => {
    element.click();
    element.click();
  });
  await started(page);
  await sh(page, "ls /mnt");
  assert.deepEqual(page.problems, []);
});

test("a file that is no saved machine, or one of somebody's making, is refused in words", async () => {
  const page = await shell();
  const bring = async (bytes) => {
    const file = { name: "made.vmstate", mimeType: "application/octet-stream", buffer: bytes };
    await button(page, "Save & restore").click();
    await page.getByLabel("File with a saved machine").setInputFiles(file);
  };
  await bring(Buffer.from("<img src=x onerror=alert(1)>"));
  await notice(page, "This file is not a saved machine.").waitFor();
  await sh(page, "echo still here");

  await button(page, "Save & restore").click();
  const coming = page.waitForEvent("download");
  await button(page, "Save to a file").click();
  const saved = fs.readFileSync(await (await coming).path());
  await button(page, "Stop").waitFor();
  const end = 12 + saved.readUInt32LE(8);
  const head = JSON.parse(saved.subarray(12, end).toString());
  const withHead = (other, body = saved.subarray(end)) => {
    const json = Buffer.from(JSON.stringify(other));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    return Buffer.concat([saved.subarray(0, 8), length, json, body]);
  };
  await bring(withHead({ ...head, volume: "<b>other</b>" }));
  await notice(page, "saved on another volume: <b>other</b>").waitFor();
  await bring(withHead({ ...head, durable: null }));
  await notice(page, "The saved machine is damaged.").waitFor();
  await sh(page, "echo still here");

  const memory = gunzipSync(saved.subarray(end));
  memory.fill(0x41, memory.readUInt32LE(0) + 4);
  await bring(withHead(head, gzipSync(memory)));
  await page.getByText("The machine cannot start").waitFor();
  await picture(page, "nonsense");
  await button(page, "Try again").click();
  await started(page);
});

test("a machine without room in the browser's memory is refused in words", async () => {
  const small = await Browser.start(["--js-flags=--wasm-max-mem-pages=3000"]);
  try {
    await small.context.addInitScript(() => localStorage.setItem("cairn.memoryMib", "512"));
    const page = await small.open(world.daemon.url);
    await says(page, "The browser has no room for a machine of 512 MB");
    await picture(page, "no-room");
  } finally {
    await small.stop();
  }
});
