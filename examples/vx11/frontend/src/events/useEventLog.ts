import { useCallback, useMemo, useReducer, useRef } from "react";

import { Batch } from "../connection/batch";
import { readEvent, type PanelEvent, type Received } from "./event";
import { EMPTY_LOG, reduceLog, type EventLog, type LogAction } from "./log";

export interface Logging {
  readonly log: EventLog;
  readonly change: (action: LogAction) => void;
  readonly receive: (received: Received) => void;
}

/** Keep the events; what arrives within a frame is one change, which `onArrived` is told of too. */
export function useEventLog(onArrived: (events: readonly PanelEvent[]) => void): Logging {
  const [log, change] = useReducer(reduceLog, EMPTY_LOG);
  const key = useRef(0);
  const batch = useMemo(
    () =>
      new Batch<PanelEvent>((events) => {
        change({ type: "arrived", events });
        onArrived(events);
      }),
    [onArrived],
  );
  const receive = useCallback(
    (received: Received) => batch.add(readEvent(received, (key.current += 1), Date.now())),
    [batch],
  );
  return { log, change, receive };
}
