// A configuration as JSON that can be read: what is set first, everything on demand.

import { h } from "./dom.js";

// Whether a value says nothing that would not hold without it.
function isEmpty(value) {
  if (value === null || value === "" || value === 0 || value === false) return true;
  if (typeof value !== "object") return false;
  return Object.values(value).every(isEmpty);
}

function pruned(value) {
  if (Array.isArray(value)) return value.map(pruned);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([, item]) => !isEmpty(item));
  return Object.fromEntries(kept.map(([name, item]) => [name, pruned(item)]));
}

const isFlat = (value) => Array.isArray(value) && value.every((item) => typeof item !== "object");

function scalar(value) {
  const kind = typeof value === "string" ? "str" : typeof value === "number" ? "num" : "lit";
  return h("span", { class: kind }, JSON.stringify(value));
}

function written(value, indent) {
  if (value === null || typeof value !== "object") return [scalar(value)];
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const entries = Object.entries(value);
  if (!entries.length) return [open + close];
  if (isFlat(value)) {
    return [open, ...value.flatMap((item, index) => (index ? [", ", scalar(item)] : [scalar(item)])), close];
  }
  const inner = indent + "  ";
  const lines = entries.flatMap(([name, item], index) => [
    index ? ",\n" : "\n", inner,
    ...(Array.isArray(value) ? [] : [h("span", { class: "key" }, JSON.stringify(name)), ": "]),
    ...written(item, inner),
  ]);
  return [open, ...lines, "\n" + indent, close];
}

export function configView(config) {
  const text = h("pre", { class: "json", tabindex: "0", "aria-label": "Configuration" });
  const all = h("input", { type: "checkbox" });
  const show = () => text.replaceChildren(...written(all.checked ? config : pruned(config), ""));
  all.addEventListener("change", show);
  show();
  return h("details", { class: "card fold" },
    h("summary", null, h("h2", null, "Configuration in force")),
    h("label", { class: "check" }, all, " with defaults"), text);
}

// What the configuration says about a response cache: Hone has none, whatever is asked for.
export function cacheText(config) {
  const asked = config && config.response_cache && config.response_cache.enable;
  return asked
    ? "No response cache: the configuration asks for one, which Hone does not have. Every request is run."
    : "No response cache. Every request is run.";
}
