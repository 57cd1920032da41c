// The whole server: its load, its models.

import { chart, sparkline } from "./chart.js";
import { buttons, changes, isUnlocked, showPanel } from "./control.js";
import { h, setAttribute, setText } from "./dom.js";
import { bytes, count, decimal, millis, percent, rate } from "./format.js";

const FILTER_FROM = 8;

export const STATES = {
  READY: ["ready", "Ready"], LOADING: ["busy", "Loading"], UNLOADING: ["busy", "Unloading"],
  UNAVAILABLE: ["bad", "Unavailable"], UNKNOWN: ["off", "Not loaded"],
};

export const pill = (state) => {
  const [kind, label] = STATES[state] || ["off", state];
  return h("span", { class: "pill", "data-state": kind }, h("i"), h("span", null, label));
};

export const modelPath = (model) => `#/models/${encodeURIComponent(model.name)}/${model.version ?? ""}`;

// The charts that the server and each model have.
export function loadCharts(feed) {
  const window = feed.hello ? feed.hello.window : 10;
  return [
    chart({
      title: "Requests", note: "a second", format: rate, tall: true,
      series: [
        { label: "answered", tone: "one", area: true, value: (point) => point.requests },
        { label: "failed", tone: "bad", value: (point) => point.failed },
      ],
    }),
    chart({
      title: "Latency", note: `about, over the last ${window} s`, format: millis, tall: true, isLog: true,
      hint: (value) => (feed.hello ? rangeText(value, feed.hello.bounds) : ""),
      series: [
        { label: "p99", tone: "one", value: (point) => point.p99 },
        { label: "p90", tone: "two", value: (point) => point.p90 },
        { label: "p50", tone: "three", value: (point) => point.p50 },
      ],
    }),
    chart({
      title: "Queue", note: "requests", format: count, floor: 4,
      series: [
        { label: "waiting", tone: "two", area: true, value: (point) => point.waiting },
        { label: "instances busy", tone: "three", value: (point) => point.busy },
      ],
    }),
    chart({
      title: "Batch", note: "mean rows", format: decimal, floor: 2,
      series: [{ label: "rows per batch", tone: "three", area: true, value: (point) => point.batch }],
    }),
  ];
}

// The buckets of the histograms bound what percentiles can say.
export function rangeText(value, bounds) {
  if (value === null || value === undefined) return "";
  const limits = bounds.map((bound) => bound * 1000);
  const above = limits.findIndex((limit) => value <= limit);
  if (above < 0 || value >= limits.at(-1)) return `above ${millis(limits.at(-2))}`;
  return `between ${millis(above ? limits[above - 1] : 0)} and ${millis(limits[above])}`;
}

function figure(label) {
  const value = h("b", { class: "num" }, "–");
  const more = h("small", { class: "num" });
  return { node: h("div", null, h("dt", null, label), h("dd", null, value, more)), value, more };
}

function modelRow(model) {
  const spark = sparkline((point) => point.requests);
  const isLoaded = model.state === "READY";
  const isAsleep = model.version === null;
  const cells = ["requests", "p50", "p99", "waiting", "batch", "busy"].map(() => h("td", { role: "cell", class: "num" }, isAsleep ? "" : "–"));
  ["Requests/s", "p50", "p99", "Waiting", "Batch", "Instances busy"].forEach((label, index) =>
    cells[index].setAttribute("data-label", label));
  const action = h("td", { role: "cell", class: "action" });
  const name = h("a", { href: modelPath(model) }, model.name);
  const version = model.version === null ? "" : `version ${model.version}`;
  // On narrow screens rows are laid out as blocks, and say themselves that they are rows.
  const node = h("tr", { role: "row", class: isAsleep ? "asleep" : null },
    h("th", { scope: "row", role: "rowheader" }, name, h("small", null, version),
      model.reason && !isLoaded ? h("small", { class: "reason" }, model.reason) : null),
    h("td", { role: "cell", class: "state" }, pill(model.state)),
    h("td", { role: "cell", class: "trend" }, isAsleep ? null : spark.node), cells, action);
  return { model, node, spark, cells, action, isAsleep };
}

