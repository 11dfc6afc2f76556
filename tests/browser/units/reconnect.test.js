/** When it comes back, and that neither sleep nor silence nor a network that is away keeps it. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { EVENT_STREAM, Network, open, settle } from "./network.js";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const MONTH_MS = 31 * 24 * 3600 * 1000;

let network, source, log, navigator;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  vi.spyOn(Math, "random").mockReturnValue(0);
  navigator = { onLine: true };
  const page = new EventTarget();
  vi.stubGlobal("navigator", navigator);
  for (const name of ["addEventListener", "dispatchEvent"]) vi.stubGlobal(name, page[name].bind(page));
  network = new Network();
  ({ source, log } = open());
});

afterEach(() => {
  source.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Check that the next request comes after so many milliseconds, and not one sooner; return it. */
async function comesBackAfter(ms) {
  const count = network.requests.length;
  if (ms > 0) {
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(network.requests.length).toBe(count);
  }
  await vi.advanceTimersByTimeAsync(1);
  expect(network.requests.length).toBe(count + 1);
  return network.requests.at(-1);
}

const after = (value) => ({ "Retry-After": value });

describe("the wait before coming back", () => {
  test.each([
    ["nothing", {}, "", 0],
    ["retry", {}, "retry: 250\n", 250],
    ["the last that is a number", {}, "retry: 250\nretry: x\nretry: -1\nretry: 1e9\nretry\nretry: 9 \n", 250],
    ["a long retry", {}, "retry: 120000\n", 120_000],
    ["seconds", after("7"), "", 7000],
    ["a date", after("Thu, 01 Jan 2026 00:00:09 GMT"), "", 9000],
    ["a date that is over", after("Thu, 01 Jan 2026 00:00:00 GMT"), "", 0],
    ["what is neither", after("soon"), "", 0],
    ["the longer of two", after("1"), "retry: 3000\n", 3000],
  ])("is at least what the server said: %s", async (_, fields, line, ms) => {
    network.requests[0].stream(`${line}data: 1\n\n`);
    network.requests[0].end();
    await settle();
    const second = await comesBackAfter(line ? Number(/\d+/.exec(line)[0]) : 0);
    vi.setSystemTime(NOW);
    second.answer(503, fields);
    await settle();
    await comesBackAfter(ms);
  });

  test("grows by random shares of ever more, up to half a minute, until bytes come", async () => {
    Math.random.mockReturnValue(0.5);
    for (const ms of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
      network.requests.at(-1).lose();
      await settle();
      await comesBackAfter(ms);
    }
    network.requests.at(-1).stream(":\n");
    await settle();
    network.requests.at(-1).end();
    await settle();
    await comesBackAfter(500);
  });

  test("starts from the server's retry, which is never taken for none", async () => {
    Math.random.mockReturnValue(0.5);
    for (const [retry, ms] of [[100, 150], [0, 500], [80_000, 95_000]]) {
      network.requests.at(-1).stream(`retry: ${retry}\n`);
      await settle();
      network.requests.at(-1).end();
      await settle();
      await comesBackAfter(ms);
    }
  });

  test.each([["retry", `retry: ${"9".repeat(400)}\n`, {}], ["Retry-After", "", after("9".repeat(20))]])(
    "is never longer than a timer can be: %s",
    async (_, line, fields) => {
      network.requests[0].stream(`${line}\n`);
      network.requests[0].end();
      await settle();
      if (!line) (await comesBackAfter(0)).answer(503, fields);
      await settle();
      const count = network.requests.length;
      await vi.advanceTimersByTimeAsync(60_000);
      expect(network.requests.length).toBe(count);
      expect(vi.getTimerCount()).toBe(2);
    },
  );
});

describe("a network that is away", () => {
  test("is waited for", async () => {
    navigator.onLine = false;
    network.requests[0].lose();
    await vi.advanceTimersByTimeAsync(80_000);
    expect(network.requests.length).toBe(1);
    navigator.onLine = true;
    dispatchEvent(new Event("online"));
    await settle();
    expect(network.requests.length).toBe(2);
    expect(log).toEqual([["error", 0, "", 0]]);
  });

  test("is looked at again where nobody says that it is back", async () => {
    navigator.onLine = false;
    network.requests[0].lose();
    await vi.advanceTimersByTimeAsync(40_000);
    navigator.onLine = true;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(network.requests.length).toBe(2);
  });

  test("ends a wait early when it is back", async () => {
    network.requests[0].answer(503, after("60"));
    await settle();
    dispatchEvent(new Event("online"));
    await settle();
    expect(network.requests.length).toBe(2);
  });
});

