// How the console itself is connected, in the head of the page.

import { h, setText } from "./dom.js";

const WORDS = {
  closed: ["Not live", "bad"],
  connecting: ["Connecting", "warned"],
  live: ["Live", "good"],
  reconnecting: ["Reconnecting", "warned"],
};

/** Returns the element, and `show(state, reason)`; `again()` is called by a button once all was given up. */
export function createStatus({ again, say }) {
  const word = h("span", { class: "word" });
  const why = h("span", { class: "why" });
  const button = h("button", { type: "button", class: "quiet", hidden: true, onclick: again }, "Connect");
  const element = h("div", { class: "connection" }, h("span", { class: "dot" }), word, why, button);
  let before = "connecting";

  function show(state, reason) {
    const [text, kind] = WORDS[state];
    element.className = `connection ${kind}`;
    setText(word, text);
    setText(why, reason);
    button.hidden = state !== "closed";
    if (state !== before) tell(state, reason);
    before = state;
  }

  function tell(state, reason) {
    if (state === "live" && before !== "connecting") say("Live again.", "good");
    else if (state === "reconnecting") say(`Not live: ${reason}. Trying again.`, "bad");
    else if (state === "closed") say(`Not live: ${reason}.`, "bad");
  }

  show("connecting", "");
  return { element, show };
}
