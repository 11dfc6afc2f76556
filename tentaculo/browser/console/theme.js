// Light or dark: as the system has it, until the switch is used. It lasts for the page; nothing is stored.

import { h, setAttribute, setText, spoken } from "./dom.js";
import { icon } from "./icons.js";

let chosen = "";

/** Returns the switch. */
export function createThemeSwitch() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const words = spoken("");
  const button = h(
    "button",
    { class: "quiet icon-only", type: "button", onclick: turn },
    icon("theme"),
    words,
  );

  function isDark() {
    return chosen ? chosen === "dark" : system.matches;
  }

  function turn() {
    chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    tell();
  }

  function tell() {
    const text = isDark() ? "Use light colors" : "Use dark colors";
    setText(words, text);
    setAttribute(button, "title", text);
  }

  system.addEventListener("change", tell);
  tell();
  return button;
}
