import type { EphemeralEventSource, EphemeralEventSourceInit } from "./event-source.js";

/** Options of the source, and what the hook does with it; functions may be new ones in every render. */
export interface UseEventStreamOptions extends EphemeralEventSourceInit {
  /** Hears every `message`, and every event named in `events`. */
  onEvent?: (event: MessageEvent) => void;
  /** Names of events besides `message`. */
  events?: readonly string[];
  /** False keeps the stream closed; true unless given. */
  enabled?: boolean;
}

export interface EventStream {
  state: "connecting" | "open" | "closed";
  /** The latest failure, until the stream opens again. */
  error: { code: number; reason: string } | null;
  /** Null until the component is mounted, and while it is not enabled. */
  source: EphemeralEventSource | null;
}

/** Keep a stream open while the component is mounted; a new URL or option opens a new one. */
export function useEventStream(url: string | URL, options?: UseEventStreamOptions): EventStream;
