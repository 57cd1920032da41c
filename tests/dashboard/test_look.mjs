import assert from "node:assert/strict";

import { DESKTOP, PHONE, legend, until } from "./pages.mjs";

const MODELS = ["digits_mlp", "minilm", "wine_gbc", "fashion-resnet", "ocr-rec", "magika"];
const DIGIT = (model) => [{ name: model.name, datatype: model.datatype, shape: [1, ...model.shape.slice(1)], data: Array.from({ length: model.shape.slice(1).reduce((a, b) => a * b, 1) }, (_, index) => index % 7) }];
const tokens = (length) => ["input_ids", "attention_mask", "token_type_ids"].map((name) =>
  ({ name, datatype: "INT64", shape: [1, length], data: Array(length).fill(name === "token_type_ids" ? 0 : 1) }));

async function metadata(server, model) {
  return (await fetch(`${server.url}v2/models/${model}`)).json();
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

export async function charts_move_under_load(pages) {
  const server = await pages.serve();
  const page = await pages.open(server);
  await page.getByText("Ready", { exact: true }).first().waitFor();
  await until(async () => (await legend(page, "Requests", "answered")) === "0", "rest");
  const inputs = DIGIT((await metadata(server, "digits_mlp")).inputs[0]);
  const stop = server.load("digits_mlp", inputs, 4);
  const shape = () => page.locator("figure.chart path.line").first().getAttribute("d");
  const before = await shape();
  await until(async () => parseInt((await legend(page, "Requests", "answered")).replaceAll(",", ""), 10) > 20, "load in the legend");
  await until(async () => /µs|ms/.test(await legend(page, "Latency", "p99")), "percentiles");
  assert.notEqual(await shape(), before);
  const row = page.locator("table.models tbody tr", { hasText: "digits_mlp" });
  assert.match(await row.innerText(), /\d+(,\d{3})*/);
  await stop();
  await until(async () => (await legend(page, "Requests", "answered")) === "0", "rest again");
}

export async function every_view_in_every_light(pages) {
  const server = await pages.serve({ models: MODELS, args: ["--control-token", "correct-horse"] });
  const inputs = DIGIT((await metadata(server, "digits_mlp")).inputs[0]);
  const loads = [server.load("digits_mlp", inputs, 3), server.load("minilm", tokens(16), 4)];
  await fetch(`${server.url}v2/models/minilm/infer`, { method: "POST", body: '{"inputs":[]}' });
  const views = [];
  for (const [view, hash] of [["overview", "#/"], ["model", "#/models/minilm/1"], ["idle-model", "#/models/ocr-rec/2"]]) {
    for (const [size, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
      for (const dark of [false, true]) {
        views.push([`${view}-${size}-${dark ? "dark" : "light"}`, await pages.open(server, hash, { viewport, dark }), dark]);
      }
    }
  }
  // Long enough for lines that can be judged.
  await new Promise((resolve) => setTimeout(resolve, 14_000));
  for (const [name, page, dark] of views) {
    await page.getByRole("heading", { level: 1 }).waitFor({ state: "attached" });
    assert.ok((await overflow(page)) <= 0, `${name} is wider than its window`);
    const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const bright = Number(ground.match(/\d+/)[0]) > 128;
    assert.equal(bright, !dark, `${name} has the ground ${ground}`);
    await pages.picture(page, name);
  }
  await Promise.all(loads.map((stop) => stop()));
}

export async function a_model_says_how_it_runs(pages) {
  const server = await pages.serve({ models: ["ocr-rec"] });
  const config = JSON.stringify({ backend: "onnxruntime", version_policy: { all: {} } });
  const both = await fetch(`${server.url}v2/repository/models/ocr-rec/load`, {
    method: "POST", body: JSON.stringify({ parameters: { config } }),
  });
  assert.equal(both.status, 200, await both.text());
  const page = await pages.open(server, "#/models/ocr-rec/1");
  await page.getByText(/Runs on onnxruntime/).waitFor();
  const text = await page.locator("main").innerText();
  for (const expected of ["v1", "v2", "Inputs and outputs", "No response cache", "FP32", "Where the time goes"]) {
    assert.ok(text.includes(expected), `${expected} is missing in ${text}`);
  }
  await page.getByText("Configuration in force").click();
  assert.match(await page.locator("pre.json").innerText(), /"backend": "onnxruntime"/);
  await page.getByRole("link", { name: "v2" }).click();
  await page.waitForURL(/ocr-rec\/2$/);
}

export async function the_page_can_be_used_without_a_mouse(pages) {
  const server = await pages.serve();
  const page = await pages.open(server);
  await page.locator("table.models a").first().waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.locator("table.models a").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Send request" }).waitFor();
}
