/** The parser, in every split of hostile streams, against one that is slow and plain. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Network, open, settle } from "./network.js";
import { read } from "./reference.js";

const BOM = "\ufeff";
const TYPES = ["news", " news", "données", "toString", "__proto__"];

// Not two marks in a row: Node's decoder drops both when the first is split, a browser's one alone.
const CORPUS = {
  bom: `${BOM}data: 1\n\n${BOM}data: 2\n\ndata: 3\n\n`,
  "line ends": "data:1\rdata:2\ndata:3\r\ndata:4\r\n\r\ndata:5\n\rdata:6\r\n\rdata:7\r\r\n",
  "blank lines": "\n\r\r\n\n\n\r\rdata: 1\n\n\n\n\n\ndata: 2\n\n",
  "no line ends": "data:1\v2\f3\x1c4\x855\u20286\u2029\n\n",
  comments: ":x\r:\0\n:\r\ndata:1\n:::\ndata:2\n: data:3\n:\n\n",
  "no colon": "data\n\ndata\ndata\n\nevent\nid\nretry\ndata: 1\n\n",
  "one space": "data:  1\ndata:\t2\ndata: \ndata:3 \n\n",
  colons: "data:a:b: c\ndata:::\n\n",
  "other fields": "Data: 1\n data: 2\ndata : 3\ndatas: 4\ntoString: 5\n__proto__: 6\nid2\n\ndata: 7\n\n",
  types: "event: news\ndata: 1\n\ndata: 2\n\nevent:  news\ndata: 3\n\nevent: x\n\ndata: 4\n\n",
  "odd types":
    "event: __proto__\ndata: 1\n\nevent: toString\ndata: 2\n\n" +
    "event: données\ndata: 3\n\nevent: news\nevent\ndata: 4\n\n",
  ids: "id: 1\ndata: 1\n\ndata: 2\n\nid: 3\n\nid\ndata: 4\n\nid: 5\nid: 6\ndata: 5\n\n",
  "ids with nul": "id: 1\n\nid: 2\0\nid: \0\ndata: 1\n\nid:\0\n\n",
  "utf-8 ids": "id: é€😀\ndata: 1\n\n",
  "unfinished id": "id: 1\ndata: 1\n\nid: 2\ndata: 2\n",
  "unfinished line": "id: 1\ndata: 1\r\rid: 2\rdata: 2",
  "unfinished cr": "id: 1\ndata: 1\n\nid: 2\ndata: 2\r",
  retries: "retry: 7\nretry: x\nretry:  8\nretry: 9 \nretry: \u0661\nretry: +1\n\n",
  "utf-8": "data: é€😀\u0301\u{10ffff}\r\ndata:\0\n\n",
};
const NOT_UTF_8 = "data: \xff1\xc32\xed\xa0\x803\xf0\x9f\x984\xc0\x80\n\ndata: \xe2\x82\n\ndata: \xf0\x9f";

const encode = (text) => new TextEncoder().encode(text);
const streams = Object.entries(CORPUS).map(([name, text]) => [name, encode(text)]);
streams.push(["not utf-8", Uint8Array.from(NOT_UTF_8, (character) => character.charCodeAt(0))]);

const inPieces = (bytes, size) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));

function* splits(bytes) {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  yield Array.from(bytes, (_, at) => [bytes.subarray(at, at), bytes.subarray(at, at + 1)]).flat();
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
  for (let size = 2; size < 8; size += 1)
    yield inPieces(bytes, size);
}

/** Return what a page gets of the pieces, the id that comes back, and how long that takes. */
async function parse(network, pieces) {
  network.requests.length = 0;
  const { source, log } = open({}, { types: TYPES });
  network.requests[0].stream(...pieces);
  network.requests[0].end();
  while (log.at(-1)?.[0] !== "error") await settle();
  const waited = vi.getTimerCount();
  await vi.advanceTimersToNextTimerAsync();
  const header = network.requests[1].headers["Last-Event-ID"] ?? "";
  source.close();
  expect([log[0], log.at(-1), waited]).toEqual([["open"], ["error", 0, "", 0], 2]);
  const lastId = new TextDecoder().decode(Uint8Array.from(header, (character) => character.charCodeAt(0)));
  return { events: log.slice(1, -1), lastId };
}

let network;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  network = new Network();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test.each(streams)("every split of: %s", async (_, bytes) => {
  const { events, lastId } = read(bytes);
  const heard = events.filter(([type]) => type === "message" || TYPES.includes(type));
  for (const pieces of splits(bytes)) expect(await parse(network, pieces)).toEqual({ events: heard, lastId });
});

test("the reference reads the standard's own examples", () => {
  const stock = "data: YHOO\ndata: +2\ndata: 10\n\n";
  expect(read(encode(stock)).events).toEqual([["message", "YHOO\n+2\n10", ""]]);
  const four = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n";
  const events = [["message", "first event", "1"], ["message", "second event", ""]];
  expect(read(encode(four)).events).toEqual(events);
});

describe("large streams", () => {
  test("a line of five MiB in small pieces is read once", async () => {
    const data = "0123456789abcdé€".repeat((5 * 2 ** 20) / 19);
    const { events } = await parse(network, inPieces(encode(`data: ${data}\n\n`), 128));
    expect(events.length).toBe(1);
    expect(events[0][1] === data).toBe(true);
  });

  test("many events in one piece come in order", async () => {
    const numbers = Array.from({ length: 20_000 }, (_, number) => String(number));
    const text = numbers.map((number) => `id: ${number}\ndata: ${number}\n\n`).join("");
    const { events } = await parse(network, [encode(text)]);
    expect(events).toEqual(numbers.map((number) => ["message", number, number]));
  });
});
