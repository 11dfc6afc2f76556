import { memo } from "react";

import type { PanelEvent } from "../events/event";
import { clockTime, cut, fullTime } from "../events/format";
import { EventDetails } from "./EventDetails";
import { Glyph, SeverityIcon } from "./icons";

/** Characters of a value in its row; the details have all of it. */
const ROW_SUMMARY = 300;
const ROW_NAME = 60;
const ROW_ID = 8;

interface Props {
  readonly event: PanelEvent;
  readonly open: boolean;
  readonly highlighted: boolean;
  readonly onToggle: (key: number) => void;
  readonly onFilterText: (text: string) => void;
  readonly reveal: (part: Element) => void;
}

export const EventRow = memo(function EventRow(props: Props) {
  const { event, open, highlighted, onToggle, onFilterText, reveal } = props;
  const details = `event-${event.key}`;
  return (
    <li
      className={highlighted ? "event highlighted" : "event"}
      data-key={event.key}
      data-severity={event.severity}
    >
      <button
        type="button"
        className="row"
        aria-expanded={open}
        aria-controls={open ? details : undefined}
        onClick={() => onToggle(event.key)}
      >
        <Glyph name="chevron" />
        <span className="severity">
          <SeverityIcon severity={event.severity} />
          {event.severity}
        </span>
        <time className="time" dateTime={fullTime(event.at)}>
          {clockTime(event.at)}
        </time>
        <bdi className="module">{cut(event.module, ROW_NAME)}</bdi>
        <bdi className="type">{cut(event.type, ROW_NAME)}</bdi>
        <bdi className="summary">{cut(event.summary, ROW_SUMMARY)}</bdi>
        {highlighted && <span className="yours">your command</span>}
        <bdi className="correlation">{cut(event.correlationId, ROW_ID)}</bdi>
      </button>
      {open && <EventDetails id={details} event={event} onFilterText={onFilterText} reveal={reveal} />}
    </li>
  );
});
