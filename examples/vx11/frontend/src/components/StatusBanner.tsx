import { needsToken, type Connection } from "../connection/connection";
import { PHASE_WORDS, describe } from "../connection/sentences";
import { Glyph, PhaseIcon } from "./icons";

interface Props {
  readonly connection: Connection;
  readonly onReconnect: () => void;
}

/** Says in words what state the connection is in; screen readers hear each change. */
export function StatusBanner({ connection, onReconnect }: Props) {
  const { phase, code, reason } = connection;
  const canReconnect = (phase === "error" || phase === "offline") && !needsToken(connection);
  return (
    <section className="banner" data-phase={phase} aria-label="Connection">
      <PhaseIcon phase={phase} />
      <p role="status">
        <strong>{PHASE_WORDS[phase]}.</strong> {describe(connection)}
        {phase === "error" && code !== 0 && reason !== "" && (
          <code className="reason">{reason.slice(0, 80)}</code>
        )}
      </p>
      {canReconnect && (
        <button type="button" className="button" onClick={onReconnect}>
          <Glyph name="reload" />
          Reconnect
        </button>
      )}
    </section>
  );
}
