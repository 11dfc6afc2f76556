/** EventSource on fetch, with ephemeral tokens; the README has what differs from the native one. */

const STATES = { CONNECTING: 0, OPEN: 1, CLOSED: 2 };
const { CONNECTING, OPEN, CLOSED } = STATES;
const EVENTS = /^text\/event-stream\s*(;|$)/i;
const JSON_TYPES = /^application\/(problem\+)?json/i;
const DIGITS = /^\d+$/;
const KEPT_IDS = 1000;
const TICK_MS = 15_000;
const ASLEEP_MS = 90_000; // hidden pages tick each minute
const LONGEST_WAIT_MS = 2 ** 31 - 1; // a longer timer fires at once
const HANDOVER_MS = 50;

/** Why there is no stream; after a `final` one there will be none. */
class Failure {
  code = 0;
  reason = "";
  after = 0;
  final = false;
}

// Headers are bytes.
const bytes = (value) => String.fromCharCode(...new TextEncoder().encode(value));
const credential = (header, token) => ({
  [header]: bytes(/^authorization$/i.test(header) ? `Bearer ${token}` : token),
});

/** Set a parameter, `name=`, and leave the others byte for byte. */
const add = (url, name, value) => {
  const others = url.search.slice(1).split("&").filter((one) => one && !one.startsWith(name));
  url.search = [...others, name + encodeURIComponent(value)].join("&");
};

// It comes back behind all else.
function announce(name) {
  const channel = new BroadcastChannel(name);
  channel.postMessage({ lead: true });
  channel.close();
}

/** Return what takes a stream's chunks (WHATWG HTML, 9.2.6) and tells `on`. */
function parser(id, on) {
  const decoder = new TextDecoder();
  let [pending, afterCr, data, type, own] = ["", false, "", "", false];
  const take = (line) => {
    const [, name, value] = /([^:]*):? ?(.*)/s.exec(line);
    if (name === "") on.comment();
    else if (name === "data") data += "\n" + value;
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) [id, own] = [value, true];
    else if (name === "retry" && DIGITS.test(value)) on.retry(+value);
  };
  const finish = () => {
    if (data || own) on.event({ type, data, id, own });
    [data, type, own] = ["", "", false];
  };
  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (!text) return;
    if (afterCr && text[0] === "\n") text = text.slice(1);
    afterCr = text.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = pending + lines[0]; // a long line is copied once, when read
    pending = lines.pop();
    for (const line of lines) line ? take(line) : finish();
  };
}

export class EphemeralEventSource extends EventTarget {
  #options;
  #url;
  #target;
  #state = CONNECTING;
  #life;
  #attempt;
  #channel;
  #lead;
  #id = "";
  #ids = new Set();
  #skip = new Set();
  #retry = 0;
  #failures = 0;
  #refused;
  #wake;
  #watch;
  #ticked;
  #heard;
  #beats;
  #silence = TICK_MS;

  constructor(url, options) {
    super();
    this.#options = options ?? {};
    const base = globalThis.document?.baseURI ?? globalThis.location?.href;
    try {
      this.#url = this.#target = new URL(url, base).href;
    } catch {
      throw new DOMException("not a URL", "SyntaxError");
    }
    for (const name of ["onopen", "onmessage", "onerror"]) {
      this[name] = null;
      this.addEventListener(name.slice(2), (event) => this[name]?.(event));
    }
    this.#join();
  }

  get url() {
    return this.#url;
  }

  get withCredentials() {
    return !!this.#options.withCredentials;
  }

  get readyState() {
    return this.#state;
  }

  close() {
    this.#state = CLOSED;
    this.#leave();
  }

