// What stands above every section: that the gateway drains, and what is wrong with the configuration file.

import { h, setText } from "./dom.js";
import { counted, visible } from "./format.js";
import { icon } from "./icons.js";

const MOST_SHOWN = 200;

/** Returns the banners; `problems(list)` and `draining(isDraining)` set them. */
export function createBanners(say) {
  const title = h("h2", {});
  const list = h("ol", {});
  const rejected = h(
    "section",
    { class: "banner bad", "aria-label": "Configuration problems", hidden: true },
    icon("warning"),
    h(
      "div",
      {},
      title,
      h("p", {}, "The last edit was not taken; the configuration before it goes on."),
      list,
    ),
  );
  const leaving = h(
    "section",
    { class: "banner warned", "aria-label": "Draining", hidden: true },
    icon("warning"),
    h("p", {}, "The gateway is draining: it takes no new calls and ends once the open ones are done."),
  );
  let before = "[]";

  function problems(found) {
    const now = JSON.stringify(found);
    if (now === before) return;
    before = now;
    const text = `Configuration rejected: ${counted(found.length, "problem")}`;
    setText(title, text);
    const shown = found.slice(0, MOST_SHOWN).map((problem) => h("li", {}, h("code", {}, visible(problem))));
    const more = found.length - shown.length;
    if (more) shown.push(h("li", {}, `and ${counted(more, "more problem")}; tentaculo check lists them all`));
    list.replaceChildren(...shown);
    rejected.hidden = !found.length;
    if (found.length) say(`${text}.`, "bad");
    else say("The configuration is good again.", "good");
  }

  function draining(isDraining) {
    leaving.hidden = !isDraining;
  }

  return { element: h("div", { class: "banners" }, leaving, rejected), problems, draining };
}
