// One line that says what has just happened, to the eye and to a screen reader; the only live region.

import { h } from "./dom.js";

const SHOWN_MS = 8000;

/** Returns the line, and `say(text, kind)`: kind is good, bad or nothing. */
export function createNotices() {
  const element = h("div", { class: "notice", role: "status" });
  let timer = 0;

  function say(text, kind = "") {
    clearTimeout(timer);
    element.className = `notice shown ${kind}`;
    element.textContent = text;
    timer = setTimeout(clear, SHOWN_MS);
  }

  function clear() {
    element.className = "notice";
    element.textContent = "";
  }

  return { element, say };
}
