// The section of the log: the sanitized events as they come, and what chooses among them.

import { choice, h, options, searchField, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { SKIPPED, wantedBy } from "./log-filters.js";
import { createLogList } from "./log-list.js";
import { KEPT } from "./log-store.js";

const LEVEL_CHOICES = [
  ["", "All levels"],
  ["info", "Info and above"],
  ["warning", "Warnings and above"],
  ["error", "Errors"],
];
const STATUS_CHOICES = [
  ["", "All"],
  ["2", "2xx"],
  ["3", "3xx"],
  ["4", "4xx"],
  ["5", "5xx"],
];

/** Returns the section; `store` holds the events. */
export function createLog({ store }) {
  const text = searchField("Text", refilter, "anywhere in a line");
  const level = choice("Level", LEVEL_CHOICES, refilter);
  const route = choice("Route", [["", "All routes"]], refilter);
  const status = choice("Status", STATUS_CHOICES, refilter);
  const event = choice("Event", [["", "All events"]], refilter);
  const pause = h("button", { type: "button", onclick: turn }, "Pause");
  const clear = h("button", { type: "button", onclick: () => store.clear() }, "Clear");
  const reset = h("button", { type: "button", onclick: unfilter, hidden: true }, "All lines");
  const summary = h("p", { class: "summary" });
  const nothing = h("p", { class: "state" });
  const list = createLogList();
  const fields = [text, level, route, status, event].map((field) => field.element);
  const tools = h(
    "div",
    { class: "tools log-tools" },
    ...fields,
    h("div", { class: "buttons" }, pause, clear, reset),
    summary,
  );
  const element = h("div", { class: "log-section" }, tools, nothing, list.element);
  let isShown = false;
  let frozen = null; // what is looked at while paused
  let waiting = 0;
  let shown = 0;

  function chosen() {
    return {
      text: text.input.value,
      level: level.select.value,
      route: route.select.value,
      status: status.select.value,
      event: event.select.value,
    };
  }

  function refilter() {
    const found = (frozen ?? store.entries).filter(wantedBy(chosen()));
    shown = found.length;
    list.replace(found);
    tell();
  }

  function unfilter() {
    text.input.value = "";
    for (const { select } of [level, route, status, event]) select.value = "";
    refilter();
    text.input.focus();
  }

  function take(added) {
    if (added === null) forget();
    else note(added);
    if (frozen) waiting += added?.length ?? 0;
    else if (added && isShown) append(added.filter(wantedBy(chosen())));
    if (isShown) tell();
  }

  function forget() {
    waiting = 0;
    frozen = frozen && [];
    refilter();
  }

  function append(found) {
    shown = Math.min(KEPT, shown + found.length);
    list.push(found);
  }

  function note(added) {
    const known = new Set([...event.select.options].map((option) => option.value));
    for (const { event: name } of added) {
      if (typeof name !== "string" || known.has(name) || name === SKIPPED || known.size > 100) continue;
      known.add(name);
      event.select.append(...options([[name, name]]));
    }
  }

  function turn() {
    frozen = frozen ? null : [...store.entries];
    waiting = 0;
    setText(pause, frozen ? "Go on" : "Pause");
    if (frozen) tell();
    else refilter();
  }

  function tell() {
    const isFiltered = Object.values(chosen()).some((value) => value.trim());
    const kept = (frozen ?? store.entries).length;
    const told = isFiltered ? `${count(shown)} of ${counted(kept, "line")}` : counted(kept, "line");
    setText(summary, frozen ? `${told}; paused, ${counted(waiting, "new line")}` : told);
    reset.hidden = !isFiltered;
    nothing.hidden = shown > 0;
    list.element.hidden = shown === 0;
    setText(
      nothing,
      kept && isFiltered ? "No line is like that." : "No line yet. Each call that ends is one.",
    );
  }

  function show(params) {
    isShown = true;
    if (params.has("level")) level.select.value = params.get("level");
    refilter();
  }

  function names(routes) {
    const before = route.select.value;
    route.select.replaceChildren(...options([["", "All routes"], ...routes.map((name) => [name, name])]));
    route.select.value = routes.includes(before) ? before : "";
  }

  store.listen(take);
  return { element, title: "Log", show, hide: () => (isShown = false), refresh: () => {}, names };
}