describe("the watch", () => {
  test("leaves a stream alone that never beats", async () => {
    network.requests[0].stream("data: 1\n\n");
    await vi.advanceTimersByTimeAsync(MONTH_MS / 100);
    expect(network.requests.length).toBe(1);
  });

  test("waits for a slow head", async () => {
    await vi.advanceTimersByTimeAsync(600_000);
    expect(network.requests.length).toBe(1);
  });

  test("comes back at once after a sleep", async () => {
    network.requests[0].stream("id: 7\ndata: 1\n\n");
    await vi.advanceTimersByTimeAsync(20_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(network.requests[0].signal.aborted).toBe(true);
    expect(network.requests[1].headers["Last-Event-ID"]).toBe("7");
    expect(log).toEqual([["open"], ["message", "1", "7"], ["error", 0, "", 0]]);
  });

  test("ends a wait early after a sleep", async () => {
    network.requests[0].answer(503, after("86400"));
    await vi.advanceTimersByTimeAsync(20_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(network.requests.length).toBe(2);
  });

  test("takes a beating stream's silence for a dead one", async () => {
    network.requests[0].stream(": beat\n\n");
    await vi.advanceTimersByTimeAsync(45_000);
    expect(network.requests.length).toBe(1);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(network.requests.length).toBe(2);
  });

  test("knows how long the stream was silent before", async () => {
    network.requests[0].stream(": beat\n\n");
    for (let beat = 0; beat < 3; beat += 1) {
      await vi.advanceTimersByTimeAsync(40_000);
      network.requests[0].push(": beat\n\n");
    }
    await vi.advanceTimersByTimeAsync(119_000);
    expect(network.requests.length).toBe(1);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(network.requests.length).toBe(2);
  });

  test("does not count the time before the head", async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    network.requests[0].stream(": beat\n\n");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(network.requests.length).toBe(2);
  });

  test("does not count a sleep after which bytes come first", async () => {
    network.requests[0].stream(": beat\n\n");
    await vi.advanceTimersByTimeAsync(20_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    network.requests[0].push(": beat\n\n");
    await vi.advanceTimersByTimeAsync(15_000);
    network.requests[1].stream(": beat\n\n");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(network.requests.length).toBe(3);
  });

  test("does not take the same pause for a fault for ever", async () => {
    network.requests[0].stream(": hello\n\n");
    await vi.advanceTimersByTimeAsync(60_000);
    network.requests[1].stream(": hello\n\n");
    await vi.advanceTimersByTimeAsync(60_000);
    network.requests[1].push(": beat\n\n");
    await vi.advanceTimersByTimeAsync(150_000);
    expect(network.requests.length).toBe(2);
  });

  test("gives up an issuing call that no one answers", async () => {
    source.close();
    ({ source, log } = open({ issuePath: "/token" }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(network.requests.map((request) => request.url.slice(-6))).toEqual(["events", "/token", "/token"]);
  });
});

test("a page kept for going back lets the stream go, and has it again when it is shown", async () => {
  network.requests[0].stream("id: 7\ndata: 1\n\n");
  await settle();
  dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  expect(network.requests[0].signal.aborted).toBe(true);
  dispatchEvent(new Event("pageshow"));
  expect(network.requests[1].headers["Last-Event-ID"]).toBe("7");
  network.requests[1].stream("data: 2\n\n");
  await settle();
  dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  source.close();
  dispatchEvent(new Event("pageshow"));
  dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  dispatchEvent(new Event("pageshow"));
  expect(network.requests.length).toBe(2);
  expect(log).toEqual([["open"], ["message", "1", "7"], ["message", "2", "7"]]);
});

test("a redirected stream comes back to where it was", async () => {
  const moved = "http://gateway.test/moved";
  network.requests[0].answer(200, EVENT_STREAM, "data: 1\n\n", { redirected: true, url: moved });
  await settle();
  expect((await comesBackAfter(0)).url).toBe(moved);
});
