// Which page is shown, and how the server is.

import { h, setAttribute, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { clockTime, span } from "./format.js";
import { modelPage } from "./model.js";
import { overviewPage } from "./overview.js";

const place = (id) => document.getElementById(id);
const feed = new Feed();
let page = null;

// A name in an address that somebody may have typed.
function decoded(name) {
  try {
    return decodeURIComponent(name || "");
  } catch {
    return null;
  }
}

function route() {
  const { hash } = location;
  if (hash && !hash.startsWith("#/")) return;
  const [, kind, name, version] = hash.slice(1).split("/");
  if (page) page.leave();
  const model = kind === "models" ? decoded(name) : null;
  page = model ? modelPage(feed, model, version || "") : overviewPage(feed);
  document.title = page.title;
  place("main").replaceChildren(page.node);
  window.scrollTo(0, 0);
  feed.watch(page.watched && page.watched.version ? page.watched : null);
}

function statusOf() {
  const unready = feed.overview ? feed.overview.unready : "";
  if (feed.state === "live" && unready) return ["busy", "Not ready"];
  return {
    connecting: ["connecting", "Connecting"], live: ["ready", "Ready"], draining: ["busy", "Shutting down"],
    stopped: ["off", "Stopped"], lost: ["bad", "No connection"],
  }[feed.state];
}

function bannerText() {
  const at = feed.lostAt ? clockTime(feed.lostAt) : "";
  switch (feed.state) {
    case "draining": return "The server is shutting down: it finishes what it has taken.";
    case "stopped": return `The server stopped at ${at}.`;
    case "lost": return feed.reason ? `The server refuses this page: ${feed.reason}.` : `No connection to the server since ${at}.`;
    default: return feed.overview && feed.overview.unready ? `Not ready: ${feed.overview.unready}.` : "";
  }
}

function showState() {
  const [kind, label] = statusOf();
  const pill = place("status");
  setAttribute(pill, "data-state", kind);
  setText(pill.lastElementChild, label);
  const text = bannerText();
  const banner = place("banner");
  banner.hidden = !text;
  setText(banner.firstElementChild, text);
  const again = ["lost", "stopped"].includes(feed.state);
  setText(banner.lastElementChild, again ? (feed.retryIn > 0 ? `Trying again in ${feed.retryIn} s.` : "Trying again.") : "");
  banner.dataset.kind = kind;
  document.body.classList.toggle("stale", feed.state === "lost" || feed.state === "stopped");
  document.body.classList.toggle("waiting", !feed.overview);
}

function showServer() {
  const { hello, overview } = feed;
  if (!hello) return;
  setText(place("version"), hello.version);
  if (overview) setText(place("uptime"), "up " + span((overview.time - hello.started) / 1000));
  const steps = hello.bounds.map((bound) => (bound < 0.001 ? `${bound * 1e6} µs` : bound < 1 ? `${bound * 1e3} ms` : `${bound} s`));
  const note = place("footnote");
  if (!note.textContent) {
    note.append("Percentiles are estimates: the server counts requests in steps of duration (",
      h("span", { class: "num" }, steps.join(", ")), ") and requests are taken to be spread evenly within a step.");
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  place("main").focus();
});
window.addEventListener("hashchange", route);
feed.addEventListener("state", showState);
feed.addEventListener("tick", () => {
  showState();
  showServer();
});
feed.addEventListener("hello", showServer);
showState();
route();
