/** What the console's log shows of an event, which it wants, and which it keeps. */

import { describe, expect, test } from "vitest";

import { describe as described, fieldsOf } from "../../../tentaculo/browser/console/log-entry.js";
import { wantedBy } from "../../../tentaculo/browser/console/log-filters.js";
import { KEPT, createLogStore } from "../../../tentaculo/browser/console/log-store.js";

const CALL = {
  timestamp: "2026-01-02T03:04:05.006Z",
  level: "info",
  event: "request.finished",
  method: "GET",
  url: "/a?token=***",
  status: 404,
  duration_ms: 1.5,
  route: "api",
  principal: "ui",
  code: "route_not_found",
  reason: "no route",
  bytes_in: 0,
  bytes_out: 7,
  client: "10.0.0.1",
  request_id: "one",
};
const OPENED = { level: "info", event: "stream.opened", status: 200, url: "/s", method: "GET" };
const EJECTED = { level: "warning", event: "server.ejected", upstream: "b", seconds: 3, reason: "timeout" };
const FAILED = { level: "critical", event: "x" };
const EVENTS = [CALL, OPENED, EJECTED, FAILED];

describe("filters", () => {
  test.each([
    [{}, EVENTS],
    [{ level: "debug" }, EVENTS],
    [{ level: "warning" }, [EJECTED, FAILED]],
    [{ level: "error" }, [FAILED]],
    [{ route: "api" }, [CALL]],
    [{ status: "2" }, [OPENED]],
    [{ status: "4" }, [CALL]],
    [{ status: "5" }, []],
    [{ event: "stream.opened" }, [OPENED]],
    [{ event: "stream" }, []],
    [{ text: "  TIMEOUT " }, [EJECTED]],
    [{ text: "10.0.0.1" }, [CALL]],
    [{ text: "stream", status: "2" }, [OPENED]],
    [{ text: "stream", status: "4" }, []],
  ])("%o", (filters, wanted) => {
    expect(EVENTS.filter(wantedBy(filters))).toEqual(wanted);
  });

  test("an event of odd types fits none that asks for its field", () => {
    const odd = { level: 7, status: "404", route: ["api"], event: null };
    for (const filters of [{ level: "info" }, { route: "api" }, { event: "x" }]) {
      expect(wantedBy(filters)(odd)).toBe(false);
    }
    expect(wantedBy({})(odd)).toBe(true);
  });
});

describe("a line", () => {
  test("of a call", () => {
    expect(described(CALL)).toMatchObject({
      level: "info",
      status: "404",
      statusClass: "s4",
      took: "1.5 ms",
      title: "GET /a?token=***",
      details: [
        ["route", "api"],
        ["principal", "ui"],
        ["fault", "route_not_found: no route"],
      ],
    });
  });

  test("of a stream, with its end", () => {
    const ended = { ...OPENED, event: "stream.ended", end_reason: "client_gone", events: 1 };
    expect(described(ended).details).toEqual([
      ["event", "stream.ended"],
      ["event", "client_gone"],
      ["plain", "1 event"],
    ]);
  });

  test("of what is no call, with its own fields", () => {
    expect(described(EJECTED)).toMatchObject({
      level: "warning",
      status: "",
      took: "",
      title: "server.ejected",
      details: [
        ["fault", "timeout"],
        ["plain", "seconds=3"],
      ],
    });
  });

  test("of lines that were left out", () => {
    expect(described({ event: "console.skipped", count: 1200 })).toMatchObject({
      title: "1,200 lines left out: more came than can be shown",
      details: [],
    });
  });

  test("of a fault that was not expected", () => {
    expect(described({ event: "e", exception: "Traceback…" }).details).toEqual([
      ["fault", "with a traceback"],
    ]);
  });

  test.each([
    [{}],
    [{ event: null }],
    [{ event: {}, level: [], status: "x", url: 7, route: {}, events: "many" }],
    [{ event: "e", count: undefined, code: ["a"], reason: 5, principal: true, __proto__: null }],
  ])("never fails on odd types: %o", (event) => {
    const { title, details } = described(event);
    for (const text of [title, ...details.map(([, one]) => one)]) expect(text).toBeTypeOf("string");
  });

  test("is short whatever it holds", () => {
    const { title, details } = described({ event: "x".repeat(1e6), more: "y".repeat(1e6) });
    expect(title.length).toBeLessThan(310);
    expect(details[0][1].length).toBeLessThan(310);
  });
});

test("all fields are told, with their line ends and nothing that hides", () => {
  const fields = fieldsOf({
    exception: "a\n\tb\u202e",
    list: [1, "<b>"],
    none: null,
    "odd\u202e": "x".repeat(30_000),
  });
  expect(fields.slice(0, 3)).toEqual([
    ["exception", "a\n␉b\ufffd"],
    ["list", '[1,"<b>"]'],
    ["none", "null"],
  ]);
  expect(fields[3][0]).toBe("odd\ufffd");
  expect(fields[3][1].length).toBeLessThan(20_100);
});

describe("the store", () => {
  test("keeps the newest", () => {
    const store = createLogStore();
    store.add([{ number: 0 }]);
    store.add(Array.from({ length: KEPT + 5 }, (_, number) => ({ number: number + 1 })));
    store.add([{ number: KEPT + 6 }]);
    expect(store.entries.length).toBe(KEPT);
    expect([store.entries[0].number, store.entries.at(-1).number]).toEqual([7, KEPT + 6]);
  });

  test("tells what came and when it was cleared; what is no event is left out", () => {
    const told = [];
    const store = createLogStore();
    store.listen((added) => told.push(added));
    store.add([CALL, null, "text", 7]);
    store.clear();
    expect(told).toEqual([[CALL], null]);
    expect(store.entries).toEqual([]);
  });
});
