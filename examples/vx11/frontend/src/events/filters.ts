/** Which events are shown. */

import { SEVERITIES, type PanelEvent, type Severity } from "./event";

export interface Filters {
  readonly severities: readonly Severity[];
  /** Empty for every module. */
  readonly module: string;
  readonly text: string;
}

export const NO_FILTERS: Filters = { severities: SEVERITIES, module: "", text: "" };

/** Modules that are offered: a backend that makes up names must not fill the page with them. */
export const MOST_MODULES = 100;

export function isFiltering(filters: Filters): boolean {
  return filters.severities.length < SEVERITIES.length || filters.module !== "" || filters.text.trim() !== "";
}

export function applyFilters(events: readonly PanelEvent[], filters: Filters): readonly PanelEvent[] {
  if (!isFiltering(filters)) return events;
  const wanted = filters.text.trim().toLowerCase();
  return events.filter(
    (event) =>
      filters.severities.includes(event.severity) &&
      (filters.module === "" || event.module === filters.module) &&
      event.searched.includes(wanted),
  );
}

export function toggleSeverity(filters: Filters, severity: Severity): Filters {
  const severities = SEVERITIES.filter((one) => (one === severity) !== filters.severities.includes(one));
  return { ...filters, severities };
}

/** Return the modules to choose from, the chosen one always among them. */
export function modulesOf(events: readonly PanelEvent[], chosen: string): readonly string[] {
  const modules = new Set(chosen === "" ? [] : [chosen]);
  for (const event of events) {
    if (modules.size >= MOST_MODULES) break;
    modules.add(event.module);
  }
  return [...modules].sort();
}
