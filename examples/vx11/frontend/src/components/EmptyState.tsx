import type { Connection } from "../connection/connection";
import { plural } from "../events/format";

interface Props {
  readonly connection: Connection;
  /** How many events the filters hide. */
  readonly hidden: number;
  readonly paused: boolean;
  readonly onReset: (() => void) | null;
}

/** What stands in place of an empty list. */
export function EmptyState({ connection, hidden, paused, onReset }: Props) {
  if (hidden > 0 && onReset !== null) {
    return (
      <div className="empty">
        <h2>No event matches</h2>
        <p>The filters hide {plural(hidden, "event")}.</p>
        <button type="button" className="button" onClick={onReset}>
          Reset the filters
        </button>
      </div>
    );
  }
  if (connection.phase === "connecting") return <Loading />;
  return (
    <div className="empty">
      <h2>No events yet</h2>
      <p>{sentence(connection, paused)}</p>
    </div>
  );
}

function Loading() {
  return (
    <div className="loading">
      <p className="unseen">Waiting for the event stream.</p>
      {Array.from({ length: 6 }, (_, index) => (
        <div key={index} className="skeleton" aria-hidden="true" />
      ))}
    </div>
  );
}

function sentence(connection: Connection, paused: boolean): string {
  if (paused) return "The list is paused. What arrives waits until you resume.";
  switch (connection.phase) {
    case "connected":
      return "The stream is open. The next event appears here by itself.";
    case "offline":
      return "Nothing can arrive while there is no network. What is missed comes afterwards.";
    default:
      return "Nothing arrives until the panel is connected.";
  }
}
