// Loading and unloading: only where the server does that by request, asks for its control token, and
// the user has given it. The token is kept until the tab is closed.

import { h } from "./dom.js";

const KEY = "hone-control-token";

// Tells when the token or what goes on is another.
export const changes = new EventTarget();

export const token = () => sessionStorage.getItem(KEY);

export const isOffered = (hello) => Boolean(hello && hello.explicit && hello.token);

export const isUnlocked = (hello) => isOffered(hello) && Boolean(token());

function setToken(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  changes.dispatchEvent(new Event("change"));
}

async function call(name, action) {
  const answer = await fetch(`v2/repository/models/${encodeURIComponent(name)}/${action}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" },
    body: "{}",
  });
  if (answer.ok) return;
  const message = await answer.json().then((body) => body.error, () => answer.statusText);
  if (answer.status === 401) setToken(null);
  throw new Error(message);
}

// What goes on with each model, and what went wrong last; it outlives the buttons.
const running = new Map();
const problems = new Map();

async function act(name, action) {
  problems.delete(name);
  running.set(name, action);
  changes.dispatchEvent(new Event("change"));
  try {
    await call(name, action);
  } catch (error) {
    problems.set(name, error.message);
  }
  running.delete(name);
  changes.dispatchEvent(new Event("change"));
}

// Buttons for one model. `isLoaded` decides which make sense.
export function buttons(name, isLoaded) {
  const busy = running.get(name);
  const make = (action, label, kind) => {
    const button = h("button", { type: "button", class: kind, disabled: Boolean(busy) }, label);
    button.addEventListener("click", () => {
      if (action === "load" || confirm(`Unload ${name}? Requests for it will fail.`)) act(name, action);
    });
    return button;
  };
  const shown = isLoaded
    ? [make("load", "Reload", "quiet"), make("unload", "Unload", "quiet")]
    : [make("load", "Load", "quiet")];
  const said = busy ? (busy === "load" ? "Loading…" : "Unloading…") : problems.get(name) || "";
  return h("span", { class: "buttons" }, shown, h("span", { class: busy ? "said" : "said bad", role: "status" }, said));
}

// Where the token is given and forgotten. It is made anew only if it is another one, so that what is
// being typed stays.
export function showPanel(place, hello) {
  const kind = !hello || !hello.explicit ? "none" : !hello.token ? "tokenless" : token() ? "open" : "locked";
  if (place.dataset.kind === kind) return;
  place.dataset.kind = kind;
  place.replaceChildren(...{ none: () => [], tokenless, open, locked }[kind]());
}

const tokenless = () => [h("p", { class: "note" },
  "To load and unload models from here, start the server with ", h("code", null, "--control-token"), ".")];

const open = () => [h("p", { class: "note" }, "You may load and unload models. ",
  h("button", { type: "button", class: "link", onclick: () => setToken(null) }, "Forget the token"))];

function locked() {
  const input = h("input", {
    type: "password", name: "token", autocomplete: "off", required: true, placeholder: "control token",
    "aria-label": "Control token",
  });
  const form = h("form", { class: "unlock" }, input, h("button", { type: "submit", class: "quiet" }, "Unlock"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(input.value.trim());
  });
  return [h("p", { class: "note" }, "To load and unload models, give the server's control token."), form];
}
