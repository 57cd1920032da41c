// One version of a model: its load, where its time goes, how it is set up, and a request to try.

import { bars, chart, columns, stack } from "./chart.js";
import { cacheText, configView } from "./config.js";
import { buttons, changes, isUnlocked, showPanel } from "./control.js";
import { h, section } from "./dom.js";
import { count, exactMillis, millis, percent, rate, span } from "./format.js";
import { keyOf } from "./feed.js";
import { loadCharts, modelPath, pill } from "./overview.js";
import { requestForm } from "./request.js";

const REASONS = {
  idle: ["idle instance", "an instance was free and the model asks for no delay"],
  full: ["full", "another request would not have fitted"],
  preferred: ["preferred size", "it reached a preferred size"],
  delay: ["delay over", "its oldest request had waited as long as the model allows"],
  deadline: ["deadline near", "a request in it would have run out of time"],
  shape_change: ["other shape", "the next requests have another shape"],
  priority: ["other priority", "the next requests have another priority"],
  no_gain: ["no gain", "larger batches have not made this model's rows cheaper on this machine"],
  retry: ["retry", "a batch failed and its requests were run one by one"],
};

const FAILURES = {
  REJECTED: "rejected: the queue was full or time was over", CANCELED: "canceled: the client went away",
  BACKEND: "the model failed", OTHER: "the request did not fit the model",
};

const STAGES = [["Queue", "one"], ["Gathering", "four"], ["Engine", "three"], ["Splitting", "two"]];

const shapeText = (shape) => (shape.length ? `[${shape.map((dim) => (dim < 0 ? "any" : dim)).join(", ")}]` : "scalar");

