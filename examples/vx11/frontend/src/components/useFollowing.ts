import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { PanelEvent } from "../events/event";

/** Pixels from the end within which a list counts as scrolled to it. */
const NEAR = 32;

export interface Following {
  readonly list: React.RefObject<HTMLUListElement | null>;
  readonly following: boolean;
  readonly setFollowing: (following: boolean) => void;
  /** Scrolls to a part of the list, which then stays where it is. */
  readonly reveal: (part: Element) => void;
  /** How many events came since the list was scrolled away from its end. */
  readonly newCount: number;
}

/** Keep the list scrolled to its end until somebody scrolls away, and again when they come back. */
export function useFollowing(events: readonly PanelEvent[]): Following {
  const list = useRef<HTMLUListElement>(null);
  const [following, setFollowing] = useState(true);
  const newest = events.at(-1)?.key ?? 0;
  const seen = useRef(0);

  useLayoutEffect(() => {
    if (!following) return;
    seen.current = newest;
    if (list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [following, newest, events]);

  // Whether the list stands where it was scrolled to for somebody, who has not scrolled it since.
  const held = useRef(false);
  const reveal = useCallback((part: Element) => {
    held.current = true;
    setFollowing(false);
    part.scrollIntoView({ block: "nearest" });
  }, []);

  useEffect(() => watchScrolling(list.current, held, setFollowing), []);
  const newCount = following ? 0 : events.filter((event) => event.key > seen.current).length;
  return { list, following, setFollowing, reveal, newCount };
}

const INPUTS = ["wheel", "touchmove", "pointerdown", "keydown"];

function watchScrolling(
  element: HTMLElement | null,
  held: React.RefObject<boolean>,
  setFollowing: (following: boolean) => void,
): (() => void) | undefined {
  if (element === null) return undefined;
  const watching = new AbortController();
  const options = { passive: true, signal: watching.signal };
  let last = element.scrollTop;
  const scrolled = () => {
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR;
    // Rows that grow or go move the list too; only somebody who reads moves it up.
    if (atEnd && !held.current) setFollowing(true);
    else if (element.scrollTop < last) setFollowing(false);
    last = element.scrollTop;
  };
  element.addEventListener("scroll", scrolled, options);
  for (const input of INPUTS) element.addEventListener(input, () => (held.current = false), options);
  return () => watching.abort();
}
