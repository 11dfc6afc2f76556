import { useCallback, useLayoutEffect, useRef, useState } from "react";

import type { PanelEvent } from "../events/event";

/** Rows at first: to lay out a thousand at once would hold the page up. */
export const STEP = 250;

export interface Older {
  /** The events that have a row. */
  readonly shown: readonly PanelEvent[];
  readonly olderCount: number;
  readonly showOlder: () => void;
  /** Gives rows to an event and to all that came after it. */
  readonly showFrom: (key: number) => void;
}

/** Show the newest events; who stopped following keeps the rows they have, and may ask for older ones. */
export function useOlder(events: readonly PanelEvent[], following: boolean): Older {
  const first = useRef(0);
  const [, renew] = useState(0);
  const start = following ? Math.max(0, events.length - STEP) : indexFrom(events, first.current);

  useLayoutEffect(() => {
    if (following) first.current = events[start]?.key ?? 0;
  }, [following, events, start]);

  const showFrom = useCallback((key: number) => {
    first.current = Math.min(first.current, key);
    renew((count) => count + 1);
  }, []);
  const showOlder = () => showFrom(events[Math.max(0, start - STEP)]?.key ?? 0);
  return { shown: start === 0 ? events : events.slice(start), olderCount: start, showOlder, showFrom };
}

/** Return the place of the first event that is not older than one with this key. */
export function indexFrom(events: readonly PanelEvent[], key: number): number {
  const index = events.findIndex((event) => event.key >= key);
  return index < 0 ? events.length : index;
}
