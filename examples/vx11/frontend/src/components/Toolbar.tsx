import { useId } from "react";

import { SEVERITIES } from "../events/event";
import { toggleSeverity, type Filters } from "../events/filters";
import { count, cut } from "../events/format";
import { Glyph, SeverityIcon } from "./icons";

interface Props {
  readonly filters: Filters;
  readonly onFilter: (filters: Filters) => void;
  readonly modules: readonly string[];
  readonly paused: boolean;
  readonly waitingCount: number;
  readonly onPause: () => void;
  readonly following: boolean;
  readonly onFollow: (following: boolean) => void;
  readonly onClear: () => void;
}

export function Toolbar({ filters, onFilter, modules, ...rest }: Props) {
  const id = useId();
  return (
    <div className="toolbar" role="group" aria-label="Filters">
      <fieldset className="chips">
        <legend className="unseen">Severities</legend>
        {SEVERITIES.map((severity) => (
          <label key={severity} className="chip" data-severity={severity}>
            <input
              type="checkbox"
              checked={filters.severities.includes(severity)}
              onChange={() => onFilter(toggleSeverity(filters, severity))}
            />
            <SeverityIcon severity={severity} />
            {severity}
          </label>
        ))}
      </fieldset>
      <label className="unseen" htmlFor={`${id}-module`}>
        Module
      </label>
      <select
        id={`${id}-module`}
        className="field module-choice"
        value={filters.module}
        onChange={(event) => onFilter({ ...filters, module: event.target.value })}
      >
        <option value="">Every module</option>
        {modules.map((module) => (
          <option key={module} value={module}>
            {cut(module, 40)}
          </option>
        ))}
      </select>
      <div className="search">
        <Glyph name="search" />
        <input
          type="search"
          className="field"
          aria-label="Search in events"
          placeholder="Search"
          value={filters.text}
          onChange={(event) => onFilter({ ...filters, text: event.target.value })}
        />
      </div>
      <Controls {...rest} />
    </div>
  );
}

function Controls(props: Omit<Props, "filters" | "onFilter" | "modules">) {
  const { paused, waitingCount, onPause, following, onFollow, onClear } = props;
  return (
    <div className="controls">
      <label className="check">
        <input type="checkbox" checked={following} onChange={(event) => onFollow(event.target.checked)} />
        Auto-scroll
      </label>
      <button type="button" className="button" aria-pressed={paused} onClick={onPause}>
        <Glyph name={paused ? "play" : "pause"} />
        {paused ? <Resume waitingCount={waitingCount} /> : "Pause"}
      </button>
      <button type="button" className="button quiet" onClick={onClear}>
        Clear
      </button>
    </div>
  );
}

function Resume({ waitingCount }: { waitingCount: number }) {
  return (
    <span>
      Resume ({count(waitingCount)}
      <span className="where-wide"> waiting</span>)
    </span>
  );
}
