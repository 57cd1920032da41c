// Charts of the last two minutes: SVG that is stretched to its place, with its legend as text.

import { POINTS } from "./feed.js";
import { h, svg, setText, setAttribute } from "./dom.js";
import { clockTime } from "./format.js";

const HEIGHT = 100;
const END = POINTS - 1;

// The next number that is easy to read.
function niceMax(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((step) => step * power).find((step) => step >= value);
}

// Where values stand between the ends of a scale, from 0 at the top to HEIGHT.
const linear = (max) => (value) => HEIGHT - (value / max) * HEIGHT;

// The same in decades, from `low` to `high`.
const decades = (low, high) => (value) => HEIGHT - ((Math.log10(value) - low) / (high - low)) * HEIGHT;

// The path of one series; it is interrupted where nothing is known.
function line(points, value, place, floor) {
  let path = "";
  let open = false;
  let first = 0;
  const shift = POINTS - points.length;
  const end = (x) => {
    if (open && floor) path += `V${HEIGHT}H${first}Z`;
    open = false;
    return x;
  };
  points.forEach((point, index) => {
    const known = point && value(point);
    if (known === null || known === undefined) return end(index);
    const x = index + shift;
    const at = `${x} ${place(known).toFixed(1)}`;
    path += (open ? "L" : "M") + at;
    if (!open) first = x;
    open = true;
  });
  end();
  return path;
}

