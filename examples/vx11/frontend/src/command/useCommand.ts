import { useCallback, useReducer } from "react";

import type { PanelEvent } from "../events/event";
import { NO_COMMAND, reduceCommand, type Command } from "./command";
import { newCorrelationId, sendCommand } from "./send";

export interface Commanding {
  readonly command: Command;
  readonly send: (text: string) => void;
  readonly arrived: (events: readonly PanelEvent[]) => void;
}

/** Send commands, and tell which event one of them came back as. */
export function useCommand(secret: React.RefObject<string>): Commanding {
  const [command, dispatch] = useReducer(reduceCommand, NO_COMMAND);
  const send = useCallback(
    async (text: string) => {
      const correlationId = newCorrelationId();
      dispatch({ type: "sent", correlationId, at: performance.now() });
      const { ok, code, reason } = await sendCommand(text, secret.current, correlationId);
      dispatch(ok ? { type: "accepted", correlationId } : { type: "failed", correlationId, code, reason });
    },
    [secret],
  );
  const arrived = useCallback(
    (events: readonly PanelEvent[]) => dispatch({ type: "arrived", events, at: performance.now() }),
    [],
  );
  return { command, send, arrived };
}
