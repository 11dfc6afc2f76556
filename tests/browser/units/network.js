/** A network in place of fetch: every request waits until the test answers it. */

import { vi } from "vitest";

import { EphemeralEventSource } from "../../../tentaculo/browser/event-source.js";

export const URL_OF_STREAM = "http://gateway.test/events";
export const EVENT_STREAM = { "Content-Type": "text/event-stream" };
export const PROBLEM = { "Content-Type": "application/problem+json" };

const bytes = (piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece);

class Request {
  constructor(url, { signal, ...init }) {
    Object.assign(this, { url: String(url), signal, ...init });
    this.answered = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.lose = () => reject(new TypeError("network"));
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort);
    });
  }

  answer(status, fields = {}, body = null, told = {}) {
    const response = new Response(body, { status, headers: fields });
    const more = Object.getOwnPropertyDescriptors({ url: this.url, ...told });
    this.resolve(Object.defineProperties(response, more));
  }

  refuse(status, code, fields = {}) {
    this.answer(status, { ...PROBLEM, ...fields }, JSON.stringify({ code }));
  }

  issue(issued) {
    this.answer(200, { "Content-Type": "application/json" }, JSON.stringify({ ttl_sec: 60, ...issued }));
  }

  /** Answer with an event stream of these pieces, which goes on until `end`. */
  stream(...pieces) {
    const body = new ReadableStream({ start: (controller) => (this.controller = controller) });
    this.signal.addEventListener("abort", () => this.controller.error(this.signal.reason));
    this.answer(200, EVENT_STREAM, body);
    this.push(...pieces);
  }

  push(...pieces) {
    for (const piece of pieces) this.controller.enqueue(bytes(piece));
  }

  end() {
    this.controller.close();
  }
}

export class Network {
  requests = [];
  #waiting = [];

  constructor() {
    vi.stubGlobal("fetch", (url, init) => {
      const request = new Request(url, init);
      this.requests.push(request);
      this.#waiting.splice(0).forEach((check) => check());
      return request.answered;
    });
  }

  /** Wait until there are so many requests, and return the last of these. */
  async request(count) {
    while (this.requests.length < count) await new Promise((resolve) => this.#waiting.push(resolve));
    return this.requests[count - 1];
  }
}

/** An EphemeralEventSource with a log of all that it dispatched. */
export function open(options, { url = URL_OF_STREAM, types = [] } = {}) {
  const source = new EphemeralEventSource(url, options);
  const log = [];
  for (const type of new Set(["open", "message", "error", ...types]))
    source.addEventListener(type, (event) => {
      const { data, lastEventId, code, reason } = event;
      if (event instanceof MessageEvent) log.push([type, data, lastEventId]);
      else log.push(type === "open" ? [type] : [type, code, reason, source.readyState]);
    });
  return { source, log };
}

/** Let everything happen that waits for no timer and no answer. */
export async function settle() {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}
