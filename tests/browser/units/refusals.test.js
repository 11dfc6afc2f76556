/** Tokens and answers: what is asked with what, which answers end it, and what nobody gets to see. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { EphemeralEventSource } from "../../../tentaculo/browser/event-source.js";
import { Network, URL_OF_STREAM, open, settle } from "./network.js";

const PRINCIPAL = "principal-secret";
const ISSUED = { sse_token: "ephemeral", endpoint: "/elsewhere" };
const [CONNECTING, OPEN, CLOSED] = [0, 1, 2];

let network, opened;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  network = new Network();
  opened = [];
});

afterEach(() => {
  for (const { source } of opened) source.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function start(options, more) {
  const one = open(options, more);
  opened.push(one);
  return one;
}

const withToken = (options, more) =>
  start({ issuePath: "/token", token: () => PRINCIPAL, ...options }, more);

/** Answer the next request, by its number, and let come what comes of it. */
async function next(number, answer) {
  answer(network.requests[number]);
  await settle();
  await vi.advanceTimersByTimeAsync(0);
}

const refusing = (status, code) => (request) => request.refuse(status, code);
const issuing = (issued) => (request) => request.issue({ ...ISSUED, ...issued });

describe("without issuePath", () => {
  test("it asks as EventSource does", () => {
    start({ withCredentials: true });
    start();
    const [{ url, signal, resolve, lose, answered, ...asked }, other] = network.requests;
    expect([url, asked]).toEqual([
      URL_OF_STREAM,
      {
        headers: { Accept: "text/event-stream" },
        redirect: "follow",
        credentials: "include",
        cache: "no-store",
      },
    ]);
    expect(other.credentials).toBe("same-origin");
  });

  test.each([201, 204, 301, 400, 401, 403, 404, 410, 418])("%i ends it", async (status) => {
    const { source, log } = start();
    await next(0, (request) => request.answer(status));
    expect(log).toEqual([["error", status, "", CLOSED]]);
    expect([source.readyState, network.requests.length, vi.getTimerCount()]).toEqual([CLOSED, 1, 0]);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("%i is tried again", async (status) => {
    const { log } = start();
    await next(0, refusing(status, "busy"));
    expect(log).toEqual([["error", status, "busy", CONNECTING]]);
    expect(network.requests.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  test.each(["text/html", "text/event-streams", "application/x-ndjson", ""])("%o ends it", async (type) => {
    const { log } = start();
    await next(0, (request) => request.answer(200, { "Content-Type": type }, "data: 1\n\n"));
    expect(log).toEqual([["error", 200, "", CLOSED]]);
  });

  test.each([["no JSON", "<p>"], ["no object", "null"], ["no code", "{}"]])(
    "a problem of %s has no reason",
    async (_, body) => {
      const { log } = start();
      await next(0, (request) => request.answer(403, { "Content-Type": "application/json" }, body));
      expect(log).toEqual([["error", 403, "", CLOSED]]);
    },
  );
});

describe("with issuePath", () => {
  test("a token is asked for, and opens the URL that was given", async () => {
    const { source } = withToken({}, { url: `${URL_OF_STREAM}?a=b` });
    await settle();
    const [asked] = network.requests;
    expect([asked.method, asked.url, asked.redirect]).toEqual(["POST", "http://gateway.test/token", "error"]);
    expect(asked.headers).toEqual({ "X-VX11-Token": PRINCIPAL });
    await next(0, issuing());
    const [, stream] = network.requests;
    expect([stream.url, stream.redirect]).toEqual([`${URL_OF_STREAM}?a=b&token=ephemeral`, "error"]);
    expect(stream.headers).toEqual({ Accept: "text/event-stream" });
    expect(source.url).toBe(`${URL_OF_STREAM}?a=b`);
  });

  test.each([
    ["a parameter", { parameter: "key" }, `${URL_OF_STREAM}?key=ephemeral`, {}],
    ["a header", { header: "X-VX11-Token" }, URL_OF_STREAM, { "X-VX11-Token": "ephemeral" }],
    ["a bearer", { header: "Authorization" }, URL_OF_STREAM, { Authorization: "Bearer ephemeral" }],
    ["a cookie", { sse_token: undefined }, URL_OF_STREAM, {}],
  ])("the token goes in %s", async (_, issued, url, headers) => {
    withToken();
    await settle();
    await next(0, issuing(issued));
    expect(network.requests[1].url).toBe(url);
    expect(network.requests[1].headers).toEqual({ Accept: "text/event-stream", ...headers });
  });

  test("Authorization says Bearer, and who has no token says nothing", async () => {
    withToken({ header: "authorization" });
    start({ issuePath: "/token" });
    await settle();
    expect(network.requests.map(({ headers }) => headers)).toEqual([
      { authorization: `Bearer ${PRINCIPAL}` },
      {},
    ]);
  });

  test("a token of any letters goes out as UTF-8", async () => {
    withToken({ token: () => "é☃" });
    withToken({ token: () => "é☃", header: "Authorization" });
    await settle();
    expect(network.requests.map(({ headers }) => headers)).toEqual([
      { "X-VX11-Token": "Ã©â\u0098\u0083" },
      { Authorization: "Bearer Ã©â\u0098\u0083" },
    ]);
  });

  test("every opening has a token of its own and the last id in the query", async () => {
    const token = vi.fn(async () => PRINCIPAL);
    withToken({ token }, { url: `${URL_OF_STREAM}?last_event_id=3` });
    await settle();
    await next(0, issuing());
    expect(network.requests[1].url).toBe(`${URL_OF_STREAM}?last_event_id=3&token=ephemeral`);
    await next(1, (request) => {
      request.stream("id: é 7\ndata: 1\n\n");
      request.end();
    });
    await next(2, issuing({ sse_token: "another" }));
    const { searchParams } = new URL(network.requests[3].url);
    expect([...searchParams].sort()).toEqual([["last_event_id", "é 7"], ["token", "another"]]);
    expect(network.requests[3].headers).toEqual({ Accept: "text/event-stream" });
    expect(token).toHaveBeenCalledTimes(2);
  });

  test.each([[401, "unauthorized"], [403, "blocked"], [404, "not_found"]])(
    "%i of the issuing call ends it",
    async (status, code) => {
      const { log } = withToken();
      await settle();
      await next(0, refusing(status, code));
      expect(log).toEqual([["error", status, code, CLOSED]]);
      expect(network.requests.length).toBe(1);
    },
  );

  test.each([429, 503])("%i of the issuing call is tried again", async (status) => {
    const { log } = withToken();
    await settle();
    await next(0, refusing(status, "later"));
    expect(log).toEqual([["error", status, "later", CONNECTING]]);
    expect(network.requests.length).toBe(2);
  });

  test("a 401 of the stream is believed the second time", async () => {
    const { log } = withToken();
    await settle();
    const answers = [issuing(), refusing(401, "used"), issuing(), refusing(503, ""), issuing()];
    answers.push(refusing(401, "used"), issuing(), refusing(401, "used"));
    for (const [number, answer] of answers.entries()) await next(number, answer);
    const codes = [[401, CONNECTING], [503, CONNECTING], [401, CONNECTING], [401, CLOSED]];
    expect(log.map(([, code, , state]) => [code, state])).toEqual(codes);
    expect(network.requests.length).toBe(8);
  });

  test.each([
    ["throws", () => { throw new Error(PRINCIPAL); }],
    ["rejects", () => Promise.reject(Object.assign(new Error(), { code: 401, final: true }))],
    ["rejects with nothing", () => Promise.reject()],
  ])("a provider that %s is asked again", async (_, token) => {
    const asked = vi.fn(token);
    const { log } = withToken({ token: asked });
    await settle();
    expect(log).toEqual([["error", 0, "", CONNECTING]]);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveBeenCalledTimes(2);
    expect(network.requests.length).toBe(0);
  });

  test("nothing that can be reached from a source holds a token", async () => {
    const { source, log } = withToken();
    await settle();
    await next(0, issuing());
    await next(1, (request) => request.stream("data: 1\n\n"));
    expect(JSON.stringify([source, Object.getOwnPropertyNames(source), source.url, log])).not.toMatch(
      /secret|ephemeral/,
    );
  });
});

describe("close", () => {
  test("ends an issuing call, and nothing is dispatched afterwards", async () => {
    const { source, log } = withToken();
    await settle();
    source.close();
    expect([network.requests[0].signal.aborted, source.readyState]).toEqual([true, CLOSED]);
    await vi.runAllTimersAsync();
    expect([log, network.requests.length, vi.getTimerCount()]).toEqual([[], 1, 0]);
  });

  test("asks nobody once the provider has answered", async () => {
    let answer;
    const { source, log } = withToken({ token: () => new Promise((resolve) => (answer = resolve)) });
    source.close();
    answer(PRINCIPAL);
    await settle();
    expect([log, network.requests.every(({ signal }) => signal.aborted)]).toEqual([[], true]);
  });

  test("in a listener leaves the rest of the piece alone", async () => {
    const { source, log } = start();
    source.onmessage = () => source.close();
    network.requests[0].stream("data: 1\n\ndata: 2\n\n");
    await settle();
    expect(log).toEqual([["open"], ["message", "1", ""]]);
    expect(network.requests[0].signal.aborted).toBe(true);
  });

  test("ends a wait", async () => {
    const { source } = start();
    await next(0, refusing(503, ""));
    await next(1, refusing(503, ""));
    source.close();
    await vi.runAllTimersAsync();
    expect([vi.getTimerCount(), network.requests.length]).toEqual([0, 3]);
  });
});

describe("the interface", () => {
  test("has EventSource's constants, on the class and on each source", () => {
    const { source } = start();
    for (const holder of [EphemeralEventSource, source])
      expect([holder.CONNECTING, holder.OPEN, holder.CLOSED]).toEqual([CONNECTING, OPEN, CLOSED]);
    const { url, withCredentials, readyState } = source;
    expect([url, withCredentials, readyState]).toEqual([URL_OF_STREAM, false, CONNECTING]);
  });

  test("takes no URL that is none, and does not repeat it", () => {
    expect(() => new EphemeralEventSource("http://[secret")).toThrow(
      expect.objectContaining({ name: "SyntaxError", message: expect.not.stringContaining("secret") }),
    );
  });

  test("has handlers that may be put on and taken off", async () => {
    const { source } = start();
    expect([source.onopen, source.onmessage, source.onerror]).toEqual([null, null, null]);
    const heard = [];
    source.onopen = function () {
      heard.push(this === source);
    };
    source.onmessage = ({ data, origin }) => {
      heard.push(data, origin);
      source.onmessage = null;
    };
    network.requests[0].stream("data: 1\n\ndata: 2\n\n");
    await settle();
    expect(heard).toEqual([true, "1", "http://gateway.test"]);
  });

  test("takes null for no options", () => {
    start(null);
    expect(network.requests.length).toBe(1);
  });
});
