/** The events that are kept: a pure reducer, bounded in number and in size. */

import { SEVERITIES, type PanelEvent, type Severity } from "./event";

export const MOST_EVENTS = 1_000;
/** Characters of received data: a thousand events of megabytes would take the tab's memory. */
export const MOST_CHARACTERS = 32 * 1024 * 1024;

export interface EventLog {
  readonly events: readonly PanelEvent[];
  readonly paused: boolean;
  /** What arrived during the pause: the newest of it, and how many there were. */
  readonly waiting: readonly PanelEvent[];
  readonly waitingCount: number;
  readonly received: number;
}

export type LogAction =
  | { readonly type: "arrived"; readonly events: readonly PanelEvent[] }
  | { readonly type: "paused" }
  | { readonly type: "resumed" }
  | { readonly type: "cleared" };

export const EMPTY_LOG: EventLog = { events: [], paused: false, waiting: [], waitingCount: 0, received: 0 };

export function reduceLog(log: EventLog, action: LogAction): EventLog {
  switch (action.type) {
    case "arrived":
      return arrive(log, action.events);
    case "paused":
      return { ...log, paused: true };
    case "resumed":
      return {
        ...log,
        paused: false,
        events: keep(log.events, log.waiting),
        waiting: [],
        waitingCount: 0,
      };
    case "cleared":
      return { ...EMPTY_LOG, paused: log.paused, received: log.received };
  }
}

/** Count events by their severity. */
export function countBySeverity(events: readonly PanelEvent[]): Record<Severity, number> {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Record<Severity, number>;
  for (const event of events) counts[event.severity] += 1;
  return counts;
}

function arrive(log: EventLog, events: readonly PanelEvent[]): EventLog {
  const received = log.received + events.length;
  if (!log.paused) return { ...log, received, events: keep(log.events, events) };
  const waitingCount = log.waitingCount + events.length;
  return { ...log, received, waiting: keep(log.waiting, events), waitingCount };
}

function keep(older: readonly PanelEvent[], newer: readonly PanelEvent[]): readonly PanelEvent[] {
  const all = [...older, ...newer].slice(-MOST_EVENTS);
  let characters = 0;
  // The newest one stays whatever its size.
  for (let index = all.length - 1; index >= 0; index -= 1) {
    characters += all[index]?.data.length ?? 0;
    if (characters > MOST_CHARACTERS && index < all.length - 1) return all.slice(index + 1);
  }
  return all;
}
