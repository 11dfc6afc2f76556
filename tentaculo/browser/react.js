/** React's way to an EphemeralEventSource. */

import { useEffect, useRef, useState } from "react";

import { EphemeralEventSource } from "./event-source.js";

const STATES = ["connecting", "open", "closed"];
const CONNECTING = { state: "connecting", error: null, source: null };
const CLOSED = { state: "closed", error: null, source: null };

/** Keep a stream open while the component is mounted and `enabled`; a new URL or option opens a new one. */
export function useEventStream(url, options = {}) {
  const { issuePath, token, header, shared, withCredentials, events = [], enabled = true } = options;
  const [stream, setStream] = useState(CONNECTING);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options; // so that a new function is no new stream
  });

  const href = String(url);
  const names = JSON.stringify(events);
  const asks = Boolean(token);
  useEffect(() => {
    if (!enabled) return undefined;
    const provider = asks ? () => latest.current.token() : undefined;
    const init = { issuePath, token: provider, header, shared, withCredentials };
    const source = new EphemeralEventSource(href, init);
    const tell = (error) => setStream({ state: STATES[source.readyState], error, source });
    const hear = (event) => latest.current.onEvent?.(event);
    tell(null);
    source.addEventListener("open", () => tell(null));
    source.addEventListener("error", (event) => {
      if (event.code !== undefined) tell({ code: event.code, reason: event.reason });
    });
    for (const name of new Set(["message", ...JSON.parse(names)])) source.addEventListener(name, hear);
    return () => {
      source.close();
      setStream(CONNECTING);
    };
  }, [href, issuePath, asks, header, shared, withCredentials, names, enabled]);

  return enabled ? stream : CLOSED;
}
