import { useMemo } from "react";

import { SEVERITIES } from "../events/event";
import { count } from "../events/format";
import { MOST_EVENTS, countBySeverity, type EventLog } from "../events/log";
import { SeverityIcon } from "./icons";

export function Footer({ log }: { log: EventLog }) {
  const counts = useMemo(() => countBySeverity(log.events), [log.events]);
  return (
    <footer className="footer">
      <ul className="counts" aria-label="Events kept, by severity">
        {SEVERITIES.map((severity) => (
          <li key={severity} data-severity={severity}>
            <SeverityIcon severity={severity} />
            <span className="number">{count(counts[severity])}</span> {severity}
          </li>
        ))}
      </ul>
      <p className="totals">
        <span className="number" data-total="kept">
          {count(log.events.length)}
        </span>{" "}
        kept ({count(MOST_EVENTS)} at most), <span data-total="received">{count(log.received)}</span> received
      </p>
    </footer>
  );
}