  #join() {
    const { signal } = (this.#life = new AbortController());
    const listen = (type, listener) => globalThis.addEventListener?.(type, listener, { signal });
    listen("online", () => this.#wake?.());
    listen("pagehide", ({ persisted }) => persisted && this.#rest());
    this.#ticked = Date.now();
    this.#watch = setInterval(() => this.#look(), TICK_MS);
    const shares = this.#options.shared && globalThis.navigator?.locks && globalThis.BroadcastChannel;
    if (shares) this.#share(signal);
    else this.#run(signal);
  }

  /** Follow who holds the lock, until it is ours. */
  #share(signal) {
    const { issuePath, shared } = this.#options;
    const name = JSON.stringify([this.#url, issuePath, shared]);
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => (data.lead ? this.#lead?.() : this.#take(data));
    this.#channel.postMessage({ ask: true });
    const hold = (release) => {
      signal.onabort = release;
      this.#lead = () => {
        this.#lead = null;
        this.#run(signal);
      };
      setTimeout(announce, HANDOVER_MS, name);
    };
    const alone = () => {
      if (signal.aborted) return;
      this.#channel = this.#channel.close();
      this.#run(signal);
    };
    navigator.locks.request(name, { signal }, () => signal.aborted || new Promise(hold)).catch(alone);
  }

  #leave() {
    clearInterval(this.#watch);
    this.#life.abort();
    this.#hurry();
    this.#attempt = null;
    this.#channel?.close();
  }

  /** A page kept for "back" may keep no lock. */
  #rest() {
    this.#leave();
    addEventListener("pageshow", () => this.#state === CLOSED || this.#join(), { once: true });
  }

  /** Connect again and again while `life` lasts. */
  async #run(life) {
    if (!life.aborted) this.#tell({ from: this.#id });
    while (!life.aborted) {
      const attempt = (this.#attempt = new AbortController());
      const thrown = await this.#connect(attempt.signal).catch((error) => error);
      if (life.aborted) return;
      const failure = thrown instanceof Failure ? thrown : new Failure();
      const hurried = attempt.signal.aborted;
      attempt.abort(); // the rest of an answer
      this.#expect(false);
      this.#refused = failure.code === 401;
      this.#tell({ failure });
      if (!hurried) await this.#wait(failure.after);
    }
  }

  #wait(after) {
    const share = Math.random() * Math.min(30_000, (this.#retry || 1000) * 2 ** this.#failures++);
    const ms = Math.min(Math.max(this.#retry, after || 0) + share, LONGEST_WAIT_MS);
    return new Promise((resolve) => {
      this.#wake = resolve;
      const due = () => (globalThis.navigator?.onLine === false ? setTimeout(due, TICK_MS) : resolve());
      setTimeout(due, ms);
    });
  }

  async #connect(signal) {
    const issues = this.#options.issuePath !== undefined;
    const target = new URL(this.#target);
    const headers = { Accept: "text/event-stream" };
    if (issues) await this.#issue(target, headers, signal);
    if (issues && this.#id) add(target, "last_event_id=", this.#id);
    else if (this.#id) headers["Last-Event-ID"] = bytes(this.#id);
    const asked = { headers, redirect: issues ? "error" : "follow", signal };
    const answer = await this.#ask(target, EVENTS, asked, issues && !this.#refused && 401);
    if (answer.redirected) this.#target = answer.url;
    await this.#read(answer.body.getReader(), new URL(answer.url || target).origin, signal);
  }

  async #issue(target, headers, signal) {
    const { issuePath, token, header = "X-VX11-Token" } = this.#options;
    const principal = await token?.();
    const sent = principal ? credential(header, principal) : {};
    const asked = { method: "POST", headers: sent, redirect: "error", signal };
    const answer = await this.#ask(new URL(issuePath, this.#url), JSON_TYPES, asked);
    const issued = await answer.json();
    if (issued.header) Object.assign(headers, credential(issued.header, issued.sse_token));
    else if (issued.sse_token) add(target, `${issued.parameter ?? "token"}=`, issued.sse_token);
  }

  async #ask(url, types, asked, spared) {
    this.#expect(types === JSON_TYPES);
    const credentials = this.withCredentials ? "include" : "same-origin";
    const answer = await fetch(url, { ...asked, credentials, cache: "no-store" });
    const { status: code, headers } = answer;
    const type = headers.get("Content-Type") ?? "";
    if (code === 200 && types.test(type)) return answer;
    this.#expect(true);
    const problem = code >= 400 && JSON_TYPES.test(type) && (await answer.json().catch(() => {}));
    const wait = headers.get("Retry-After");
    throw Object.assign(new Failure(), {
      code,
      reason: (problem?.code ?? "") + "",
      after: DIGITS.test(wait) ? wait * 1000 : /GMT$/.test(wait) && Date.parse(wait) - Date.now(),
      final: code < 500 && ![408, 425, 429, spared].includes(code),
    });
  }

  async #read(reader, origin, signal) {
    const parse = parser(this.#id, {
      comment: () => (this.#beats = true),
      event: (event) => this.#tell({ event, origin }),
      retry: (ms) => (this.#retry = ms),
    });
    this.#expect(false);
    this.#tell({ open: this.#id });
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.#hear();
      parse(value);
    }
  }

  #expect(beats) {
    this.#heard = Date.now();
    this.#beats = beats;
  }

  #hear() {
    const now = Date.now();
    if (now - this.#ticked < ASLEEP_MS) this.#silence = Math.max(this.#silence, now - this.#heard);
    this.#heard = now;
    this.#failures = 0;
  }

  /** Notice that the machine slept, or no beat comes. */
  #look() {
    const now = Date.now();
    const slept = now - this.#ticked > ASLEEP_MS;
    const silent = this.#beats && now - this.#heard > 3 * this.#silence;
    this.#ticked = now;
    if (silent && !slept) this.#silence *= 2; // its beat may be slow
    if (silent || slept) this.#hurry();
  }

  #hurry() {
    this.#attempt?.abort();
    this.#wake?.();
  }

  #tell(news) {
    this.#channel?.postMessage(news);
    this.#take(news);
  }

  #take({ ask, from, open, event, origin, failure }) {
    if (this.#state === CLOSED) return;
    if (ask && this.#attempt && this.#state === OPEN) this.#channel.postMessage({ open: this.#id });
    if (from !== undefined) this.#follow(from);
    if (open !== undefined || event) this.#opened(open);
    if (event) this.#receive(event, origin);
    if (failure) this.#failed(failure);
  }

  /** A new leader goes on behind `from`; some of it came already. */
  #follow(from) {
    const ids = [...this.#ids];
    this.#skip = new Set(ids.slice(ids.indexOf(from) + 1 || ids.length));
  }

  #opened(id = this.#id) {
    this.#id = id;
    this.#ids.add(id);
    if (this.#state === OPEN) return;
    this.#state = OPEN;
    this.dispatchEvent(new Event("open"));
  }

  #receive({ type, data, id, own }, origin) {
    this.#id = id;
    if (own) {
      if (this.#skip.has(id)) return;
      this.#skip.clear();
      this.#ids.delete(id);
      this.#ids.add(id);
      const [oldest] = this.#ids;
      if (this.#ids.size > KEPT_IDS) this.#ids.delete(oldest);
    }
    const init = { data: data.slice(1), lastEventId: id, origin };
    if (data && this.#state === OPEN) this.dispatchEvent(new MessageEvent(type || "message", init));
  }

  #failed({ code, reason, final }) {
    if (final) this.close();
    else this.#state = CONNECTING;
    this.dispatchEvent(Object.assign(new Event("error"), { code, reason }));
  }
}

for (const holder of [EphemeralEventSource, EphemeralEventSource.prototype]) Object.assign(holder, STATES);
