// The first section: how the gateway does at a glance.

import { h } from "./dom.js";
import { History } from "./figures.js";
import { createFaultsPanel, createGatewayPanel, createRefusalsPanel, createServersPanel } from "./panels.js";
import { createPolled } from "./polled.js";
import { createTiles } from "./tiles.js";

/** Returns the section; `figures(newest)` is called each second. */
export function createOverview({ api, store }) {
  const history = new History();
  const tiles = createTiles();
  const gateway = createGatewayPanel();
  const refusals = createRefusalsPanel();
  const servers = createServersPanel();
  const faults = createFaultsPanel();
  const waiting = h("p", { class: "state" }, "Waiting for the first figures…");
  const panels = h(
    "div",
    { class: "panels" },
    gateway.element,
    servers.element,
    refusals.element,
    faults.element,
  );
  const polled = createPolled({ load, draw: servers.draw, content: h("div") });
  const element = h("div", { class: "overview" }, waiting, tiles.element, panels);
  let newest = null;
  let isShown = false;

  async function load() {
    try {
      return (await api.get("/upstreams")).upstreams;
    } catch (error) {
      servers.fail(error);
      throw error;
    }
  }

  function figures(now) {
    newest = now;
    history.add(now);
    if (isShown) draw();
  }

  function draw() {
    waiting.hidden = newest !== null;
    if (newest === null) return;
    tiles.draw(history, newest);
    gateway.draw(newest);
    refusals.draw(newest);
  }

  function show() {
    isShown = true;
    draw();
    faults.draw(store);
    polled.show();
  }

  function hide() {
    isShown = false;
    polled.hide();
  }

  store.listen(() => isShown && faults.draw(store));
  return { element, title: "Overview", show, hide, refresh: polled.refresh, figures };
}
