/** The panel's event stream: Tentáculo's client with the operator's paths. */

import { EphemeralEventSource } from "tentaculo-event-source";

import type { Received } from "../events/event";
import { ANNOUNCEMENTS } from "./sentences";

export const ISSUE_PATH = "/operator/api/events/sse-token";
export const STREAM_PATH = "/operator/api/events/stream";

/** The operator sends its events without a name; a service may name them by what they are. */
export const EVENT_NAMES = ["message", "event", "command", "figures"];

export interface StreamHandlers {
  opened(): void;
  received(event: Received): void;
  announced(name: string): void;
  failed(code: number, reason: string, final: boolean): void;
}

export interface StreamOptions {
  readonly token: () => string;
  /** Tabs of one group share a stream. */
  readonly group: string | true;
  /** Where to go on; empty to begin with what is new. */
  readonly lastEventId: string;
}

/** Open the stream; it comes back by itself until it is closed or says that it failed for good. */
export function openStream(options: StreamOptions, handlers: StreamHandlers): EphemeralEventSource {
  const source = new EphemeralEventSource(streamUrl(options.lastEventId), {
    issuePath: ISSUE_PATH,
    token: options.token,
    shared: options.group,
  });
  source.addEventListener("open", () => handlers.opened());
  source.addEventListener("error", (event) => {
    const { code = 0, reason = "" } = event as Event & { code?: number; reason?: string };
    handlers.failed(code, reason, source.readyState === EphemeralEventSource.CLOSED);
  });
  for (const name of EVENT_NAMES) source.addEventListener(name, (event) => receive(event, handlers));
  for (const name of ANNOUNCEMENTS) source.addEventListener(name, () => handlers.announced(name));
  return source;
}

function receive(event: Event, handlers: StreamHandlers): void {
  const { type, data, lastEventId } = event as MessageEvent<string>;
  handlers.received({ name: type, data, lastEventId });
}

function streamUrl(lastEventId: string): string {
  return lastEventId === "" ? STREAM_PATH : `${STREAM_PATH}?last_event_id=${encodeURIComponent(lastEventId)}`;
}
