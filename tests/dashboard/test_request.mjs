import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { writeEcho } from "./onnx.mjs";
import { PHONE } from "./pages.mjs";

export async function a_request_is_answered_with_its_timing(pages) {
  const server = await pages.serve({ models: ["minilm"] });
  const page = await pages.open(server, "#/models/minilm/1");
  await page.getByRole("button", { name: "Send request" }).click();
  const answer = page.locator(".answer");
  await answer.getByText("seen by this page").waitFor();
  const text = await answer.innerText();
  for (const expected of ["inside the server", "Queue", "Engine", "Decoding", "Encoding", "sentence_embedding", "more", "batch of 1 row"]) {
    assert.ok(text.includes(expected), `${expected} is missing in ${text}`);
  }
  assert.match(text, /\d(\.\d+)? (µs|ms)\s+seen by this page/);
  assert.ok((await answer.locator(".stack i").count()) >= 6);
  await pages.picture(page, "request-answered");
}

export async function a_bad_value_is_said_before_it_is_sent(pages) {
  const server = await pages.serve();
  const page = await pages.open(server, "#/models/digits_mlp/1");
  await page.locator("fieldset textarea").first().fill("1 2 three");
  await page.getByRole("button", { name: "Send request" }).click();
  const alert = page.locator(".answer").getByRole("alert");
  assert.match(await alert.innerText(), /Not sent\s+\w+: three is not a finite number/);
}

export async function the_servers_own_error_is_shown(pages) {
  const server = await pages.serve({ models: ["minilm"] });
  const page = await pages.open(server, "#/models/minilm/1", { viewport: PHONE });
  await page.getByLabel("attention_mask, dimension 2").fill("5");
  await page.getByRole("button", { name: "Send request" }).click();
  const alert = page.locator(".answer").getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.innerText(), /Refused with status 4\d\d[\s\S]*attention_mask|minilm/);
  await pages.picture(page, "request-refused-phone");
}

export async function large_inputs_are_made_when_they_are_sent(pages) {
  const server = await pages.serve({ models: ["open-nsfw"] });
  const page = await pages.open(server, "#/models/open-nsfw/1");
  await page.getByText("values are made when you send").waitFor();
  await page.getByRole("button", { name: "Send request" }).click();
  await page.locator(".answer .output").first().waitFor();
}

export async function types_that_json_lacks_go_there_and_back(pages) {
  const repository = mkdtempSync(path.join(tmpdir(), "hone-dashboard-"));
  try {
    writeEcho(repository, "echo");
    const server = await pages.serve({ repository, models: ["echo"] });
    const page = await pages.open(server, "#/models/echo/1");
    const sent = {
      FP16: "0.5, -2, 65504", BF16: "1, 0.1, -3", INT64: "9223372036854775807, -1, 0", UINT64: "18446744073709551615, 1, 2",
      UINT8: "0, 128, 255", BOOL: "true, false, true", BYTES: "one\ntwo, \"2\"\ndrei",
    };
    for (const [type, values] of Object.entries(sent)) {
      await page.getByLabel(`${type}, dimension 1`, { exact: true }).fill("3");
      await page.getByLabel(`${type}, values as text`, { exact: true }).fill(values);
    }
    await page.getByRole("button", { name: "Send request" }).click();
    await page.locator(".answer .output").first().waitFor();
    const received = await page.locator(".answer .output").evaluateAll((outputs) => Object.fromEntries(
      outputs.map((output) => [output.querySelector("code").textContent, output.querySelector("pre").textContent])));
    assert.deepEqual(received, {
      OUT_FP16: "0.5, -2, 65504", OUT_BF16: "1, 0.1000977, -3", OUT_INT64: sent.INT64, OUT_UINT64: sent.UINT64,
      OUT_UINT8: sent.UINT8, OUT_BOOL: sent.BOOL, OUT_BYTES: '"one", "two, \\"2\\"", "drei"',
    });
    await pages.picture(page, "request-types");
  } finally {
    rmSync(repository, { recursive: true });
  }
}
