// What the page's tests share: one daemon and one browser, and what a visitor does with them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import path from "node:path";
import { after, afterEach, before } from "node:test";
import { Browser, prompt, shows, TERMINAL_MS } from "./browser.mjs";
import { Daemon } from "./daemon.mjs";

export const world = { daemon: null, browser: null };
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
export const onMount = (name) => path.join(world.daemon.mnt, name);

before(async () => {
  world.daemon = await Daemon.start({ settings: "uid = 1000\ngid = 1000" });
  world.browser = await Browser.start();
});
afterEach(() => world.browser.closePages());
after(async () => {
  await world.browser?.stop();
  await world.daemon?.stop();
});

/** A tab with a shell that waits. */
export async function shell(query = "") {
  const page = await world.browser.open(`${world.daemon.url}/${query}`);
  await started(page);
  return page;
}

/** Waits for the shell of a machine that has been asked for. */
export async function started(page) {
  await page.getByText("Machine: Running").waitFor({ timeout: TERMINAL_MS });
  await shows(page, prompt);
}

/** Types a line, and waits for what comes of it. */
export async function type(page, line, expected, options) {
  await page.keyboard.type(`${line}\n`);
  return shows(page, expected, options);
}

/** Types a command, and waits until it has ended well. */
let count = 0;
export async function sh(page, command, options) {
  const mark = `over${++count}`;
  const line = `${command}; s=$?; echo; echo ${mark}=$s`;
  const text = await type(page, line, new RegExp(`^${mark}=\\d+`, "m"), options);
  assert.match(text, new RegExp(`^${mark}=0`, "m"), text);
  return text;
}

/** With SCREENSHOTS=DIRECTORY. */
export async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
}

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const notice = (page, text) => page.locator(".notice", { hasText: text });

const PSQL = 2; // the terminal
const INSTALL_MS = 240_000;

/** From the click to psql's prompt, in seconds. */
export async function clickPostgres(page) {
  const begun = performance.now();
  await button(page, "PostgreSQL").click();
  await shows(page, /postgres=[#>]\s*$/, { terminal: PSQL, ms: INSTALL_MS });
  return (performance.now() - begun) / 1000;
}

/** Types a statement into psql. */
export const sql = (page, statement, expected, options = {}) =>
  type(page, statement, expected, { terminal: PSQL, ...options });
