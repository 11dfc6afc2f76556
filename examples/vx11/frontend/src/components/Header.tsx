import type { Connection } from "../connection/connection";
import { PHASE_WORDS } from "../connection/sentences";
import { PhaseIcon } from "./icons";

interface Props {
  readonly connection: Connection;
  readonly onDisconnect: () => void;
}

export function Header({ connection, onDisconnect }: Props) {
  return (
    <header className="header">
      <img className="mark" src="./icon.svg" alt="" width="28" height="28" />
      <div className="title">
        <h1>Events</h1>
        <p>VX11 operator, through Tentáculo</p>
      </div>
      <span className="pill" data-phase={connection.phase}>
        <PhaseIcon phase={connection.phase} />
        {PHASE_WORDS[connection.phase]}
      </span>
      {connection.phase !== "idle" && (
        <button type="button" className="button quiet" onClick={onDisconnect}>
          Disconnect
        </button>
      )}
    </header>
  );
}
