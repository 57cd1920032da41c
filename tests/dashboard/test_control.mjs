import assert from "node:assert/strict";

import { until } from "./pages.mjs";

const TOKEN = "correct-horse";
const row = (page, model) => page.locator("table.models tbody tr", { hasText: model });

export async function with_the_token_models_come_and_go(pages) {
  const server = await pages.serve({ environment: { HONE_CONTROL_TOKEN: TOKEN } });
  const page = await pages.open(server);
  await row(page, "wine_gbc").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Load|Unload|Reload)$/ }).count(), 0);
  await page.getByLabel("Control token").fill(TOKEN);
  await page.getByRole("button", { name: "Unlock" }).click();
  await row(page, "wine_gbc").getByRole("button", { name: "Load" }).click();
  await row(page, "wine_gbc").getByText("Ready", { exact: true }).waitFor();
  await pages.picture(page, "control");
  await page.getByRole("link", { name: "digits_svc" }).click();
  // The list has the same buttons.
  await page.locator("table.models").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await page.waitForURL(/digits_svc\/1$/);
  await page.getByRole("button", { name: "Send request" }).waitFor();
  await page.getByRole("link", { name: "All models" }).click();
  page.on("dialog", (dialog) => dialog.accept());
  await row(page, "wine_gbc").getByRole("button", { name: "Unload" }).click();
  await until(async () => !(await row(page, "wine_gbc").innerText()).includes("Ready"), "the end of the model");
  await page.getByRole("button", { name: "Forget the token" }).click();
  assert.equal(await page.getByRole("button", { name: /^(Load|Unload|Reload)$/ }).count(), 0);
}

export async function a_wrong_token_is_said_and_forgotten(pages) {
  const server = await pages.serve({ environment: { HONE_CONTROL_TOKEN: TOKEN } });
  const page = await pages.open(server, "#/models/digits_mlp/1");
  await page.getByLabel("Control token").fill("wrong-horse");
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByRole("button", { name: "Reload" }).click();
  await page.getByLabel("Control token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
}

export async function without_a_token_nothing_is_offered(pages) {
  const server = await pages.serve();
  const page = await pages.open(server);
  await page.getByText("--control-token").waitFor();
  assert.equal(await page.getByRole("button", { name: /Load|Unload|Reload|Unlock/ }).count(), 0);
}
