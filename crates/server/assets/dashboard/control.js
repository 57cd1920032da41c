// Loading and unloading: only where the server does that by request, asks for its control token, and
// the user has given it. The token is kept until the tab is closed.

import { h } from "./dom.js";

const KEY = "hone-control-token";

// What a page shows may change when the token does.
export const changes = new EventTarget();

export const token = () => sessionStorage.getItem(KEY);

export const isOffered = (hello) => Boolean(hello && hello.explicit && hello.token);

export const isUnlocked = (hello) => isOffered(hello) && Boolean(token());

function setToken(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  changes.dispatchEvent(new Event("token"));
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

// Buttons for one model. `isLoaded` decides which make sense.
export function buttons(name, isLoaded) {
  const said = h("span", { class: "said", role: "status" });
  const make = (action, label, kind) => {
    const button = h("button", { type: "button", class: kind }, label);
    button.addEventListener("click", async () => {
      if (action === "unload" && !confirm(`Unload ${name}? Requests for it will fail.`)) return;
      button.disabled = true;
      said.textContent = action === "load" ? "Loading…" : "Unloading…";
      try {
        await call(name, action);
        said.textContent = "";
      } catch (error) {
        said.textContent = error.message;
        said.classList.add("bad");
      }
      button.disabled = false;
    });
    return button;
  };
  const shown = isLoaded
    ? [make("load", "Reload", "quiet"), make("unload", "Unload", "quiet")]
    : [make("load", "Load", "primary")];
  return h("span", { class: "buttons" }, shown, said);
}

// Where the token is given and forgotten.
export function panel(hello) {
  if (!hello || !hello.explicit) return null;
  if (!hello.token) {
    return h("p", { class: "note" },
      "To load and unload models from here, start the server with ", h("code", null, "--control-token"), ".");
  }
  if (token()) {
    return h("p", { class: "note" }, "You may load and unload models. ",
      h("button", { type: "button", class: "link", onclick: () => setToken(null) }, "Forget the token"));
  }
  const input = h("input", {
    type: "password", name: "token", autocomplete: "off", required: true, placeholder: "control token",
    "aria-label": "Control token",
  });
  const form = h("form", { class: "unlock" }, input, h("button", { type: "submit", class: "quiet" }, "Unlock"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(input.value.trim());
  });
  return h("div", null, h("p", { class: "note" }, "To load and unload models, give the server's control token."), form);
}
