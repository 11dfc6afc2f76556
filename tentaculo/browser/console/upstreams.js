// The section of upstreams: every server, and how it is.

import { badge, serverState } from "./badges.js";
import { h, setText } from "./dom.js";
import { count, counted, duration, visible } from "./format.js";
import { createPolled } from "./polled.js";
import { createTable } from "./table.js";

const COLUMNS = [
  {
    label: "Server",
    text: (server) => `${server.address} ${server.resolved}`,
    content: addressCell,
    kind: "name",
  },
  { label: "Upstream", text: (server) => `${server.upstream} ${server.balance}`, content: upstreamCell },
  { label: "State", text: stateText, content: stateCell },
  { label: "Weight", text: (server) => count(server.weight), kind: "number" },
  { label: "Connections", text: (server) => count(server.connections), kind: "number" },
  { label: "In hand", text: (server) => count(server.exchanges), kind: "number" },
  { label: "Faults in a row", text: (server) => count(server.faults_in_a_row), kind: "number" },
  { label: "Last fault", text: faultText, kind: "wide" },
];

/** Returns the section. */
export function createUpstreams({ api }) {
  const table = createTable({
    caption: "Servers of the upstreams, in the order of the configuration",
    columns: COLUMNS,
    key: (row) => row.key,
  });
  const summary = h("p", { class: "summary" });
  const content = h("div", {}, h("div", { class: "tools" }, summary), table.element);

  function draw(upstreams) {
    const servers = serversOf(upstreams);
    table.update(servers);
    setText(summary, `${counted(upstreams.length, "upstream")}, ${healthText(servers)}`);
  }

  const polled = createPolled({
    load: async () => (await api.get("/upstreams")).upstreams,
    draw,
    isEmpty: (found) => !found.length,
    empty: () => "The configuration has no upstreams.",
    content,
  });
  return { ...polled, title: "Upstreams" };
}

/** Returns the servers of all upstreams, each with its upstream's name. */
export function serversOf(upstreams) {
  return upstreams.flatMap((upstream) =>
    upstream.servers.map((server, place) => ({
      ...server,
      upstream: upstream.name,
      balance: upstream.balance,
      key: `${upstream.name} ${place} ${server.address}`,
    })),
  );
}

/** Says how many servers are in which state. */
export function healthText(servers) {
  const states = new Map();
  for (const { state } of servers) states.set(state, (states.get(state) ?? 0) + 1);
  const told = [...states].map(([state, many]) => `${count(many)} ${serverState(state)[0]}`);
  return `${counted(servers.length, "server")}: ${told.join(", ") || "none"}`;
}

/** Says what went wrong last with a server, and how long ago. */
export function faultText(server) {
  if (!server.last_fault) return "none";
  const { reason, seconds_ago: seconds } = server.last_fault;
  return `${visible(reason)}, ${duration(seconds)} ago`;
}

function addressCell(server) {
  const others = server.resolved.filter((address) => !server.address.includes(address));
  return [
    h("code", {}, server.address),
    ...(others.length ? [h("span", { class: "below" }, others.join(", "))] : []),
  ];
}

function upstreamCell(server) {
  return [server.upstream, h("span", { class: "below" }, server.balance.replaceAll("_", " "))];
}

function stateText(server) {
  return `${serverState(server.state)[0]} ${againText(server)}`;
}

function stateCell(server) {
  const again = againText(server);
  return [badge(...serverState(server.state)), ...(again ? [h("span", { class: "below" }, again)] : [])];
}

function againText({ tried_again_in: seconds }) {
  return seconds === null ? "" : `tried again in ${duration(Math.ceil(seconds))}`;
}
