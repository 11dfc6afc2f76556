// The section of open streams, each of which an operator may end.

import { badge } from "./badges.js";
import { choice, h, options, searchField, setText, spoken } from "./dom.js";
import { bytes, count, counted, duration, visible } from "./format.js";
import { createPolled } from "./polled.js";
import { createTable } from "./table.js";

const MOST = 200;
const TYPED_MS = 250;

/** Returns the section; `confirm(question)` asks before a stream is ended. */
export function createStreams({ api, say, confirm }) {
  const route = choice("Route", [["", "All routes"]], () => polled.refresh());
  const principal = searchField("Principal", typed, "exact name");
  const summary = h("p", { class: "summary" });
  const table = createTable({
    caption: "Open streams, the oldest first",
    columns: columns(end),
    key: (row) => row.id,
  });
  const tools = h("div", { class: "tools" }, route.element, principal.element, summary);
  let timer = 0;

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(() => polled.refresh(), TYPED_MS);
  }

  function draw({ total, streams }) {
    table.update(streams);
    setText(
      summary,
      total > streams.length
        ? `The newest ${count(streams.length)} of ${counted(total, "stream")}`
        : counted(total, "stream"),
    );
  }

  async function end(stream, button) {
    const whose = stream.principal === null ? "a client without a principal" : stream.principal;
    const text =
      `It belongs to ${visible(whose)} on ${stream.route} and has been open for ` +
      `${duration(stream.age)}. It ends as revoked; its client may open another one if it still has access.`;
    if (!(await confirm({ title: "End this stream?", text, yes: "End stream" }))) return;
    const row = button.closest("tr");
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    try {
      await api.remove(`/streams/${encodeURIComponent(stream.id)}`);
      say("Stream ended.", "good");
    } catch (error) {
      say(error.status === 404 ? "That stream had already ended." : `Not ended. ${error.message}`, "bad");
    }
    await polled.refresh();
    // Its button went with its row: the focus goes on to the next one's.
    if (!button.isConnected) (next?.querySelector("button") ?? principal.input).focus();
  }

  const polled = createPolled({
    load: () => api.get(`/streams?${queryOf(route.select.value, principal.input.value)}`),
    draw,
    isEmpty: ({ streams }) => !streams.length,
    empty: () =>
      route.select.value || principal.input.value.trim()
        ? "No open stream is like that."
        : "No stream is open. Clients that open one appear here.",
    content: table.element,
  });
  polled.element.prepend(tools);

  function show(params) {
    const wanted = params.get("route") ?? "";
    if (wanted && ![...route.select.options].some((option) => option.value === wanted)) {
      route.select.append(...options([[wanted, wanted]]));
    }
    if (params.has("route")) route.select.value = wanted;
    polled.show();
  }

  function names(routes) {
    const chosen = route.select.value;
    const all = routes.includes(chosen) || !chosen ? routes : [chosen, ...routes];
    route.select.replaceChildren(...options([["", "All routes"], ...all.map((name) => [name, name])]));
    route.select.value = chosen;
  }

  return { ...polled, show, names, title: "Open streams" };
}

function queryOf(route, principal) {
  const query = new URLSearchParams({ limit: MOST });
  if (route) query.set("route", route);
  if (principal.trim()) query.set("principal", principal.trim());
  return query;
}

function columns(end) {
  return [
    { label: "Principal", text: (row) => `${row.principal} ${row.id}`, content: whoCell, kind: "name" },
    { label: "Route", text: (row) => row.route },
    { label: "Client", text: (row) => row.client ?? "–", kind: "word" },
    { label: "Opened by", text: (row) => openedBy(row.opened_by) },
    { label: "Age", text: (row) => duration(row.age), kind: "number" },
    { label: "Events", text: (row) => count(row.events), kind: "number" },
    { label: "Sent", text: (row) => bytes(row.bytes), kind: "number" },
    { label: "State", text: (row) => states(row).join(" "), content: stateCell },
    { label: "End", text: (row) => row.id, content: (row) => endButton(row, end), kind: "action" },
  ];
}

function whoCell(stream) {
  const name =
    stream.principal === null ? h("span", { class: "none" }, "no principal") : visible(stream.principal);
  return [
    typeof name === "string" ? h("span", {}, name) : name,
    h("code", { class: "below", title: stream.id }, stream.id.slice(0, 8)),
  ];
}

function openedBy(kind) {
  return kind ? kind.replaceAll("_", " ").replaceAll("-", " ") : "–";
}

function states(stream) {
  return [stream.lagging ? "lagging" : "flowing", ...(stream.shared ? ["shared"] : [])];
}

function stateCell(stream) {
  const kinds = { lagging: "warned", flowing: "good", shared: "told" };
  return h("span", { class: "badges" }, ...states(stream).map((word) => badge(word, kinds[word])));
}

function endButton(stream, end) {
  const whose = ` stream ${stream.id.slice(0, 8)} of ${stream.principal ?? "nobody"} on ${stream.route}`;
  const button = h(
    "button",
    { type: "button", class: "small", onclick: () => end(stream, button) },
    "End",
    spoken(whose),
  );
  return button;
}
