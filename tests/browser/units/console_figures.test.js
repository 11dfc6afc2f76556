/** The console's last two minutes, its hash routes, and what it says of states. */

import { describe, expect, test } from "vitest";

import { gatewayState, routeStates, serverState } from "../../../tentaculo/browser/console/badges.js";
import { History, WINDOW_SECONDS, drawn, peak } from "../../../tentaculo/browser/console/figures.js";
import { changesText } from "../../../tentaculo/browser/console/reload.js";
import { hashOf, parseHash } from "../../../tentaculo/browser/console/router.js";
import { faultText, healthText, serversOf } from "../../../tentaculo/browser/console/upstreams.js";

const value = (figures) => figures.value;

describe("history", () => {
  test("keeps two minutes", () => {
    const history = new History();
    for (let at = 0; at <= 300; at += 1) history.add({ at, value: at });
    const points = history.points(value);
    expect([points[0], points.at(-1), history.latest]).toEqual([
      [300 - WINDOW_SECONDS, 180],
      [300, 300],
      300,
    ]);
  });

  test("leaves out what is no figure", () => {
    const history = new History();
    for (const [at, one] of [
      [1, 5],
      [2, null],
      [3, undefined],
      [4, 6],
    ])
      history.add({ at, value: one });
    for (const odd of [null, undefined, {}, { at: "now" }]) history.add(odd);
    expect(history.points(value)).toEqual([
      [1, 5],
      [4, 6],
    ]);
  });

  test("begins anew when the gateway's clock went back", () => {
    const history = new History();
    history.add({ at: 1000, value: 1 });
    history.add({ at: 10, value: 2 });
    expect(history.points(value)).toEqual([[10, 2]]);
  });
});

describe("drawing", () => {
  const frame = { latest: 120, top: 10, width: 240, height: 40 };

  test("the newest is at the right, the highest at the top", () => {
    expect(
      drawn(
        [
          [118, 0],
          [120, 10],
        ],
        frame,
      ),
    ).toEqual([
      [
        [236, 40],
        [240, 0],
      ],
    ]);
  });

  test("a time that nothing was heard of is a gap", () => {
    expect(
      drawn(
        [
          [1, 1],
          [2, 1],
          [60, 1],
        ],
        frame,
      ).map((part) => part.length),
    ).toEqual([2, 1]);
  });

  test("nothing is no line", () => {
    expect(drawn([], frame)).toEqual([]);
    expect(peak([[], []], 1)).toBe(1);
  });

  test("the top is that of all lines, and never too low", () => {
    expect(
      peak(
        [
          [[1, 3]],
          [
            [1, 7],
            [2, 5],
          ],
        ],
        1,
      ),
    ).toBe(7);
    expect(peak([[[1, 0.2]]], 1)).toBe(1);
  });
});

describe("hash", () => {
  const known = ["overview", "log"];

  test.each([
    ["", "overview", ""],
    ["#", "overview", ""],
    ["#/log", "log", ""],
    ["#log?level=error", "log", "level=error"],
    ["#/nowhere?level=error", "overview", ""],
    ["#/log?route=a%20b&x=%", "log", "route=a+b&x=%25"],
  ])("%o", (hash, section, params) => {
    const found = parseHash(hash, known);
    expect([found.section, found.params.toString()]).toEqual([section, params]);
  });

  test("what is written is read again", () => {
    const hash = hashOf("log", { route: "a&b=#é", level: "" });
    expect(parseHash(hash, known).params.get("route")).toBe("a&b=#é");
    expect(hashOf("log", { level: "" })).toBe("#/log");
  });
});

describe("states", () => {
  const words = (route) => routeStates(route).map(([word]) => word);

  test("of routes", () => {
    expect(words({ enabled: true, maintenance: false, stream: true, shared: true })).toEqual([
      "enabled",
      "stream",
      "shared",
    ]);
    expect(words({ enabled: false, maintenance: true })).toEqual(["disabled", "maintenance"]);
  });

  test("of the gateway", () => {
    expect(gatewayState({ ready: true, draining: false })[0]).toBe("ready");
    expect(gatewayState({ ready: false, draining: true })[0]).toBe("draining");
    expect(gatewayState({ ready: false, draining: false })[0]).toBe("not ready");
  });

  test("of servers", () => {
    expect(["up", "half_open", "ejected", "new_word"].map(serverState)).toEqual([
      ["up", "good"],
      ["half open", "warned"],
      ["ejected", "bad"],
      ["new_word", "plain"],
    ]);
    const servers = serversOf([
      { name: "a", balance: "b", servers: [{ state: "up" }, { state: "down" }, { state: "up" }] },
    ]);
    expect(healthText(servers)).toBe("3 servers: 2 up, 1 down");
    expect(healthText([])).toBe("0 servers: none");
    expect(new Set(servers.map((server) => server.key)).size).toBe(3);
  });

  test("of what went wrong last", () => {
    expect(faultText({ last_fault: null })).toBe("none");
    expect(faultText({ last_fault: { reason: "timeout\u202e", seconds_ago: 61 } })).toBe(
      "timeout\ufffd, 1 min 1 s ago",
    );
  });
});

test.each([
  [undefined, "nothing has changed"],
  [{ routes: {}, keys: [], fixed: [] }, "nothing has changed"],
  [
    { routes: { added: ["a"], changed: ["b", "c"] }, keys: ["log"] },
    "1 route added; 2 routes changed; log changed",
  ],
  [{ upstreams: { removed: ["a"] }, fixed: ["listen"] }, "1 upstream removed; listen needs a restart"],
])("a reload's changes: %o", (changes, text) => {
  expect(changesText(changes)).toBe(text);
});
