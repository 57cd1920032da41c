// What a test has: servers, pages that complain, pictures.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { Server } from "./server.mjs";

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };

// Messages that are part of a test: the browser reports every answer that is an error.
const EXPECTED = /Failed to load resource: (the server responded with a status of (4\d\d|503)|net::ERR)/;

export class Pages {
  constructor(browser, options) {
    this.browser = browser;
    this.options = options;
    this.servers = [];
    this.contexts = [];
    this.complaints = [];
  }

  // A server over the test models, some of them loaded; explicit unless `args` say otherwise.
  async serve({ models = ["digits_mlp"], args = [], environment = {}, port = 0, repository } = {}) {
    const chosen = models.flatMap((model) => ["--load-model", model]);
    const server = await Server.start(
      this.options.hone,
      [repository || this.options.models, "--model-control-mode", "explicit", ...chosen, ...args],
      environment,
      port,
    );
    this.servers.push(server);
    return server;
  }

  // A new page at `hash`; everything that the browser holds against it is remembered.
  async open(server, hash = "#/", { viewport = DESKTOP, dark = false } = {}) {
    const context = await this.browser.newContext({
      viewport, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce", deviceScaleFactor: viewport === PHONE ? 2 : 1,
    });
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("console", (message) => {
      const text = message.text();
      if (["error", "warning"].includes(message.type()) && !EXPECTED.test(text)) this.complaints.push(text);
    });
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    if (this.options.assets) await this.replaceFiles(page);
    await page.goto(server.url + hash);
    return page;
  }

  // Answers with the server's headers and the files of a folder.
  replaceFiles(page) {
    const isFile = (url) => /^\/(dashboard\/[a-z]+\.(js|css|svg))?$/.test(url.pathname);
    return page.route(isFile, async (route) => {
      const response = await route.fetch();
      const name = path.basename(new URL(route.request().url()).pathname) || "index.html";
      const file = path.join(this.options.assets, name);
      await route.fulfill({ response, body: await readFile(file) });
    });
  }

  picture(page, name) {
    const file = path.join(this.options.pictures, `${name}.png`);
    return page.screenshot({ path: file, fullPage: true });
  }

  // No test leaves a message of the browser behind.
  async check() {
    for (const context of this.contexts) {
      for (const page of context.pages()) this.complaints.push(...(await page.evaluate(() => window.violations)));
    }
    assert.deepEqual(this.complaints, []);
  }

  // What can be seen when a test has failed.
  async describe(name) {
    for (const page of this.contexts.flatMap((context) => context.pages())) {
      await this.picture(page, `failed-${name}`).catch(() => {});
      console.log(`--- the page:\n${await page.locator("body").innerText().catch(String)}`);
    }
    for (const server of this.servers) console.log(`--- its server:\n${server.log}`);
  }

  async close() {
    clearTimeout(this.timer);
    await Promise.all(this.contexts.map((context) => context.close()));
    for (const server of this.servers) {
      if (server.child.exitCode === null) await server.stop();
    }
  }
}

// Waits until `take` returns something true.
export async function until(take, what, patience = 15_000) {
  const deadline = performance.now() + patience;
  for (;;) {
    const found = await take();
    if (found) return found;
    assert.ok(performance.now() < deadline, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// The number that the legend of a chart shows under a label.
export async function legend(page, title, label) {
  const chart = page.locator("figure.chart", { has: page.getByRole("heading", { name: title, exact: true }) });
  return chart.locator("dl.legend > div", { hasText: label }).locator("b").textContent();
}
