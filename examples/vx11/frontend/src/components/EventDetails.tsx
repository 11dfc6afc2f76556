import { useEffect, useMemo, useRef, type ReactNode } from "react";

import { payloadText, type PanelEvent } from "../events/event";
import { fullTime } from "../events/format";
import { LongText } from "./LongText";

interface Props {
  readonly id: string;
  readonly event: PanelEvent;
  readonly onFilterText: (text: string) => void;
  readonly reveal: (part: Element) => void;
}

export function EventDetails({ id, event, onFilterText, reveal }: Props) {
  const payload = useMemo(() => payloadText(event), [event]);
  const place = useRef<HTMLDListElement>(null);
  useEffect(() => {
    if (place.current !== null) reveal(place.current);
  }, [reveal]);
  return (
    <dl className="details" id={id} ref={place}>
      <Detail name="Summary">
        <LongText text={event.summary} />
      </Detail>
      <Detail name="Payload">
        <LongText text={payload} code />
      </Detail>
      <Detail name="Time">{fullTime(event.at)}</Detail>
      <Detail name="Event id">
        <LongText text={event.id || "none"} />
      </Detail>
      <Detail name="Correlation id">
        <LongText text={event.correlationId || "none"} />
        {event.correlationId !== "" && (
          <button
            type="button"
            className="button small"
            onClick={() => onFilterText(event.correlationId.slice(0, 200))}
          >
            Show only these
          </button>
        )}
      </Detail>
    </dl>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="detail">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
