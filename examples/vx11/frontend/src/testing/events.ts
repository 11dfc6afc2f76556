/** Events for tests. */

import type { PanelEvent } from "../events/event";

export function event(key: number, changes: Partial<PanelEvent> = {}): PanelEvent {
  const base = { id: `e-${key}`, type: "figures", summary: `summary ${key}`, module: "operator" } as const;
  const made = {
    ...base,
    key,
    severity: "info" as const,
    correlationId: "",
    at: 0,
    data: "{}",
    ...changes,
  };
  return {
    searched: `${made.type} ${made.module} ${made.correlationId} ${made.summary}`.toLowerCase(),
    ...made,
  };
}

export function events(from: number, to: number, changes: Partial<PanelEvent> = {}): PanelEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => event(from + index, changes));
}
