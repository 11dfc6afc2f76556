// A list of the admin API that is asked for while it is looked at, with a word for each state it can be in.

import { h, setText } from "./dom.js";

const EVERY_MS = 3000;

/** Returns `show`, `hide` and `refresh`; `load()` fetches, `draw(data)` shows, `isEmpty(data)` and
 * `empty()` say that there is nothing, and why.
 *
 * What was shown stays when a later call fails: the error stands above it.
 */
export function createPolled({ load, draw, isEmpty = () => false, empty = () => "", content }) {
  const state = h("p", { class: "state" }, "Loading…");
  const element = h("div", { class: "polled" }, state, content);
  let timer = 0;
  let turn = 0;
  let isShown = false;
  let hasData = false;

  content.hidden = true;

  async function refresh() {
    if (!isShown) return;
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const data = await load();
      if (mine === turn) take(data);
    } catch (error) {
      if (mine === turn) fail(error);
    }
    if (mine === turn && isShown) timer = setTimeout(next, EVERY_MS);
  }

  function next() {
    if (document.hidden) timer = setTimeout(next, EVERY_MS);
    else refresh();
  }

  function take(data) {
    draw(data);
    const nothing = isEmpty(data);
    hasData = true;
    content.hidden = nothing;
    tell(nothing ? empty() : "", "state");
  }

  function fail(error) {
    const later = hasData
      ? " What is below is from before; it is asked for again."
      : " It is asked for again.";
    tell(`${error.message}${later}`, "state failed");
  }

  function tell(text, kind) {
    setText(state, text);
    state.className = kind;
    state.hidden = !text;
  }

  function show() {
    isShown = true;
    refresh();
  }

  function hide() {
    isShown = false;
    turn += 1;
    clearTimeout(timer);
  }

  return { element, show, hide, refresh };
}
