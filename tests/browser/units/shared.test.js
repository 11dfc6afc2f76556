/** Tabs that share a stream: who leads, what the others get, and that a change of leader loses nothing. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Network, open, settle } from "./network.js";
import { originOfTabs } from "./tabs.js";

const HANDOVER_MS = 50;
const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];

let network, tabs, page, channels;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  channels = originOfTabs();
  page = new EventTarget();
  for (const name of ["addEventListener", "dispatchEvent"]) vi.stubGlobal(name, page[name].bind(page));
  network = new Network();
  tabs = [];
});

afterEach(() => {
  for (const { source } of tabs) source.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function join(options = {}, more) {
  const tab = open({ shared: true, ...options }, more);
  tabs.push(tab);
  return tab;
}

async function handOver() {
  await settle();
  await vi.advanceTimersByTimeAsync(HANDOVER_MS);
  await settle();
}

/** Open so many tabs, and the first one's stream. */
async function share(count, ...pieces) {
  const opened = Array.from({ length: count }, () => join());
  await handOver();
  network.requests[0].stream(...pieces);
  await settle();
  return opened;
}

/** Post something that a tab, by its number, does not get. */
async function missedBy(numbers, ...pieces) {
  const missing = [...channels].filter((_, number) => numbers.includes(number));
  for (const channel of missing) channel.deaf = true;
  network.requests.at(-1).push(...pieces);
  await settle();
  for (const channel of missing) channel.deaf = false;
}

const event = (id) => `id: ${id}\ndata: ${id}\n\n`;
const ids = ({ log }) => log.filter(([type]) => type === "message").map(([, data]) => data);
const states = () => tabs.map(({ source }) => source.readyState);

test("one stream feeds all, with types, ids and origins", async () => {
  const origins = [];
  const [, second] = await share(3, "event: error\nid: 1\ndata: x\n\n");
  second.source.onmessage = ({ origin }) => origins.push(origin);
  network.requests[0].push("data: 2\n\ndata:\n\n");
  await settle();
  const log = [["open"], ["error", "x", "1"], ["message", "2", "1"], ["message", "", "1"]];
  expect(tabs.map((tab) => tab.log)).toEqual([log, log, log]);
  expect([network.requests.length, states(), origins]).toEqual([
    1,
    [OPEN, OPEN, OPEN],
    ["http://gateway.test", "http://gateway.test"],
  ]);
});

test("a tab that joins later is told that the stream is open", async () => {
  const [first] = await share(1, event(1));
  const late = join();
  await settle();
  expect([late.log, first.log.length]).toEqual([[["open"]], 2]);
  await handOver();
  expect(network.requests.length).toBe(1);
});

test("a tab that joins late and gets an event first has an open stream", async () => {
  await share(1, event(1));
  const [leading] = channels;
  leading.deaf = true;
  const late = join();
  const closed = join();
  closed.source.onopen = () => closed.source.close();
  await settle();
  leading.deaf = false;
  network.requests[0].push(event(2));
  await settle();
  expect([late.log, closed.log]).toEqual([[["open"], ["message", "2", "2"]], [["open"]]]);
});

test.each([
  ["URLs", {}, { url: "http://gateway.test/others" }],
  ["groups", { shared: "admins" }, {}],
  ["places for tokens", { issuePath: "/token" }, {}],
])("tabs with other %s share nothing", async (_, options, more) => {
  join();
  join(options, more);
  await handOver();
  expect(network.requests.length).toBe(2);
});

test.each(["locks", "BroadcastChannel"])("without %s each tab has a stream of its own", async (missing) => {
  vi.stubGlobal(missing === "locks" ? "navigator" : missing, missing === "locks" ? {} : undefined);
  join();
  join();
  await settle();
  expect(network.requests.length).toBe(2);
});

test("where locks are refused each tab has a stream of its own", async () => {
  const request = () => Promise.reject(new DOMException("no", "SecurityError"));
  vi.stubGlobal("navigator", { locks: { request } });
  const [first, second] = [join(), join()];
  await settle();
  network.requests[0].stream(event(1));
  network.requests[1].stream(event(1));
  await settle();
  expect([ids(first), ids(second)]).toEqual([["1"], ["1"]]);
});

describe("a failure of the leader", () => {
  test("is told to all, and so is that the stream is back", async () => {
    await share(2, event(1));
    network.requests[0].end();
    await settle();
    expect(states()).toEqual([CONNECTING, CONNECTING]);
    await vi.advanceTimersByTimeAsync(0);
    network.requests[1].refuse(503, "unready");
    await settle();
    await vi.advanceTimersByTimeAsync(0);
    network.requests[2].stream(event(2));
    await settle();
    const failed = [["error", 0, "", CONNECTING], ["error", 503, "unready", CONNECTING]];
    const log = [["open"], ["message", "1", "1"], ...failed, ["open"], ["message", "2", "2"]];
    expect(tabs.map((tab) => tab.log)).toEqual([log, log]);
  });

  test("for good is one for all, and nobody takes over", async () => {
    join();
    join();
    await handOver();
    network.requests[0].refuse(403, "forbidden");
    await handOver();
    const log = [["error", 403, "forbidden", CLOSED]];
    expect(tabs.map((tab) => tab.log)).toEqual([log, log]);
    expect([network.requests.length, vi.getTimerCount()]).toEqual([1, 0]);
  });
});

