/** What the panel says of its connection, in plain sentences. */

import type { Connection, Phase } from "./connection";

export const PHASE_WORDS: Record<Phase, string> = {
  idle: "Idle",
  connecting: "Connecting",
  connected: "Connected",
  error: "Error",
  offline: "Offline",
};

const BY_ITSELF = "The panel tries again by itself.";

const FAILURES: Record<number, string> = {
  0: "The connection failed.",
  200: "The answer was no event stream.",
  204: "The server has ended the stream for good (204).",
  401: "The token was not accepted (401). Check it and connect again.",
  403: "This token may not read the events (403). Connect with another one, or ask for access.",
  404: "There is no event stream at this address (404).",
  429: "Too many calls at the moment (429).",
  503: "The service is not available at the moment (503).",
};

const REASONS: Record<string, string> = {
  route_disabled: "The operator is switched off at the gateway (503).",
  token_store_unavailable: "The gateway can't reach its token store (503).",
};

const ANNOUNCED: Record<string, string> = {
  draining: "The gateway restarts.",
  revoked: "The token's access was revoked.",
  deadline: "The stream reached its longest age.",
  superseded: "The stream was opened elsewhere.",
  route_removed: "The stream's route was changed.",
  lost: "The connection was lost.",
};

/** The names of the gateway's last events on a stream. */
export const ANNOUNCEMENTS = Object.keys(ANNOUNCED).filter((name) => name !== "lost");

/** Say what the state is and what happens next. */
export function describe(connection: Connection): string {
  switch (connection.phase) {
    case "idle":
      return "Not connected.";
    case "connecting":
      return `${ANNOUNCED[connection.reason] ?? ""} The event stream is being opened…`.trim();
    case "connected":
      return ANNOUNCED[connection.reason] ?? "Events arrive as they happen.";
    case "offline":
      return connection.reason === "device"
        ? "This device is offline. The panel comes back when the network does."
        : `The gateway can't be reached. ${BY_ITSELF}`;
    case "error":
      return failure(connection.code, connection.reason, connection.retrying);
  }
}

/** Say why a call failed. */
export function failure(code: number, reason: string, retrying: boolean): string {
  const sentence = REASONS[reason] ?? FAILURES[code] ?? otherFailure(code);
  return retrying ? `${sentence} ${BY_ITSELF}` : sentence;
}

function otherFailure(code: number): string {
  return code >= 500
    ? `The gateway or the service behind it failed (${code}).`
    : `The call was refused (${code}).`;
}
