// The first page: asks for the admin token.

import { h, setText } from "./dom.js";
import { icon } from "./icons.js";
import { createThemeSwitch } from "./theme.js";

const REFUSED = "That is not the admin token of this gateway.";
const UNREACHABLE = "The gateway does not answer. Is it running, and can this machine reach it?";
const TITLE = "Sign in · Tentáculo console";

/** Returns the page; `signIn(token)` may throw an ApiError, `message` says why one is here again. */
export function createSignIn({ signIn, message }) {
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  const fault = h("p", { id: "sign-in-fault", class: "fault", role: "alert" }, message);
  // Without a name, a form that the script does not stop has nothing to put into a URL.
  const input = h("input", {
    id: "admin-token",
    type: "password",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "sign-in-fault sign-in-hint",
  });

  async function submit(event) {
    event.preventDefault();
    if (button.disabled) return;
    busy(true);
    setText(fault, "");
    try {
      await signIn(input.value);
      input.value = "";
    } catch (error) {
      refuse(error);
    }
    busy(false);
  }

  function busy(isBusy) {
    button.disabled = isBusy;
    setText(button, isBusy ? "Signing in…" : "Sign in");
  }

  function refuse(error) {
    const text = { 0: UNREACHABLE, 401: REFUSED }[error.status] ?? error.message;
    setText(fault, text);
    input.setAttribute("aria-invalid", String(error.status === 401));
    input.focus();
    input.select();
  }

  document.title = TITLE;
  const form = h(
    "form",
    { onsubmit: submit, autocomplete: "off" },
    h("label", { for: "admin-token" }, "Admin token"),
    input,
    fault,
    button,
    h(
      "p",
      { id: "sign-in-hint", class: "hint" },
      "It is admin.token in the gateway’s configuration. ",
      "This page keeps it in memory only, until you sign out or leave.",
    ),
  );
  const card = h("div", { class: "sign-in" }, icon("brand"), h("h1", {}, "Tentáculo console"), form);
  return { element: h("main", { class: "alone" }, card, createThemeSwitch()), focus: () => input.focus() };
}