export function overviewPage(feed) {
  const charts = loadCharts(feed);
  const figures = ["In flight", "Errors", "CPU of the server", "Memory of the server", "Machine"].map(figure);
  const body = h("tbody", { role: "rowgroup" });
  const filter = h("input", { type: "search", placeholder: "Find a model", "aria-label": "Find a model" });
  const heading = h("h2", null, "Models");
  const control = h("div", { class: "control" });
  const empty = h("p", { class: "empty", hidden: true });
  const table = h("table", { role: "table", class: "models" },
    h("thead", null, h("tr", null, ["Model", "State", "2 minutes", "Requests/s", "p50", "p99", "Waiting", "Batch", "Busy", ""].map(
      (title, index) => h("th", { scope: "col", class: index > 2 && index < 9 ? "num" : null }, title)))), body);
  const node = h("div", { class: "page" },
    h("h1", { class: "sr" }, "Overview"),
    h("dl", { class: "figures card" }, figures.map((item) => item.node)),
    h("div", { class: "charts" }, charts.map((item) => item.node)),
    h("section", { class: "card flush" }, h("div", { class: "head" }, heading, filter), table, empty, control));
  let rows = [];

  function showRows() {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of rows) row.node.hidden = !row.model.name.toLowerCase().includes(wanted);
  }

  function rebuild() {
    // What can be asked comes first; within that, names keep their order.
    rows = feed.models.map(modelRow).sort((a, b) => a.isAsleep - b.isAsleep);
    body.replaceChildren(...rows.map((row) => row.node));
    filter.hidden = rows.length < FILTER_FROM;
    const ready = rows.filter((row) => row.model.state === "READY").length;
    heading.textContent = `Models · ${ready} of ${rows.length} ready`;
    table.hidden = !rows.length;
    empty.hidden = Boolean(rows.length) || !feed.hello;
    empty.textContent = "The repository holds no models.";
    showControl();
    showRows();
    update();
  }

  function showControl() {
    const unlocked = isUnlocked(feed.hello);
    for (const { action, model } of rows) {
      action.replaceChildren(...(unlocked ? [buttons(model.name, model.state === "READY")] : []));
    }
    showPanel(control, feed.hello);
  }

  function updateFigures({ in_flight: inFlight, total, machine }) {
    const [flight, errors, cpu, memory, whole] = figures;
    setText(flight.value, count(inFlight));
    setText(flight.more, inFlight === 1 ? "request" : "requests");
    setText(errors.value, rate(total.rates[1]));
    setText(errors.more, "a second");
    errors.node.classList.toggle("alarm", total.rates[1] > 0);
    setText(cpu.value, machine.cpu === null ? "–" : machine.cpu.toFixed(2));
    setText(cpu.more, feed.hello ? `of ${feed.hello.cores} cores` : "");
    setText(memory.value, bytes(machine.resident));
    setText(memory.more, machine.memory ? `of ${bytes(machine.memory)}` : "");
    setText(whole.value, machine.machine === null ? "–" : percent(machine.machine));
    setText(whole.more, machine.used === null ? "CPU" : `CPU, ${bytes(machine.used)} used`);
  }

  function updateRow({ model, node: row, spark, cells }) {
    if (row.hidden) return;
    const history = feed.history(model.key);
    const point = history.at(-1);
    if (!point || model.version === null) return;
    const texts = [rate(point.requests), millis(point.p50), millis(point.p99), count(point.waiting),
      point.batch === null ? "–" : decimal(point.batch), `${point.busy}/${model.instances}`];
    texts.forEach((text, index) => setText(cells[index], text));
    if (point.p99 !== null && feed.hello) setAttribute(cells[2], "title", "p99 " + rangeText(point.p99, feed.hello.bounds));
    spark.update(history);
  }

  function update() {
    if (!feed.overview) return;
    for (const item of charts) item.update(feed.total);
    updateFigures(feed.overview);
    rows.forEach(updateRow);
  }

  filter.addEventListener("input", () => {
    showRows();
    update();
  });
  rebuild();
  const listeners = [[feed, "tick", update], [feed, "catalogue", rebuild], [feed, "hello", showControl], [changes, "change", showControl]];
  listeners.forEach(([target, name, take]) => target.addEventListener(name, take));
  const leave = () => listeners.forEach(([target, name, take]) => target.removeEventListener(name, take));
  return { node, leave, title: "Hone" };
}
