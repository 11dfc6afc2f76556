// One line of the log: what it says at a glance, and below it, once opened, every field.

import { h } from "./dom.js";
import { describe, fieldsOf } from "./log-entry.js";

/** Makes the line of an event; the Tab key stops at one that `isAlone`, a list has its own keys. */
export function createLine(event, { isAlone = false } = {}) {
  const told = describe(event);
  const head = h(
    "summary",
    { tabindex: isAlone ? "0" : "-1" },
    h("span", { class: "time" }, told.time),
    h("span", { class: `level ${told.level}` }, told.level),
    h("span", { class: `status ${told.statusClass}` }, told.status),
    h("span", { class: "took" }, told.took),
    h("span", { class: "told" }, h("span", { class: "title" }, told.title), ...told.details.flatMap(detail)),
  );
  return h("li", {}, h("details", { ontoggle: (toggled) => fill(toggled.target, event) }, head));
}

function detail([kind, text]) {
  return [" ", h("span", { class: kind }, text)];
}

function fill(details, event) {
  if (!details.open) return;
  if (details.childElementCount === 1) details.append(fieldList(event));
  details.scrollIntoView({ block: "nearest" });
}

function fieldList(event) {
  const rows = fieldsOf(event).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
  return h("dl", { class: "fields" }, ...rows);
}
