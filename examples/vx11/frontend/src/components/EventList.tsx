import { useCallback, useEffect, useState } from "react";

import type { PanelEvent } from "../events/event";
import { EventRow } from "./EventRow";

/** An event that somebody asked to be shown; made anew each time they do. */
export interface Wanted {
  readonly key: number;
}

interface Props {
  readonly list: React.RefObject<HTMLUListElement | null>;
  readonly events: readonly PanelEvent[];
  readonly highlighted: string;
  readonly wanted: Wanted | null;
  readonly onFilterText: (text: string) => void;
  readonly reveal: (part: Element) => void;
}

export function EventList({ list, events, highlighted, wanted, onFilterText, reveal }: Props) {
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const onToggle = useCallback((key: number) => setOpened((keys) => toggled(keys, key)), []);

  useEffect(() => {
    const row = wanted && list.current?.querySelector(`[data-key="${wanted.key}"]`);
    if (!row) return;
    reveal(row);
    row.querySelector("button")?.focus({ preventScroll: true });
  }, [list, wanted, reveal]);

  return (
    <ul className="events" ref={list} tabIndex={0} aria-label="Events, the newest one last">
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
