// @vitest-environment jsdom
/** The React hook: one stream a component, however often React mounts and renders it. */

import { StrictMode, act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { useEventStream } from "../../../tentaculo/browser/react.js";
import { Network, settle } from "./network.js";

const EVENTS_URL = "http://gateway.test/events";

let network, root, seen;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  network = new Network();
  root = createRoot(document.createElement("div"));
  seen = [];
});

afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

function Panel({ url = EVENTS_URL, ...options }) {
  seen.push(useEventStream(url, options));
  return null;
}

const render = (options, Around = StrictMode) =>
  act(async () => {
    root.render(createElement(Around, null, createElement(Panel, options)));
    await settle();
  });

const happens = (what) =>
  act(async () => {
    what();
    await settle();
  });

const last = () => {
  const { state, error } = seen.at(-1);
  return [state, error];
};
const live = () => network.requests.filter(({ signal }) => !signal.aborted);

test("a component that React mounts twice has one stream", async () => {
  await render();
  expect([network.requests.length, live().length, last()]).toEqual([2, 1, ["connecting", null]]);
});

test("it tells the state and why it failed", async () => {
  await render();
  await happens(() => live()[0].stream("data: 1\n\n"));
  expect(last()).toEqual(["open", null]);
  expect(seen.at(-1).source.readyState).toBe(1);
  await happens(() => live()[0].end());
  expect(last()).toEqual(["connecting", { code: 0, reason: "" }]);
  await vi.waitFor(() => expect(network.requests.length).toBe(3), { timeout: 3000 });
  await happens(() => network.requests[2].refuse(403, "forbidden"));
  expect(last()).toEqual(["closed", { code: 403, reason: "forbidden" }]);
});

test("the callback of the latest render hears messages and the named events", async () => {
  const [early, late] = [vi.fn(), vi.fn()];
  await render({ onEvent: early, events: ["news", "message"] });
  await render({ onEvent: late, events: ["news", "message"] });
  await happens(() => live()[0].stream("data: 1\n\nevent: news\ndata: 2\n\nevent: other\ndata: 3\n\n"));
  expect(early).not.toHaveBeenCalled();
  expect(late.mock.calls.map(([{ type, data }]) => [type, data])).toEqual([["message", "1"], ["news", "2"]]);
  expect(network.requests.length).toBe(2);
});

test("no callback, and an event called error, are no failure", async () => {
  await render({ events: ["error"] });
  await happens(() => live()[0].stream("event: error\ndata: 1\n\n"));
  expect(last()).toEqual(["open", null]);
});

test("the token comes from the latest render", async () => {
  await render({ issuePath: "/token", token: () => "first" });
  await render({ issuePath: "/token", token: () => "second" });
  expect(live().map(({ headers }) => headers)).toEqual([{ "X-VX11-Token": "first" }]);
  await happens(() => live()[0].refuse(503, "", { "Retry-After": "0" }));
  await vi.waitFor(() => expect(network.requests.at(-1).headers).toEqual({ "X-VX11-Token": "second" }), 3000);
});

describe("another stream", () => {
  test("comes with another URL", async () => {
    await render();
    await render({ url: new URL("http://gateway.test/others") });
    expect(live().map(({ url }) => url)).toEqual(["http://gateway.test/others"]);
  });

  test("does not come with the same options anew", async () => {
    await render({ events: ["a"] });
    await render({ events: ["a"] });
    expect(network.requests.length).toBe(2);
  });
});

test("one that is not enabled has no stream", async () => {
  await render({ enabled: false });
  expect([network.requests.length, last(), seen.at(-1).source]).toEqual([0, ["closed", null], null]);
  await render({ enabled: true });
  await happens(() => live()[0].stream());
  expect(last()).toEqual(["open", null]);
  await render({ enabled: false });
  expect([live().length, last()]).toEqual([0, ["closed", null]]);
});

test("one that is gone has none", async () => {
  await render();
  await act(() => root.render(null));
  expect(live()).toEqual([]);
});