// `series`: { label, value(point), tone, area }. `format` writes values, `hint` says more about them.
// Shares need no room above 1; `isLog` counts in powers of ten.
export function chart({ title, note, series, format, floor = 0, isShare = false, isLog = false, tall = false, hint }) {
  const lines = series.map(({ tone, area }) => ({
    area: area ? svg("path", { class: `area ${tone}` }) : null,
    line: svg("path", { class: `line ${tone}` }),
  }));
  const grid = svg("path", { class: "grid", d: `M0 0H${END}M0 ${HEIGHT / 2}H${END}M0 ${HEIGHT}H${END}` });
  const cursor = svg("path", { class: "cursor" });
  const plot = svg("svg", {
    class: "plot", viewBox: `0 0 ${POINTS - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
  },
  grid,
  // The first series lies on top.
  lines.map(({ area }) => area), lines.map((part) => part.line).reverse(), cursor);
  const values = series.map(() => h("b", { class: "num" }, "–"));
  const legend = h("dl", { class: tall ? "legend major" : "legend" }, series.map(({ label, tone }, index) =>
    h("div", { class: tone }, h("dt", null, label), h("dd", null, values[index]))));
  const top = h("span", { class: "scale num" });
  const when = h("span", { class: "when num" }, "2 min");
  const marks = h("div", { class: "marks num", "aria-hidden": "true" });
  const nothing = h("p", { class: "nothing", hidden: true }, "no requests in the last 2 minutes");
  const frame = h("div", { class: tall ? "frame tall" : "frame" }, plot, top, marks, nothing,
    h("div", { class: "axis", "aria-hidden": "true" }, when, h("span", null, "now")));
  const node = h("figure", { class: "card chart" },
    h("figcaption", null, h("h2", null, title), note ? h("p", { class: "note" }, note) : null),
    legend, frame);

  let points = [];
  let max = 1;
  let ends = [null, null];
  let hovered = null;

  function show() {
    const shift = POINTS - points.length;
    const point = hovered === null ? points.at(-1) : points[hovered - shift];
    series.forEach(({ value }, index) => {
      const known = point ? value(point) : null;
      setText(values[index], known === null || known === undefined ? "–" : format(known));
      if (hint) setAttribute(values[index], "title", hint(known));
    });
    setText(when, hovered !== null && point ? clockTime(point.time) : "2 min");
    setAttribute(cursor, "d", hovered === null ? "" : `M${hovered} 0V${HEIGHT}`);
  }

  function update(history) {
    points = history;
    nothing.hidden = points.some((point) => point && series.some(({ value }) => value(point) !== null));
    const all = points.flatMap((point) => (point ? series.map(({ value }) => value(point) ?? 0) : [0]));
    const place = isLog ? scaleDecades(all) : scale(all);
    series.forEach(({ value }, index) => {
      const { area, line: path } = lines[index];
      setAttribute(path, "d", line(points, value, place, false));
      path.classList.toggle("rest", index > 0 && !points.some((point) => point && value(point)));
      if (area) setAttribute(area, "d", line(points, value, place, true));
    });
    show();
  }

  function scale(all) {
    const needed = niceMax(Math.max(floor, ...all.map((value) => (isShare ? value : value * 1.05))));
    // Grows at once and shrinks late, so that the scale is quiet.
    if (needed > max || needed < max / 2) max = needed;
    setText(top, format(max));
    return linear(max);
  }

  // Whole decades around what is known, at least two.
  function scaleDecades(all) {
    const known = all.filter((value) => value > 0);
    if (!known.length) return linear(1);
    const low = Math.floor(Math.log10(Math.min(...known)));
    const high = Math.max(low + 2, Math.ceil(Math.log10(Math.max(...known))));
    const place = decades(low, high);
    if (low !== ends[0] || high !== ends[1]) {
      ends = [low, high];
      const powers = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
      setAttribute(grid, "d", powers.map((power) => `M0 ${place(power).toFixed(1)}H${END}`).join(""));
      marks.replaceChildren(...powers.map((power) => {
        const mark = h("span", null, format(power));
        mark.style.top = `${place(power)}%`;
        return mark;
      }));
    }
    return place;
  }

  frame.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    hovered = Math.round(share * (POINTS - 1));
    show();
  });
  frame.addEventListener("pointerleave", () => {
    hovered = null;
    show();
  });
  return { node, update };
}

// A line without words.
export function sparkline(value) {
  const area = svg("path", { class: "area one" });
  const path = svg("path", { class: "line one" });
  const node = svg("svg", {
    class: "spark", viewBox: `0 0 ${POINTS - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
  }, svg("path", { class: "grid", d: `M0 ${HEIGHT}H${END}` }), area, path);
  return {
    node,
    update(points) {
      const greatest = Math.max(...points.map((point) => (point ? value(point) : 0)));
      const max = niceMax(greatest);
      node.classList.toggle("rest", greatest === 0);
      setAttribute(path, "d", line(points, value, linear(max * 1.1), false));
      setAttribute(area, "d", line(points, value, linear(max * 1.1), true));
    },
  };
}

// Parts of a whole, side by side, with their names below.
export function stack(parts, format) {
  const whole = parts.reduce((sum, part) => sum + part.value, 0) || 1;
  const bar = h("div", { class: "stack", "aria-hidden": "true" });
  for (const { value, tone } of parts) {
    const piece = h("i", { class: tone });
    piece.style.flexGrow = value / whole;
    bar.append(piece);
  }
  const legend = h("dl", { class: "legend wrap" }, parts.map(({ label, value, tone, hint }) =>
    h("div", { class: tone, title: hint }, h("dt", null, label), h("dd", null, h("b", { class: "num" }, format(value))))));
  return h("div", null, bar, legend);
}

// Bars that are as long as their counts, one below the other.
export function bars(rows, format) {
  const max = Math.max(1, ...rows.map((row) => row.value));
  return h("ol", { class: "bars" }, rows.map(({ label, value, hint }) => {
    const fill = h("i", { "aria-hidden": "true" });
    fill.style.width = `${(value / max) * 100}%`;
    return h("li", { title: hint }, h("span", null, label), h("div", null, fill), h("b", { class: "num" }, format(value)));
  }));
}

// Columns for the buckets of a histogram.
export function columns(counts, labels) {
  const first = counts.findIndex((value) => value > 0);
  if (first < 0) return h("p", { class: "note" }, "Nothing in the last seconds.");
  const last = counts.findLastIndex((value) => value > 0);
  const from = Math.max(0, first - 1);
  const to = Math.min(counts.length - 1, last + 1);
  const max = Math.max(...counts);
  const sum = counts.reduce((total, value) => total + value, 0);
  const shown = [];
  for (let index = from; index <= to; index += 1) {
    const column = h("i", { "aria-hidden": "true" });
    column.style.height = `${(counts[index] / max) * 100}%`;
    const share = counts[index] ? Math.max(1, Math.round((counts[index] / sum) * 100)) + " %" : "";
    shown.push(h("li", { title: `${counts[index]} of ${sum}` },
      h("b", { class: "num" }, share), h("div", null, column), h("span", { class: "num" }, labels[index])));
  }
  return h("ol", { class: "columns" }, shown);
}