describe("a new leader", () => {
  test("goes on where the tabs are, and no tab is told anything", async () => {
    const [first, second, third] = await share(3, event(1), "id: 2\n\n");
    first.source.close();
    expect(network.requests[0].signal.aborted).toBe(true);
    await handOver();
    expect(network.requests[1].headers["Last-Event-ID"]).toBe("2");
    network.requests[1].stream(event(3));
    await settle();
    const log = [["open"], ["message", "1", "1"], ["message", "3", "3"]];
    expect([second.log, third.log]).toEqual([log, log]);
    expect(first.log.length).toBe(2);
  });

  test("that lags behind is caught up, and nobody gets anything twice", async () => {
    const [first, second, third] = await share(3, event(1), event(2));
    await missedBy([1], event(3), event(4));
    first.source.close();
    await handOver();
    expect(network.requests[1].headers["Last-Event-ID"]).toBe("2");
    network.requests[1].stream(event(3), event(4), "data: no id\n\n", event(5), event(3));
    await settle();
    expect(ids(second)).toEqual(["1", "2", "3", "4", "no id", "5", "3"]);
    expect(ids(third)).toEqual(["1", "2", "3", "4", "no id", "5", "3"]);
  });

  test("that dies while it catches up leaves nothing out either", async () => {
    const [first, second, third, fourth] = await share(4, event(1));
    await missedBy([1, 3], event(2), event(3));
    first.source.close();
    await handOver();
    network.requests[1].stream(event(2));
    await settle();
    second.source.close();
    await handOver();
    expect(network.requests[2].headers["Last-Event-ID"]).toBe("2");
    network.requests[2].stream(event(3), event(4));
    await settle();
    expect([ids(third), ids(fourth)]).toEqual([["1", "2", "3", "4"], ["1", "2", "3", "4"]]);
  });

  test("of a server that starts anew drops nothing", async () => {
    const [first, second] = await share(2, event(1), event(2), event(3));
    first.source.close();
    await handOver();
    network.requests[1].stream(event(1), event(2), event(3));
    await settle();
    expect(ids(second)).toEqual(["1", "2", "3", "1", "2", "3"]);
  });

  test("gets what the last one posted before it goes on", async () => {
    const [first, second] = await share(2, event(1));
    network.requests[0].push(event(2));
    await vi.waitFor(() => expect(ids(first)).toEqual(["1", "2"]));
    first.source.close();
    await handOver();
    expect(network.requests[1].headers["Last-Event-ID"]).toBe("2");
    expect(ids(second)).toEqual(["1", "2"]);
  });

  test("that joined late and heard nothing knows where the stream is", async () => {
    const [first] = await share(1, event(7));
    join();
    await settle();
    first.source.close();
    await handOver();
    expect(network.requests[1].headers["Last-Event-ID"]).toBe("7");
  });

  test("finds what a tab got since it joined", async () => {
    const [first, second] = await share(2, event(7));
    const late = join();
    await settle();
    await missedBy([1], event(8));
    first.source.close();
    await handOver();
    network.requests[1].stream(event(8), event(9));
    await settle();
    expect([ids(second), ids(late)]).toEqual([["7", "8", "9"], ["8", "9"]]);
  });

  test("of a server that uses ids again drops what came last alone", async () => {
    const [first, , third] = await share(3, event(1), event(2), event(1));
    await missedBy([1], event(3));
    first.source.close();
    await handOver();
    network.requests[1].stream(event(3), event(2));
    await settle();
    expect(ids(third)).toEqual(["1", "2", "1", "3", "2"]);
  });

  test("is not looked for by a tab that was closed", async () => {
    const [first, second, third] = await share(3, event(1));
    second.source.close();
    first.source.close();
    await handOver();
    network.requests[1].stream(event(2));
    await settle();
    expect([ids(second), ids(third), network.requests.length]).toEqual([["1"], ["1", "2"], 2]);
  });

  test("closed in the moment before it leads hands on", async () => {
    const [first, second, third] = await share(3, event(1));
    first.source.close();
    await settle();
    second.source.close();
    await handOver();
    network.requests[1].stream(event(2));
    await settle();
    expect([ids(third), network.requests.length]).toEqual([["1", "2"], 2]);
  });
});

test("ids older than the last thousand are forgotten", async () => {
  const many = Array.from({ length: 1001 }, (_, n) => event(n)).join("");
  const [first, second, third] = await share(3, event("0"));
  await missedBy([1], many);
  first.source.close();
  await handOver();
  network.requests[1].stream(event(1000));
  await settle();
  expect(ids(third).filter((id) => id === "1000")).toEqual(["1000", "1000"]);
});

test("a page kept for going back gives its lead up, and joins the others when it is shown", async () => {
  const hide = Object.assign(new Event("pagehide"), { persisted: true });
  const first = join();
  await handOver();
  network.requests[0].stream(event(1));
  await settle();
  const other = new EventTarget();
  vi.stubGlobal("addEventListener", other.addEventListener.bind(other));
  const second = join();
  await settle();
  page.dispatchEvent(hide);
  await handOver();
  network.requests[1].stream(event(2));
  await settle();
  other.dispatchEvent(new Event("pageshow"));
  await handOver();
  network.requests[1].push(event(3));
  await settle();
  expect([ids(first), ids(second)]).toEqual([["1", "3"], ["2", "3"]]);
  const heard = [];
  const [{ name }] = channels;
  new BroadcastChannel(name).onmessage = ({ data }) => heard.push(data);
  join();
  await settle();
  expect(heard).toEqual([{ ask: true }, { open: "3" }]);
  expect(network.requests.length).toBe(2);
});
