import assert from "node:assert/strict";

import { until } from "./pages.mjs";

export async function a_server_that_stops_is_missed_and_found_again(pages) {
  const server = await pages.serve();
  const page = await pages.open(server);
  await page.getByText("Ready", { exact: true }).first().waitFor();
  const ended = server.stop();
  await page.getByText("The server is shutting down: it finishes").waitFor();
  await pages.picture(page, "draining");
  assert.ok((await ended) < 4_000, "open pages hold up the end of the server");
  await page.getByText("The server stopped at").waitFor();
  await pages.picture(page, "stopped");
  await pages.serve({ port: server.port });
  await until(async () => (await page.locator("#status").innerText()) === "Ready", "the new server");
  assert.equal(await page.locator("#banner").isVisible(), false);
}

export async function a_server_that_dies_is_missed(pages) {
  const server = await pages.serve();
  const page = await pages.open(server, "#/models/digits_mlp/1");
  await page.getByText("Ready", { exact: true }).first().waitFor();
  server.child.kill("SIGKILL");
  await page.getByText("No connection to the server since").waitFor();
  await server.ended;
}

export async function names_cannot_become_markup(pages) {
  const server = await pages.serve();
  const page = await pages.open(server, "#/models/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/1");
  await page.getByText("There is no such model").waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.match(await page.locator("h1").innerText(), /<img src=x/);
}

export async function a_page_that_is_one_too_many_is_told_so(pages) {
  const server = await pages.serve();
  const others = [];
  for (let page = 0; page < 32; page += 1) {
    const control = new AbortController();
    const answer = await fetch(`${server.url}dashboard/events`, { signal: control.signal });
    assert.equal(answer.status, 200);
    others.push(control);
  }
  const page = await pages.open(server);
  await page.getByText("The server refuses this page: the dashboard is open 32 times").waitFor();
  for (const other of others) other.abort();
  await until(async () => (await page.locator("#status").innerText()) === "Ready", "a place");
}
