// The section of routes: what each one demands, where it leads and what goes on on it.

import { badge, routeStates } from "./badges.js";
import { h, searchField } from "./dom.js";
import { count, counted } from "./format.js";
import { createPolled } from "./polled.js";
import { hashOf } from "./router.js";
import { createTable } from "./table.js";

const COLUMNS = [
  { label: "Route", text: (route) => route.name, kind: "name" },
  { label: "Path", text: pathText, content: pathCell },
  { label: "State", text: (route) => words(route).join(" "), content: stateCell },
  { label: "Access", text: (route) => route.access, kind: "word" },
  { label: "Upstream", text: (route) => route.upstream },
  { label: "Open streams", text: (route) => `${route.open_streams}`, content: streamsCell, kind: "number" },
  { label: "Requests", text: (route) => count(route.requests), kind: "number" },
];

/** Returns the section. */
export function createRoutes({ api }) {
  const search = searchField("Filter", draw, "name, path, upstream, access or state");
  const table = createTable({
    caption: "Routes, in the order of the configuration",
    columns: COLUMNS,
    key: keyOf,
  });
  const summary = h("p", { class: "summary" });
  const nothing = h("p", { class: "state", hidden: true }, "No route is like that.");
  const tools = h("div", { class: "tools" }, search.element, summary);
  const content = h("div", {}, tools, nothing, table.element);
  let routes = [];

  function draw() {
    const wanted = search.input.value.trim().toLowerCase();
    const rows = wanted ? routes.filter((route) => textOf(route).includes(wanted)) : routes;
    table.update(rows);
    table.element.hidden = !rows.length;
    nothing.hidden = rows.length > 0;
    summary.textContent = wanted
      ? `${count(rows.length)} of ${counted(routes.length, "route")}`
      : counted(routes.length, "route");
  }

  const polled = createPolled({
    load: async () => (await api.get("/routes")).routes,
    draw: (found) => {
      routes = found;
      draw();
    },
    isEmpty: (found) => !found.length,
    empty: () => "The configuration has no routes.",
    content,
  });
  return { ...polled, title: "Routes" };
}

function keyOf(route) {
  return `${route.name} ${route.host ?? ""} ${route.path}`;
}

function words(route) {
  return routeStates(route).map(([word]) => word);
}

function textOf(route) {
  const all = [route.name, route.host ?? "", route.path, route.upstream, route.access, ...words(route)];
  return all.join("\n").toLowerCase();
}

function pathText(route) {
  return `${route.methods?.join(", ") ?? ""} ${route.host ?? ""} ${route.path} ${route.issue_path ?? ""}`;
}

function pathCell(route) {
  const below = [route.methods?.join(", "), route.issue_path && `tokens: ${route.issue_path}`].filter(
    Boolean,
  );
  return [
    h("code", {}, `${route.host ?? ""}${route.path}`),
    below.length ? h("span", { class: "below" }, below.join(" · ")) : null,
  ].filter(Boolean);
}

function stateCell(route) {
  return h("span", { class: "badges" }, ...routeStates(route).map(([word, kind]) => badge(word, kind)));
}

function streamsCell(route) {
  if (!route.open_streams) return "0";
  const label = `${counted(route.open_streams, "open stream")} of ${route.name}`;
  return h(
    "a",
    { href: hashOf("streams", { route: route.name }), "aria-label": label },
    count(route.open_streams),
  );
}
