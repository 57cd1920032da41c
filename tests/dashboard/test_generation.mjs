import assert from "node:assert/strict";

import { PHONE, legend, until } from "./pages.mjs";
import { stage } from "./stage.mjs";

const NAME = "digits_mlp";
const wave = (second, low, high) => low + (high - low) * (0.5 + Math.sin(second / 9) / 2);

function script(second) {
  const running = Math.round(wave(second, 3, 12));
  const row = {
    rates: [4, 0, 4, 0], now: [2, 0, 0], latency: [812, 1900, 2300, 120, 700],
    generation: [running, 2, Number(wave(second, 0.3, 0.85).toFixed(2)), 2048, Math.round(wave(second, 300, 610)), 0.42],
  };
  const numbers = {
    requests: 40, failed: 1, rows: 40, batches: 0, stages: null, reasons: {}, failures: { CANCELED: 1 }, rejections: {},
    latency: [...Array(12).fill(0), 12, 21, 7, 0, 0, 0], batch_rows: Array(10).fill(0),
  };
  const detail = {
    name: NAME, version: 1, how: "hone 0.2 on CPU, 16 threads", platform: "hone", load_seconds: 3.1, last_inference: Date.now(),
    instances: [0, 0, 0, 0], kv_blocks: [431, 1024], row, window: numbers, total: numbers,
  };
  return { models: [[NAME, 1, "READY", "", 0, true], ["<b>other</b>", 1, "UNAVAILABLE", "<img src=x onerror=alert(1)>", 0, false]], rows: [[0, row]], detail };
}

export async function a_model_that_generates_shows_tokens_and_its_cache(pages) {
  const front = await stage(await pages.serve(), script);
  try {
    const page = await pages.open(front, `#/models/${NAME}/1`);
    await until(async () => Number(await legend(page, "Tokens", "generated")) > 100, "tokens");
    assert.equal(await legend(page, "Sequences", "waiting"), "2");
    assert.match(await legend(page, "Key-value cache", "in use"), /\d+ %/);
    await page.getByText("431 of 1,024 key-value blocks are in use. Prefix cache: 42 % of prompt tokens found.").waitFor();
    await page.waitForTimeout(6_000);
    await pages.picture(page, "generation-desktop-light");
    const phone = await pages.open(front, `#/models/${NAME}/1`, { viewport: PHONE, dark: true });
    await until(async () => Number(await legend(phone, "Tokens", "generated")) > 100, "tokens");
    await pages.picture(phone, "generation-phone-dark");
  } finally {
    front.close();
  }
}

export async function names_and_reasons_stay_text(pages) {
  const front = await stage(await pages.serve(), script);
  try {
    const page = await pages.open(front);
    await page.getByText("<img src=x onerror=alert(1)>").waitFor();
    assert.equal(await page.locator("main img, main b:text-is('other')").count(), 0);
  } finally {
    front.close();
  }
}
