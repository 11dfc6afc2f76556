import { useCallback, useDeferredValue, useLayoutEffect, useMemo, useState } from "react";

import type { Connection } from "../connection/connection";
import { NO_FILTERS, applyFilters, isFiltering, modulesOf } from "../events/filters";
import type { EventLog, LogAction } from "../events/log";
import { EmptyState } from "./EmptyState";
import { EventList, type Wanted } from "./EventList";
import { NewEvents } from "./NewEvents";
import { Toolbar } from "./Toolbar";
import { useFollowing } from "./useFollowing";
import { useOlder } from "./useOlder";

interface Props {
  readonly log: EventLog;
  readonly change: (action: LogAction) => void;
  readonly connection: Connection;
  readonly highlighted: string;
  readonly wanted: Wanted | null;
}

export function EventArea({ log, change, connection, highlighted, wanted }: Props) {
  const [filters, setFilters] = useState(NO_FILTERS);
  // Typing goes before showing what it found.
  const deferred = useDeferredValue(filters);
  const events = useMemo(() => applyFilters(log.events, deferred), [log.events, deferred]);
  const modules = useMemo(() => modulesOf(log.events, filters.module), [log.events, filters.module]);
  const { list, following, setFollowing, reveal, newCount } = useFollowing(events);
  const { shown, olderCount, showOlder, showFrom } = useOlder(events, following);
  const onOlder = () => {
    setFollowing(false);
    showOlder();
  };
  useLayoutEffect(() => {
    if (wanted === null) return;
    setFollowing(false);
    showFrom(wanted.key);
  }, [wanted, setFollowing, showFrom]);
  const onFilterText = useCallback((text: string) => setFilters({ ...NO_FILTERS, text }), []);
  return (
    <section className="area" aria-label="Events">
      <Toolbar
        filters={filters}
        onFilter={setFilters}
        modules={modules}
        paused={log.paused}
        waitingCount={log.waitingCount}
        onPause={() => change({ type: log.paused ? "resumed" : "paused" })}
        following={following}
        onFollow={setFollowing}
        onClear={() => change({ type: "cleared" })}
      />
      <div className="list-frame">
        <EventList
          list={list}
          events={shown}
          olderCount={olderCount}
          onOlder={onOlder}
          highlighted={highlighted}
          wanted={wanted}
          onFilterText={onFilterText}
          reveal={reveal}
        />
        {events.length === 0 && (
          <EmptyState
            connection={connection}
            hidden={log.events.length}
            paused={log.paused}
            onReset={isFiltering(filters) ? () => setFilters(NO_FILTERS) : null}
          />
        )}
        <NewEvents count={newCount} onShow={() => setFollowing(true)} />
      </div>
    </section>
  );
}