function signature(metadata) {
  const rows = (kind, tensors) => (tensors || []).map(({ name, datatype, shape }) =>
    h("tr", null, h("td", null, kind), h("th", { scope: "row" }, h("code", null, name)),
      h("td", null, h("span", { class: "tag" }, datatype)), h("td", { class: "num" }, shapeText(shape))));
  return section("Inputs and outputs", h("div", { class: "scroll", tabindex: "0" },
    h("table", { class: "plain" }, h("thead", { class: "sr" }, h("tr", null, ["Kind", "Name", "Type", "Shape"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", null, rows("in", metadata.inputs), rows("out", metadata.outputs)))));
}

function generationCharts() {
  const of = (index) => (point) => (point.generation ? point.generation[index] : null);
  return [
    chart({
      title: "Tokens", note: "a second", format: rate,
      series: [{ label: "generated", tone: "one", area: true, value: of(4) }, { label: "of prompts", tone: "two", value: of(3) }],
    }),
    chart({
      title: "Sequences", format: count, floor: 4,
      series: [{ label: "running", tone: "three", area: true, value: of(0) }, { label: "waiting", tone: "two", value: of(1) }],
    }),
    chart({
      title: "Key-value cache", note: "share in use", format: percent, floor: 1, isShare: true,
      series: [{ label: "in use", tone: "two", area: true, value: of(2) }, { label: "prefix hits", tone: "three", value: of(5) }],
    }),
  ];
}

function instancesView([idle, busy, replacing, replaced]) {
  const squares = [["busy", busy], ["idle", idle], ["replacing", replacing]].flatMap(([state, number]) =>
    Array.from({ length: Math.min(number, 64) }, () => h("i", { "data-state": state, title: state })));
  return h("div", null, h("div", { class: "squares", "aria-hidden": "true" }, squares),
    h("p", { class: "note num" }, `${busy} busy, ${idle} idle`, replacing ? `, ${replacing} being replaced` : "",
      replaced ? ` · ${count(replaced)} replaced since loading` : ""));
}

const none = (text) => h("p", { class: "note" }, text);

function reasonBars(reasons) {
  const rows = Object.entries(reasons).sort(([, a], [, b]) => b - a)
    .map(([name, value]) => ({ label: (REASONS[name] || [name])[0], hint: (REASONS[name] || [])[1], value }));
  return rows.length ? bars(rows, count) : none("No batch in the last seconds.");
}

function failureBars(failures) {
  const rows = Object.entries(failures).map(([name, value]) => ({ label: FAILURES[name] || name, value }));
  return rows.length ? bars(rows, count) : none("No failure since the model was loaded.");
}

function totals({ total, last_inference: last, load_seconds: loading }) {
  const items = [["answered", count(total.requests)], ["failed", count(total.failed)], ["rows", count(total.rows)],
    ["batches", count(total.batches)], ["loading took", loading < 1 ? `${(loading * 1000).toFixed(0)} ms` : `${loading.toFixed(1)} s`],
    ["last batch", last ? `${span((Date.now() - last) / 1000)} ago` : "never"]];
  return h("dl", { class: "pairs" }, items.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", { class: "num" }, value))));
}

// What is filled anew at every tick, by the name of its place.
function detailViews(detail, hello) {
  const { window, total } = detail;
  const stages = window.stages && STAGES.map(([label, tone], index) => ({ label, tone, value: window.stages[index] }));
  const limits = hello.bounds.map((bound) => "≤ " + millis(bound * 1000));
  const latencyLabels = [...limits, "> " + millis(hello.bounds.at(-1) * 1000)];
  const batchLabels = hello.batch_bounds.map((bound, index) => {
    const low = index ? hello.batch_bounds[index - 1] + 1 : 1;
    return low === bound ? String(bound) : `${low}–${bound}`;
  }).concat(`> ${hello.batch_bounds.at(-1)}`);
  return {
    stages: stages ? stack(stages, exactMillis) : none("No request in the last seconds."),
    latency: columns(window.latency, latencyLabels),
    batches: columns(window.batch_rows, batchLabels),
    reasons: reasonBars(window.reasons),
    failures: failureBars(total.failures),
    instances: instancesView(detail.instances),
    totals: totals(detail),
  };
}

// What says nothing of an engine that schedules for itself is marked as such.
function detailSections(places, window) {
  const recent = `last ${window} s`;
  return h("div", { class: "pair" },
    h("section", { class: "card wide batching" }, h("h2", null, "Where the time goes"), h("p", { class: "note" }, `mean per request, ${recent}`), places.stages),
    h("section", { class: "card" }, h("h2", null, "How long requests took"), h("p", { class: "note" }, `share of requests, ${recent}`), places.latency),
    h("section", { class: "card batching" }, h("h2", null, "Batch sizes"), h("p", { class: "note" }, `rows, share of batches, ${recent}`), places.batches),
    h("section", { class: "card batching" }, h("h2", null, "Why batches left"), h("p", { class: "note" }, recent), places.reasons),
    h("section", { class: "card" }, h("h2", null, "Failures"), h("p", { class: "note" }, "since loading"), places.failures));
}

export function modelPage(feed, name, version) {
  const key = keyOf(name, version);
  const find = () => feed.models.find((model) => model.key === key);
  const windowSeconds = feed.hello ? feed.hello.window : 10;
  const charts = loadCharts(feed);
  const places = Object.fromEntries(["stages", "latency", "batches", "reasons", "failures", "instances", "totals"].map(
    (place) => [place, h("div", { class: "live" })]));
  const state = h("span");
  const versions = h("nav", { class: "versions", "aria-label": "Versions" });
  const how = h("p", { class: "how" });
  const reason = h("p", { class: "reason", hidden: true });
  const actions = h("div", { class: "control" });
  const unlocking = h("div", { class: "control" });
  const cache = h("p", { class: "text" });
  const tokens = h("div", { class: "charts three", hidden: true });
  const setup = h("div", { class: "setup" });
  const live = h("div", { class: "page" }, h("div", { class: "charts" }, charts.map((item) => item.node)), tokens,
    detailSections(places, windowSeconds),
    h("div", { class: "grid" }, section("Instances", places.instances), section("Cache", cache), section("Since loading", places.totals)));
  const node = h("div", { class: "page" },
    h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/" }, "All models")),
    h("div", { class: "title" }, h("h1", null, name), state, versions, actions), how, reason, live, setup, unlocking);
  const [, , queue, batch] = charts;
  for (const part of [queue.node, batch.node, places.instances.parentNode]) part.classList.add("batching");
  let generation = [];
  let fetched = null;
  let loading = null;

  function showState() {
    const model = find();
    state.replaceChildren(model ? pill(model.state) : pill(feed.hello ? "UNKNOWN" : "LOADING"));
    const siblings = feed.models.filter((other) => other.name === name && other.version !== null);
    versions.replaceChildren(...siblings.map((other) =>
      h("a", { href: modelPath(other), "aria-current": other.key === key ? "page" : null }, `v${other.version}`)));
    // Without a version it is a model that was not loaded; when it is, its newest one is shown.
    if (!model && !version && siblings.length) return location.replace(modelPath(siblings.at(-1)));
    const missing = siblings.length ? `Version ${version} is not loaded.` : "There is no such model.";
    const why = model ? model.reason : feed.models.length ? missing : "";
    reason.textContent = why;
    reason.hidden = !why;
    live.hidden = setup.hidden = !(model && model.version !== null && model.state !== "UNAVAILABLE");
    const isKnown = feed.models.some((other) => other.name === name);
    const isReady = Boolean(model && model.state === "READY");
    actions.replaceChildren(...(isKnown && isUnlocked(feed.hello) ? [buttons(name, isReady)] : []));
    showPanel(unlocking, feed.hello);
    if (model && model.generates && !generation.length) {
      generation = generationCharts();
      tokens.append(...generation.map((item) => item.node));
      tokens.hidden = false;
      live.classList.add("generates");
    }
    // A model that was loaded again may be another one.
    const identity = isReady ? `${feed.hello?.started} ${model.reason}` : null;
    if (identity && identity !== fetched) {
      fetched = identity;
      load();
    }
    if (!identity) fetched = null;
  }

  async function load() {
    const path = `v2/models/${encodeURIComponent(name)}/versions/${version}`;
    try {
      const [metadata, config] = await Promise.all([path, path + "/config"].map(async (part) => (await fetch(part)).json()));
      if (metadata.error) throw new Error(metadata.error);
      cache.textContent = cacheText(config);
      setup.replaceChildren(requestForm(metadata, config, version), signature(metadata), configView(config));
    } catch (error) {
      fetched = null;
      setup.replaceChildren(none(`The model's description cannot be had: ${error.message}`));
    }
  }

  function update() {
    const history = feed.history(key);
    for (const item of [...charts, ...generation]) item.update(history);
  }

  function updateDetail() {
    const { detail, hello } = feed;
    if (!detail || detail.name !== name || String(detail.version) !== version) return;
    // Loaded again, too fast to be seen as such: it may have other inputs now.
    if (loading !== null && loading !== detail.load_seconds && fetched) load();
    loading = detail.load_seconds;
    how.replaceChildren(h("span", null, "Runs on "), detail.how);
    for (const [place, view] of Object.entries(detailViews(detail, hello))) places[place].replaceChildren(view);
    if (detail.row.generation) {
      const hits = detail.row.generation[5];
      const blocks = detail.kv_blocks || [0, 0];
      cache.textContent = `${count(blocks[0])} of ${count(blocks[1])} key-value blocks are in use. Prefix cache: `
        + (hits === null ? "nothing looked up in the last seconds." : `${percent(hits)} of prompt tokens found.`);
    }
  }

  showState();
  update();
  const listeners = [[feed, "tick", update], [feed, "catalogue", showState], [feed, "hello", showState],
    [feed, "detail", updateDetail], [changes, "change", showState]];
  listeners.forEach(([target, event, take]) => target.addEventListener(event, take));
  const leave = () => listeners.forEach(([target, event, take]) => target.removeEventListener(event, take));
  return { node, leave, title: `${name} · Hone`, watched: { name, version } };
}
