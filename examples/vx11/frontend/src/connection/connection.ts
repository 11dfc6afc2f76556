/** What state the connection is in: a pure reducer over what the event source says. */

export type Phase = "idle" | "connecting" | "connected" | "error" | "offline";

export interface Connection {
  readonly phase: Phase;
  /** The HTTP status that failed, 0 for the network. */
  readonly code: number;
  /** The problem's own code, such as `route_disabled`, or what the gateway said last, such as `draining`. */
  readonly reason: string;
  /** Whether it comes back by itself. */
  readonly retrying: boolean;
}

export type ConnectionAction =
  | { readonly type: "started" }
  | { readonly type: "opened" }
  | { readonly type: "failed"; readonly code: number; readonly reason: string; readonly final: boolean }
  | { readonly type: "announced"; readonly reason: string }
  | { readonly type: "wentOffline" }
  | { readonly type: "cameOnline"; readonly open: boolean }
  | { readonly type: "stopped" };

export const IDLE: Connection = { phase: "idle", code: 0, reason: "", retrying: false };
const CONNECTING: Connection = { ...IDLE, phase: "connecting", retrying: true };
const CONNECTED: Connection = { ...IDLE, phase: "connected", retrying: true };
const OFFLINE: Connection = { ...IDLE, phase: "offline", retrying: true };

export function reduceConnection(connection: Connection, action: ConnectionAction): Connection {
  switch (action.type) {
    case "started":
      return CONNECTING;
    case "opened":
      return CONNECTED;
    case "failed":
      return fail(connection, action);
    case "announced":
      return { ...connection, reason: action.reason };
    case "wentOffline":
      return connection.retrying ? { ...OFFLINE, reason: "device" } : connection;
    case "cameOnline":
      if (connection.phase !== "offline") return connection;
      return action.open ? CONNECTED : CONNECTING;
    case "stopped":
      return IDLE;
  }
}

/** Whether only another token helps. */
export function needsToken(connection: Connection): boolean {
  const refused = connection.code === 401 || connection.code === 403;
  return connection.phase === "idle" || (refused && !connection.retrying);
}

function fail(connection: Connection, failure: { code: number; reason: string; final: boolean }): Connection {
  const { code, reason, final } = failure;
  if (final || code !== 0) return { phase: "error", code, reason, retrying: !final };
  // A stream that ends is opened again at once; only when that fails too the gateway is out of reach.
  if (connection.phase === "connected") return { ...CONNECTING, reason: connection.reason || "lost" };
  return connection.reason === "device" ? connection : OFFLINE;
}
