import type { Phase } from "../connection/connection";
import type { Severity } from "../events/event";

/** Shapes differ as well as colours: nobody has to tell red from green. */
const SEVERITY_PATHS: Record<Severity, string> = {
  critical: "M8 1.5 14.5 8 8 14.5 1.5 8Z M8 5v3.5 M8 10.9v.1",
  error: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z M5.8 5.8l4.4 4.4 M10.2 5.8l-4.4 4.4",
  warn: "M8 2 14.6 13.6H1.4Z M8 6.4v3.2 M8 11.6v.1",
  info: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z M8 7.4v3.6 M8 4.9v.1",
};

const PHASE_PATHS: Record<Phase, string> = {
  idle: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z",
  connecting: "M8 2.5A5.5 5.5 0 0 1 13.5 8",
  connected: "M2.8 8.4 6.4 12l6.8-7.6",
  error: "M8 2 14.6 13.6H1.4Z M8 6.4v3.2 M8 11.6v.1",
  offline:
    "M2 2l12 12 M3 8.6a7 7 0 0 1 2.6-1.7 M13 8.6a7 7 0 0 0-4-2 M5.6 11.2a3.4 3.4 0 0 1 4.8 0 M8 13.6v.1",
};

const OTHER_PATHS = {
  chevron: "M6 3.5 10.5 8 6 12.5",
  down: "M8 2.5v10 M3.8 8.5 8 12.7l4.2-4.2",
  pause: "M5.5 3v10 M10.5 3v10",
  play: "M4.5 2.8v10.4L13 8Z",
  reload: "M13.2 8a5.2 5.2 0 1 1-1.5-3.7 M13.4 1.8v3h-3",
  search: "M7 2.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6Z M10.6 10.6l3.4 3.4",
} as const;

export function SeverityIcon({ severity }: { severity: Severity }) {
  return <Icon path={SEVERITY_PATHS[severity]} className="icon" />;
}

export function PhaseIcon({ phase }: { phase: Phase }) {
  return <Icon path={PHASE_PATHS[phase]} className={phase === "connecting" ? "icon spinning" : "icon"} />;
}

export function Glyph({ name }: { name: keyof typeof OTHER_PATHS }) {
  return <Icon path={OTHER_PATHS[name]} className={`icon icon-${name}`} />;
}

function Icon({ path, className }: { path: string; className: string }) {
  return (
    <svg className={className} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={path} />
    </svg>
  );
}
