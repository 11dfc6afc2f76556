// What stands below the tiles of the overview: the gateway, its servers, refused tokens and recent faults.

import { badge, gatewayState, serverState } from "./badges.js";
import { h, setText } from "./dom.js";
import { count, duration, rate } from "./format.js";
import { createLine } from "./log-line.js";
import { wantedBy } from "./log-filters.js";
import { hashOf } from "./router.js";
import { faultText, healthText, serversOf } from "./upstreams.js";

const MOST_SERVERS = 5;
const MOST_FAULTS = 5;
const FACTS = [
  ["Version", (figures) => figures.version],
  ["Uptime", (figures) => duration(figures.uptime_seconds)],
  ["Connections", (figures) => count(figures.connections)],
  ["Calls refused (4xx)", (figures) => `${rate(figures.refused_per_second)}/s`],
  ["Calls failed (5xx)", (figures) => `${rate(figures.errors_per_second)}/s`],
  ["Tokens that are valid", (figures) => count(figures.tokens.valid)],
];

/** Returns the panel of the gateway itself. */
export function createGatewayPanel() {
  const state = h("dd", {}, "–");
  const values = FACTS.map(() => h("dd", {}, "–"));
  const facts = FACTS.map(([name], place) => h("div", {}, h("dt", {}, name), values[place]));
  let before = "";

  function draw(figures) {
    const [word, kind] = gatewayState(figures);
    if (word !== before) state.replaceChildren(badge(word, kind));
    before = word;
    FACTS.forEach(([, write], place) => setText(values[place], write(figures)));
  }

  const list = h("dl", { class: "facts" }, h("div", {}, h("dt", {}, "State"), state), ...facts);
  return { element: panel("Gateway", list), draw };
}

/** Returns the panel of tokens that opened nothing, by reason. */
export function createRefusalsPanel() {
  const body = h("div", {}, h("p", { class: "state" }, "No figures yet."));
  let before = "";

  function draw({ tokens }) {
    const refused = Object.entries(tokens.refused).filter(([, total]) => total > 0);
    const now = JSON.stringify(refused);
    if (now === before) return;
    before = now;
    const rows = refused
      .sort((one, other) => other[1] - one[1])
      .map(([reason, total]) =>
        h(
          "div",
          {},
          h("dt", {}, reason.replace(/^token_/, "").replaceAll("_", " ")),
          h("dd", {}, count(total)),
        ),
      );
    body.replaceChildren(
      rows.length
        ? h("dl", { class: "facts" }, ...rows)
        : h("p", { class: "state" }, "None since the start."),
    );
  }

  return { element: panel("Refused tokens, since the start", body), draw };
}

/** Returns the panel of servers that are not up; `draw(upstreams)` and `fail(error)` fill it. */
export function createServersPanel() {
  const summary = h("p", { class: "summary" }, "Loading…");
  const list = h("ul", { class: "short" });

  function draw(upstreams) {
    const servers = serversOf(upstreams);
    const away = servers.filter((server) => server.state !== "up");
    setText(summary, servers.length ? healthText(servers) : "No upstreams.");
    list.replaceChildren(
      ...away
        .slice(0, MOST_SERVERS)
        .map((server) =>
          h(
            "li",
            {},
            badge(...serverState(server.state)),
            " ",
            h("code", {}, server.address),
            h("span", { class: "below" }, `${server.upstream}, last fault: ${faultText(server)}`),
          ),
        ),
    );
  }

  const link = h("a", { href: hashOf("upstreams") }, "All servers");
  return {
    element: panel("Servers", summary, list, link),
    draw,
    fail: (error) => setText(summary, error.message),
  };
}

/** Returns the panel of the newest warnings and errors; `draw(store)` fills it. */
export function createFaultsPanel() {
  const list = h("ol", { class: "lines" });
  const nothing = h("p", { class: "state" }, "None since this page is open.");
  const isFault = wantedBy({ level: "warning" });
  const made = new WeakMap();
  let before = [];

  function lineOf(event) {
    if (!made.has(event)) made.set(event, createLine(event, { isAlone: true }));
    return made.get(event);
  }

  function draw(store) {
    const found = store.entries.filter((event) => isFault(event) || event.status >= 500).slice(-MOST_FAULTS);
    nothing.hidden = found.length > 0;
    if (found.length === before.length && found.every((event, place) => event === before[place])) return;
    before = found;
    list.replaceChildren(...found.toReversed().map(lineOf)); // one that is open stays so
  }

  const link = h("a", { href: hashOf("log", { level: "warning" }) }, "The log’s warnings and errors");
  return { element: panel("Warnings, errors and failed calls", nothing, list, link), draw };
}

function panel(title, ...children) {
  return h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), ...children);
}
