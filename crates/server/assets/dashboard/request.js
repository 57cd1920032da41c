// The form that sends one request to a model and shows the answer with its timing.

import { stack } from "./chart.js";
import { h, section } from "./dom.js";
import { count, exactMillis } from "./format.js";
import { BINARY_OUTPUTS, decode, encode, fills, isBinary, made, read } from "./tensor.js";

const SHOWN_VALUES = 24;
const EDITABLE_VALUES = 256;
const ELEMENTS_MAX = 4_000_000;
const OWN = "as typed";

const STAGES = [
  ["receive", "Reading", "grey", "from the request's headers to its whole body"],
  ["decode", "Decoding", "two", "from the body to the queue: decoding and checking"],
  ["queue", "Queue", "one", "in the queue, until an instance took it"],
  ["compute_input", "Gathering", "four", "laying the batch's inputs into the engine's buffers"],
  ["compute_infer", "Engine", "three", "the engine's own work"],
  ["compute_output", "Splitting", "four", "taking outputs out of the engine"],
  ["wake", "Waking", "grey", "until the connection went on"],
  ["encode", "Encoding", "two", "writing the answer"],
];

// A size for a dimension that may be any.
function guess(dims, index, batches) {
  if (batches && index === 0) return 1;
  return dims.length === 4 ? 32 : 8;
}

function inputField({ name, datatype, shape }, config, batches) {
  const optional = Boolean(config && config.optional);
  const included = optional ? h("input", { type: "checkbox" }) : null;
  const dims = shape.map((dim, index) =>
    h("input", {
      type: "number", class: "dim num", min: dim < 0 ? 0 : dim, max: dim < 0 ? 100000 : dim, step: 1, required: true,
      value: dim < 0 ? guess(shape, index, batches) : dim, readonly: dim >= 0,
      "aria-label": `${name}, dimension ${index + 1}${dim < 0 ? "" : ", fixed"}`,
    }));
  const choice = h("select", { "aria-label": `${name}, values` },
    [...fills(datatype), OWN].map((fill) => h("option", { value: fill }, fill)));
  const text = h("textarea", { rows: 2, spellcheck: "false", class: "num", "aria-label": `${name}, values as text` });
  const note = h("p", { class: "note" });

  const sizes = () => dims.map((dim) => Math.max(0, Math.floor(Number(dim.value) || 0)));
  const size = () => sizes().reduce((product, dim) => product * dim, 1);

  function refresh() {
    const elements = size();
    const own = choice.value === OWN;
    const listed = own || elements <= EDITABLE_VALUES;
    text.hidden = !listed;
    note.textContent = listed ? "" : `${count(elements)} values are made when you send.`;
    if (listed && !own) {
      const separator = datatype === "BYTES" ? "\n" : ", ";
      const values = made(choice.value, datatype, elements);
      text.value = (datatype === "BYTES" ? values.map((value) => JSON.parse(value)) : values).join(separator);
    }
  }
  text.addEventListener("input", () => { choice.value = OWN; });
  choice.addEventListener("change", refresh);
  dims.forEach((dim) => dim.addEventListener("input", refresh));
  refresh();

  const node = h("fieldset", { class: "input" },
    h("legend", null, included, h("code", null, name), h("span", { class: "tag" }, datatype),
      optional ? h("span", { class: "note" }, "optional") : null),
    h("div", { class: "fields" },
      h("label", null, h("span", null, "Shape"), h("span", { class: "dims" }, dims.length ? dims : "scalar")),
      h("label", null, h("span", null, "Values"), choice)),
    text, note);
  if (included) {
    const toggle = () => node.classList.toggle("off", !included.checked);
    included.addEventListener("change", toggle);
    toggle();
  }

  // The tensor, or null if it is left out; throws what is wrong.
  function tensor() {
    if (included && !included.checked) return null;
    const elements = size();
    if (elements > ELEMENTS_MAX) throw new Error(`${name}: ${count(elements)} values are more than this page sends`);
    try {
      const listed = !text.hidden;
      const values = listed ? read(elements ? text.value : "", datatype, datatype === "BYTES" && !elements ? 1 : elements)
        : made(choice.value, datatype, elements);
      return { name, datatype, shape: sizes(), values: elements ? values : [] };
    } catch (error) {
      throw new Error(`${name}: ${error.message}`);
    }
  }
  return { node, tensor };
}

// Body and headers of a request. Data are written as they were typed: no number is rounded here.
function compose(tensors, outputs) {
  const binary = [];
  const inputs = tensors.map(({ name, datatype, shape, values }) => {
    const head = { name, datatype, shape };
    if (!isBinary(datatype)) return JSON.stringify(head).slice(0, -1) + `,"data":[${values.join(",")}]}`;
    const bytes = encode(values, datatype);
    binary.push(bytes);
    return JSON.stringify({ ...head, parameters: { binary_data_size: bytes.length } });
  });
  const wanted = outputs.map(({ name, datatype }) =>
    ({ name, parameters: { binary_data: BINARY_OUTPUTS.has(datatype) } }));
  const json = new TextEncoder().encode(`{"inputs":[${inputs.join(",")}],"outputs":${JSON.stringify(wanted)}}`);
  const headers = { "Hone-Explain": "1", "Content-Type": "application/json" };
  if (binary.length) {
    headers["Inference-Header-Content-Length"] = String(json.length);
    headers["Content-Type"] = "application/octet-stream";
  }
  return { body: new Blob([json, ...binary]), headers };
}

