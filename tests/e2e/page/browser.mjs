// Debian's Chromium with the page in it.
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../web");
const require = createRequire(path.join(web, "package.json"));
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const TERMINAL_MS = 30_000;
const POLL_MS = 50;

export class Browser {
  /** `flags`: of Chromium's, besides. */
  static async start(flags = []) {
    const browser = new Browser();
    browser.profile = fs.mkdtempSync(path.join(os.tmpdir(), "cairn-chromium."));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [...FLAGS, ...flags],
      viewport: { width: 1200, height: 760 },
      acceptDownloads: true,
    });
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    return browser;
  }

  /** A tab; what goes wrong in it is in `problems`. */
  async open(url) {
    const page = await this.context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    await page.goto(url);
    return Object.assign(page, { problems });
  }

  async closePages() {
    for (const page of this.context.pages()) await page.close();
  }

  async stop() {
    await this.context.close();
    fs.rmSync(this.profile, { recursive: true, force: true });
  }
}

/** What a terminal shows, without the blanks at the end of its lines. */
export function screenText(page, terminal = 0) {
  return page.evaluate((index) => {
    const rows = document.querySelectorAll(`#panel-${index} .xterm-rows > div`);
    return [...rows].map((row) => row.textContent.replaceAll("\u00a0", " ").trimEnd()).join("\n");
  }, terminal);
}

/** Waits until a terminal shows what matches; its text. */
export async function shows(page, expected, { terminal = 0, ms = TERMINAL_MS } = {}) {
  const end = Date.now() + ms;
  for (;;) {
    const text = await screenText(page, terminal);
    if (expected.test(text)) return text;
    if (Date.now() > end) {
      const told = await page.locator("#tools, .notices, #status").allInnerTexts();
      const problems = [...told, ...page.problems].join("\n");
      throw new Error(`the terminal does not show ${expected}:\n${text}\n${problems}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What keeps people out, as axe-core sees it. */
export async function axe(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`);
}

export const prompt = /[$#]\s*$/;
