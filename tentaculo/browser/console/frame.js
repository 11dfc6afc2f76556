// The page of who is signed in: its head, the sections, and which of these is looked at.

import { h, setText, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { hashOf, parseHash } from "./router.js";
import { createThemeSwitch } from "./theme.js";

/** Returns the page; `sections` are by name, `parts` are the elements of the head and above the sections. */
export function createFrame({ sections, parts, signOut }) {
  const names = Object.keys(sections);
  const title = h("h1", { tabindex: "-1" });
  const place = h("div", { class: "section" });
  const main = h("main", { id: "main", tabindex: "-1" }, parts.banners, title, place);
  const links = new Map(names.map((name) => [name, h("a", { href: hashOf(name) }, sections[name].title)]));
  let current = null;

  function route({ isFirst = false } = {}) {
    const { section, params } = parseHash(location.hash, names);
    const next = sections[section];
    const isOther = next !== current;
    if (isOther) {
      current?.hide();
      place.replaceChildren(next.element);
      current = next;
      mark(section);
    }
    next.show(params);
    if (isOther && !isFirst) title.focus();
    if (isOther) scrollTo(0, 0);
  }

  function mark(section) {
    setText(title, sections[section].title);
    document.title = `${sections[section].title} · Tentáculo console`;
    for (const [name, link] of links) {
      if (name === section) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  function close() {
    removeEventListener("hashchange", route);
    current?.hide();
  }

  const element = h(
    "div",
    { class: "frame" },
    h("a", { class: "skip", href: "#main", onclick: (event) => skip(event, main) }, "Skip to the section"),
    head(parts, signOut),
    h(
      "nav",
      { "aria-label": "Sections" },
      h("ul", {}, ...[...links.values()].map((link) => h("li", {}, link))),
    ),
    main,
    parts.notices,
  );
  addEventListener("hashchange", route);
  return { element, close, open: () => route({ isFirst: true }), refresh: () => current?.refresh(), title };
}

function head({ status, reload }, signOut) {
  const leave = h(
    "button",
    { type: "button", class: "quiet", onclick: signOut, title: "Sign out" },
    icon("leave"),
    h("span", { class: "words" }, "Sign out"),
  );
  return h(
    "header",
    {},
    h("p", { class: "brand" }, icon("brand"), h("span", { class: "words" }, "Tentáculo"), spoken(" console")),
    status,
    h("div", { class: "actions" }, reload, createThemeSwitch(), leave),
  );
}

// A jump by the hash would be taken for another section.
function skip(event, main) {
  event.preventDefault();
  main.focus();
}
