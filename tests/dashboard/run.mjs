// Drives the dashboard of a real server in a real browser. `cargo xtask dashboard` runs it:
// node run.mjs --hone FILE --models FOLDER --chromium FILE --packages FOLDER --pictures FOLDER
// While the page is changed: --only TEXT runs some of the tests, --assets FOLDER takes the page's files
// from there and not from the server, which then need not be built.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

import { Pages } from "./pages.mjs";
import * as control from "./test_control.mjs";
import * as generation from "./test_generation.mjs";
import * as life from "./test_life.mjs";
import * as look from "./test_look.mjs";
import * as request from "./test_request.mjs";
import * as tensors from "./test_tensors.mjs";

const text = { type: "string" };
const { values: options } = parseArgs({
  options: { hone: text, models: text, chromium: text, packages: text, pictures: text, only: text, assets: text },
});
const { chromium } = createRequire(path.join(options.packages, "node_modules", "x.js"))("playwright-core");

const TEST_TIMEOUT = 60_000;

mkdirSync(options.pictures, { recursive: true });
const browser = await chromium.launch({ executablePath: options.chromium, args: ["--no-sandbox", "--disable-gpu"] });
const counts = { passed: 0, failed: 0 };

for (const [file, tests] of Object.entries({ tensors, request, look, control, generation, life })) {
  for (const [name, test] of Object.entries(tests)) {
    const title = `${file}: ${name.replaceAll("_", " ")}`;
    if (options.only && !title.includes(options.only)) continue;
    const pages = new Pages(browser, options);
    const started = performance.now();
    const late = new Promise((_, reject) => {
      pages.timer = setTimeout(() => reject(new Error(`not done after ${TEST_TIMEOUT / 1000} s`)), TEST_TIMEOUT);
    });
    try {
      await Promise.race([test(pages).then(() => pages.check()), late]);
      counts.passed += 1;
      console.log(`ok      ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    } catch (error) {
      counts.failed += 1;
      console.log(`FAILED  ${title}\n${error.stack}`);
      await pages.describe(title.replaceAll(/\W+/g, "-"));
    }
    await pages.close();
  }
}

await browser.close();
console.log(`note: screenshots are in ${options.pictures}`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed ? 1 : 0;