// The outputs of an answer, with those read whose values came behind the JSON.
function parse(buffer, jsonLength) {
  const document = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 0, jsonLength)));
  let offset = jsonLength;
  for (const output of document.outputs || []) {
    const size = output.parameters && output.parameters.binary_data_size;
    if (size === undefined) continue;
    output.data = decode(buffer, offset, size, output.datatype);
    offset += size;
  }
  return document;
}

// `name;dur=1.2, batch;desc="rows=1"` as an object.
export function parseTiming(header) {
  const timing = {};
  for (const [, name, key, quoted, plain] of header.matchAll(/([\w]+);(dur|desc)=(?:"([^"]*)"|([\d.]+))/g)) {
    timing[name] = key === "dur" ? Number(plain) : quoted;
  }
  return timing;
}

function timingView(elapsed, header) {
  const timing = parseTiming(header || "");
  const parts = STAGES.filter(([key]) => timing[key] !== undefined)
    .map(([key, label, tone, hint]) => ({ label, tone, hint, value: timing[key] }));
  const server = timing.total ?? parts.reduce((sum, part) => sum + part.value, 0);
  const figures = h("p", { class: "figures" },
    h("span", null, h("b", { class: "num big" }, exactMillis(elapsed)), " seen by this page"),
    parts.length ? h("span", null, h("b", { class: "num big" }, exactMillis(server)), " inside the server") : null);
  const { rows, requests, reason } = Object.fromEntries((timing.batch || "").split(" ").map((part) => part.split("=")));
  const plural = (number, what) => `${number} ${what}${number === "1" ? "" : "s"}`;
  const batch = rows && h("p", { class: "note" },
    `Ran in a batch of ${plural(rows, "row")} from ${plural(requests, "request")}, which left the queue for the reason `, h("code", null, reason), ".");
  return h("div", { class: "timing" }, figures, parts.length ? stack(parts, exactMillis) : null, batch);
}

const written = (value) => (typeof value === "number" ? String(Number(value.toPrecision(7))) : typeof value === "string" ? JSON.stringify(value) : String(value));

// What many numbers have in common; whole numbers of 64 bits are not rounded.
function summary(values, datatype) {
  const numbers = datatype === "BYTES" || datatype === "BOOL" ? [] : values.filter((value) => !Number.isNaN(value));
  if (numbers.length < 2) return "";
  let [low, high] = [numbers[0], numbers[0]];
  let sum = 0;
  for (const value of numbers) {
    if (value < low) low = value;
    if (value > high) high = value;
    sum += Number(value);
  }
  const mean = typeof low === "bigint" ? "" : ` · mean ${written(sum / numbers.length)}`;
  return `least ${written(low)}${mean} · greatest ${written(high)}`;
}

function outputView({ name, datatype, shape, data }) {
  const values = data || [];
  const shown = values.slice(0, SHOWN_VALUES).map(written).join(", ");
  const more = values.length - SHOWN_VALUES;
  const inCommon = summary(values, datatype);
  return h("div", { class: "output" },
    h("p", null, h("code", null, name), h("span", { class: "tag" }, datatype),
      h("span", { class: "note num" }, `[${(shape || []).join(", ")}]`)),
    h("pre", { class: "values", tabindex: "0" }, shown + (more > 0 ? `, … and ${count(more)} more` : "")),
    inCommon ? h("p", { class: "note num" }, inCommon) : null);
}

export function requestForm(metadata, config, version) {
  const batches = Boolean(config && config.max_batch_size > 0);
  const configured = new Map(((config && config.input) || []).map((input) => [input.name, input]));
  const fields = (metadata.inputs || []).map((input) => inputField(input, configured.get(input.name), batches));
  const send = h("button", { type: "submit", class: "primary" }, "Send request");
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const form = h("form", { class: "request", novalidate: true }, fields.map((field) => field.node),
    h("p", null, send, h("span", { class: "note" }, " goes to ", h("code", null, `v2/models/${metadata.name}/versions/${version}/infer`))));
  const path = `v2/models/${encodeURIComponent(metadata.name)}/versions/${version}/infer`;

  const fail = (message, head) => answer.replaceChildren(
    h("div", { class: "failure", role: "alert" }, h("b", null, head), h("p", null, message)));

  async function submit() {
    let request;
    try {
      const tensors = fields.map((field) => field.tensor()).filter(Boolean);
      request = compose(tensors, metadata.outputs || []);
    } catch (error) {
      return fail(error.message, "Not sent");
    }
    const started = performance.now();
    const response = await fetch(path, { method: "POST", ...request });
    const buffer = await response.arrayBuffer();
    const elapsed = performance.now() - started;
    const length = Number(response.headers.get("inference-header-content-length") || buffer.byteLength);
    const document = parse(buffer, length);
    if (!response.ok) return fail(document.error || response.statusText, `Refused with status ${response.status}`);
    return answer.replaceChildren(timingView(elapsed, response.headers.get("server-timing")),
      ...(document.outputs || []).map(outputView));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      await submit();
    } catch (error) {
      fail(error.message, "No answer");
    }
    send.disabled = false;
  });
  return section("Try a request", form, answer);
}
