import { describe, expect, it } from "vitest";

import { event, events } from "../testing/events";
import { EMPTY_LOG, MOST_CHARACTERS, MOST_EVENTS, countBySeverity, reduceLog, type EventLog } from "./log";

const arrive = (log: EventLog, from: number, to: number) =>
  reduceLog(log, { type: "arrived", events: events(from, to) });
const keys = (log: EventLog) => log.events.map((one) => one.key);

describe("reduceLog", () => {
  it("keeps events in the order they came", () => {
    expect(keys(arrive(arrive(EMPTY_LOG, 1, 2), 3, 3))).toEqual([1, 2, 3]);
  });

  it("keeps the newest thousand", () => {
    const log = arrive(arrive(EMPTY_LOG, 1, 700), 701, 1_500);
    expect(log.events).toHaveLength(MOST_EVENTS);
    expect([log.events[0]?.key, log.events.at(-1)?.key, log.received]).toEqual([501, 1_500, 1_500]);
  });

  it("keeps what fits into memory, and the newest one whatever its size", () => {
    const half = "x".repeat(MOST_CHARACTERS / 2);
    const log = reduceLog(EMPTY_LOG, { type: "arrived", events: events(1, 5, { data: half }) });
    expect(keys(log)).toEqual([4, 5]);
    const huge = reduceLog(log, { type: "arrived", events: [event(6, { data: `${half}${half}x` })] });
    expect(keys(huge)).toEqual([6]);
  });

  it("lets events wait while it is paused, and counts them all", () => {
    const paused = arrive(reduceLog(arrive(EMPTY_LOG, 1, 2), { type: "paused" }), 3, 1_502);
    expect([keys(paused), paused.waitingCount, paused.waiting.length]).toEqual([[1, 2], 1_500, MOST_EVENTS]);
    const resumed = reduceLog(paused, { type: "resumed" });
    expect([resumed.paused, resumed.waitingCount, resumed.waiting]).toEqual([false, 0, []]);
    expect([resumed.events[0]?.key, resumed.events.at(-1)?.key]).toEqual([503, 1_502]);
  });

  it("clears what is kept and what waits, and stays paused", () => {
    const paused = arrive(reduceLog(arrive(EMPTY_LOG, 1, 2), { type: "paused" }), 3, 4);
    expect(reduceLog(paused, { type: "cleared" })).toEqual({ ...EMPTY_LOG, paused: true, received: 4 });
  });

  it("changes nothing that it was given", () => {
    const log = Object.freeze({ ...EMPTY_LOG, events: Object.freeze(events(1, 2)) });
    arrive(log, 3, 4);
    expect(keys(log)).toEqual([1, 2]);
  });
});

describe("countBySeverity", () => {
  it("counts each severity, also the ones without an event", () => {
    const some = [event(1), event(2, { severity: "error" }), event(3)];
    expect(countBySeverity(some)).toEqual({ critical: 0, error: 1, warn: 0, info: 2 });
  });
});
