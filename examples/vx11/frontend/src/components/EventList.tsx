import { useCallback, useEffect, useRef, useState } from "react";

import type { PanelEvent } from "../events/event";
import { plural } from "../events/format";
import { EventRow } from "./EventRow";
import { STEP } from "./useOlder";

/** An event that somebody asked to be shown; made anew each time they do. */
export interface Wanted {
  readonly key: number;
}

interface Props {
  readonly list: React.RefObject<HTMLUListElement | null>;
  readonly events: readonly PanelEvent[];
  readonly olderCount: number;
  readonly onOlder: () => void;
  readonly highlighted: string;
  readonly wanted: Wanted | null;
  readonly onFilterText: (text: string) => void;
  readonly reveal: (part: Element) => void;
}

export function EventList(props: Props) {
  const { list, events, olderCount, onOlder, highlighted, wanted, onFilterText, reveal } = props;
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const onToggle = useCallback((key: number) => setOpened((keys) => toggled(keys, key)), []);

  const found = useRef<Wanted | null>(null);
  useEffect(() => {
    if (wanted === null || found.current === wanted) return;
    const row = list.current?.querySelector(`[data-key="${wanted.key}"]`);
    if (!row) return; // it gets a row soon, if it is still kept and not filtered out
    found.current = wanted;
    reveal(row);
    row.querySelector("button")?.focus({ preventScroll: true });
  }, [list, wanted, events, reveal]);

  return (
    <ul className="events" ref={list} tabIndex={0} aria-label="Events, the newest one last">
      {olderCount > 0 && (
        <li className="older">
          <button type="button" className="button small" onClick={onOlder}>
            Show {plural(Math.min(STEP, olderCount), "older event")}
          </button>
        </li>
      )}
      {events.map((event) => (
        <EventRow
          key={event.key}
          event={event}
          open={opened.has(event.key)}
          highlighted={highlighted !== "" && event.correlationId === highlighted}
          onToggle={onToggle}
          onFilterText={onFilterText}
          reveal={reveal}
        />
      ))}
    </ul>
  );
}

function toggled(keys: ReadonlySet<number>, key: number): ReadonlySet<number> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}
