// The button that has the gateway read its configuration file again.

import { h } from "./dom.js";
import { counted } from "./format.js";
import { icon } from "./icons.js";

/** Returns the button; `problems(list)` is told what is wrong with the file. */
export function createReload({ api, say, problems }) {
  const button = h(
    "button",
    { type: "button", class: "quiet", title: "Read the configuration file again", onclick: reload },
    icon("reload"),
    h("span", { class: "words" }, "Reload"),
  );

  async function reload() {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the focus away
    try {
      tell(await api.post("/reload"));
    } catch (error) {
      say(`Not reloaded. ${error.message}`, "bad");
    }
    button.removeAttribute("aria-disabled");
  }

  function tell(answer) {
    problems(answer.problems ?? []);
    if (answer.reloaded) say(`Reloaded: ${changesText(answer.changes)}.`, "good");
    else say(`Not reloaded: ${counted(answer.problems.length, "problem")} in the file.`, "bad");
  }

  return button;
}

/** Says what a reload changed. */
export function changesText(changes) {
  const told = [];
  for (const [kind, one] of [
    ["routes", "route"],
    ["upstreams", "upstream"],
    ["principals", "principal"],
  ]) {
    for (const how of ["added", "removed", "changed", "renamed"]) {
      const names = changes?.[kind]?.[how] ?? [];
      if (names.length) told.push(`${counted(names.length, one)} ${how}`);
    }
  }
  if (changes?.keys?.length) told.push(`${changes.keys.join(", ")} changed`);
  if (changes?.fixed?.length) told.push(`${changes.fixed.join(", ")} needs a restart`);
  return told.join("; ") || "nothing has changed";
}
