// The console's own event stream, opened by an ephemeral token as any client would.

import { EphemeralEventSource } from "./event-source.js";

const EVENTS = "/console/events";
const ISSUE_PATH = "/console/token";

/** Opens it; `handlers` take the data of each event by name, `status(state, reason)` is told how it goes.
 *
 * The state is connecting, live, reconnecting, refused (the admin token is no longer taken) or closed.
 */
export function connect({ token, handlers, status, Source = EphemeralEventSource }) {
  let source;

  function open() {
    source?.close();
    source = new Source(EVENTS, { issuePath: ISSUE_PATH, token, header: "Authorization" });
    source.addEventListener("open", () => status("live", ""));
    source.addEventListener("error", told);
    for (const [name, take] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => take(JSON.parse(event.data)));
    }
    status("connecting", "");
  }

  function told(event) {
    const isOver = source.readyState === Source.CLOSED;
    if (isOver && event.code === 401) status("refused", reasonOf(event));
    else status(isOver ? "closed" : "reconnecting", reasonOf(event));
  }

  open();
  return { close: () => source.close(), open };
}

/** Says why a stream is not there, in words; `code` is the answer's status, 0 where there was none. */
export function reasonOf({ code, reason }, isOnline = navigator.onLine) {
  if (!isOnline) return "this machine is offline";
  if (!code) return "the gateway does not answer";
  if (code === 429) return "as many consoles as may be are open";
  if (code === 503) return "the gateway is not available just now";
  return `the gateway answered ${code}${reason ? ` (${reason})` : ""}`;
}
