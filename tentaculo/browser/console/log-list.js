// The lines of the log: drawn some at a time, a frame at a time, so that a flood leaves time for the rest.

import { h } from "./dom.js";
import { createLine } from "./log-line.js";
import { KEPT } from "./log-store.js";

const A_FRAME = 30; // at 60 frames a second more than the gateway tells
const NEAR_PX = 24;

/** Returns the list; it follows the newest line until its user looks at another one. */
export function createLogList({ frame = (draw) => requestAnimationFrame(draw) } = {}) {
  const lines = h("ol", { class: "lines" });
  const newest = h(
    "button",
    { type: "button", class: "newest", hidden: true, onclick: follow },
    "Go to the newest",
  );
  const box = h(
    "div",
    {
      class: "log",
      role: "region",
      "aria-label": "Log lines",
      tabindex: "0",
      onscroll: scrolled,
      onkeydown: keyed,
    },
    lines,
  );
  const element = h("div", { class: "log-frame" }, box, newest);
  let queue = [];
  let isScheduled = false;
  let isFollowing = true;
  let before = 0;

  lines.addEventListener("toggle", opened, true);
  new ResizeObserver(stay).observe(box);

  function push(events) {
    queue.push(...events);
    if (queue.length > KEPT) queue = queue.slice(-KEPT);
    schedule();
  }

  function replace(events) {
    queue = [];
    lines.replaceChildren();
    isFollowing = true;
    newest.hidden = true;
    push(events);
  }

  function schedule() {
    if (isScheduled || !queue.length) return;
    isScheduled = true;
    frame(draw);
  }

  function draw() {
    isScheduled = false;
    const fragment = document.createDocumentFragment();
    fragment.append(...queue.splice(0, A_FRAME).map((event) => createLine(event)));
    lines.append(fragment);
    while (lines.childElementCount > KEPT) drop(lines.firstElementChild);
    stay();
    schedule();
  }

  function stay() {
    if (isFollowing) box.scrollTop = box.scrollHeight;
  }

  function drop(line) {
    if (line.contains(document.activeElement)) box.focus();
    line.remove();
  }

  function scrolled() {
    const top = box.scrollTop;
    // Lines that come make what is below longer: only a way up is a user's.
    if (top + box.clientHeight >= box.scrollHeight - NEAR_PX) isFollowing = true;
    else if (top < before) isFollowing = false;
    before = top;
    newest.hidden = isFollowing;
  }

  function opened(event) {
    if (event.target.open) isFollowing = false;
    newest.hidden = isFollowing;
  }

  function follow() {
    isFollowing = true;
    newest.hidden = true;
    box.scrollTop = box.scrollHeight;
    box.focus();
  }

  function keyed(event) {
    const line = reached(event.key, document.activeElement.closest("li"));
    if (!line) return;
    event.preventDefault();
    line.querySelector("summary").focus();
  }

  function reached(key, from) {
    if (key === "Home") return lines.firstElementChild;
    if (key === "End") return lines.lastElementChild;
    if (key === "ArrowUp") return from ? from.previousElementSibling : lines.lastElementChild;
    if (key === "ArrowDown") return from ? from.nextElementSibling : lines.firstElementChild;
    return null;
  }

  return { element, push, replace };
}
