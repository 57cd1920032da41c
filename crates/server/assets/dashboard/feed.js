// The stream of events: what the server says, the last two minutes of it, and whether it is there.

export const POINTS = 120;
const RETRY_MAX = 10;
const HIDDEN_MAX = 60_000;
const SILENCE_MAX = 4_000;

const REST = { rates: [0, 0, 0, 0], now: [0, 0, 0], latency: null };

export const keyOf = (name, version) => name + "/" + version;

// A row of the server as one point of the charts.
function point(time, row) {
  const [requests, failed, rows, batches] = row.rates;
  const [waiting, busy, replacing] = row.now;
  const [p50, p90, p99, queue, compute] = row.latency || [null, null, null, null, null];
  const batch = batches ? rows / batches : null;
  return {
    time, requests, failed, rows, batches, batch, waiting, busy, replacing,
    p50, p90, p99, queue, compute, generation: row.generation || null,
  };
}

export class Feed extends EventTarget {
  constructor() {
    super();
    this.state = "connecting";
    this.hello = null;
    this.models = [];
    this.overview = null;
    this.detail = null;
    this.total = [];
    this.histories = new Map();
    this.watched = null;
    this.retryIn = 0;
    this.failures = 0;
    document.addEventListener("visibilitychange", () => this.onVisibility());
    setInterval(() => this.onSecond(), 1000);
  }

  // Looks at a model too, or at none.
  watch(model) {
    const path = model ? `/${encodeURIComponent(model.name)}/${model.version}` : "";
    if (this.path === path && this.source) return;
    this.path = path;
    this.detail = null;
    this.open();
  }

  history(key) {
    return this.histories.get(key) || [];
  }

  open() {
    this.close();
    const source = new EventSource("dashboard/events" + this.path);
    this.source = source;
    const on = (name, take) =>
      source.addEventListener(name, (event) => {
        this.heard = performance.now();
        take.call(this, JSON.parse(event.data));
      });
    on("hello", this.onHello);
    on("catalogue", this.onCatalogue);
    on("overview", this.onOverview);
    on("detail", this.onDetail);
    on("draining", () => this.enter("draining"));
    source.onerror = () => this.onLost(source);
  }

  close() {
    if (this.source) this.source.close();
    this.source = null;
  }

  onHello(hello) {
    if (this.hello && this.hello.started !== hello.started) this.forget();
    this.hello = hello;
    this.failures = 0;
    this.heard = performance.now();
    this.enter("live");
    this.dispatchEvent(new Event("hello"));
  }

  // Another process answers: its numbers do not continue those of the last one.
  forget() {
    this.total = [];
    this.histories.clear();
  }

  onCatalogue(catalogue) {
    this.models = catalogue.models.map(([name, version, state, reason, instances, generates]) => ({
      name, version, state, reason, instances, generates, key: keyOf(name, version ?? ""),
    }));
    const known = new Set(this.models.map((model) => model.key));
    for (const key of this.histories.keys()) if (!known.has(key)) this.histories.delete(key);
    this.dispatchEvent(new Event("catalogue"));
  }

  onOverview(overview) {
    this.overview = overview;
    if (this.state === "lost") this.enter("live");
    // After a pause the line is interrupted.
    const last = this.total.at(-1);
    const missed = last ? Math.round((overview.time - last.time) / 1000) - 1 : 0;
    const gap = missed > 1 ? [null] : [];
    const add = (history, row) => {
      history.push(...gap, point(overview.time, row));
      if (history.length > POINTS) history.splice(0, history.length - POINTS);
    };
    add(this.total, overview.total);
    const rows = new Map(overview.models);
    this.models.forEach((model, index) => {
      if (!this.histories.has(model.key)) this.histories.set(model.key, []);
      add(this.histories.get(model.key), rows.get(index) || REST);
    });
    this.dispatchEvent(new Event("tick"));
  }

  onDetail(detail) {
    this.detail = detail;
    this.dispatchEvent(new Event("detail"));
  }

  async onLost(source) {
    if (source !== this.source) return;
    this.close();
    this.failures += 1;
    this.lostAt ||= Date.now();
    this.retryIn = Math.min(RETRY_MAX, this.failures + 1);
    this.reason = "";
    this.enter(this.state === "draining" || this.state === "stopped" ? "stopped" : "lost");
    // The stream's own error does not say whether the server refused it.
    try {
      const control = new AbortController();
      const answer = await fetch("dashboard/events", { signal: control.signal });
      if (answer.status === 503 && this.state === "lost") this.reason = (await answer.json()).error;
      control.abort();
    } catch { /* Nobody is there. */ }
    this.dispatchEvent(new Event("state"));
  }

  onSecond() {
    if (this.source) {
      const silent = performance.now() - (this.heard ?? Infinity) > SILENCE_MAX;
      if (silent && this.state === "live") this.enter("lost");
      return;
    }
    if (document.hidden || this.path === undefined) return;
    this.retryIn -= 1;
    if (this.retryIn <= 0) this.open();
    else this.dispatchEvent(new Event("state"));
  }

  // Pages that nobody sees give their place to others.
  onVisibility() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.close(), HIDDEN_MAX);
    else if (!this.source && this.path !== undefined) this.open();
  }

  enter(state) {
    if (state === "live") this.lostAt = null;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
