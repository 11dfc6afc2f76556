import { describe, expect, it } from "vitest";

import { IDLE, needsToken, reduceConnection, type Connection, type ConnectionAction } from "./connection";

const failed = (code: number, final = false, reason = ""): ConnectionAction => ({
  type: "failed",
  code,
  reason,
  final,
});
const after = (...actions: ConnectionAction[]): Connection => actions.reduce(reduceConnection, IDLE);
const STARTED: ConnectionAction = { type: "started" };
const OPENED: ConnectionAction = { type: "opened" };
const AWAY: ConnectionAction = { type: "wentOffline" };

describe("reduceConnection", () => {
  it.each<[string, ConnectionAction[], Partial<Connection>]>([
    ["is idle at first", [], { phase: "idle", retrying: false }],
    ["connects", [STARTED], { phase: "connecting", retrying: true }],
    ["is connected", [STARTED, OPENED], { phase: "connected" }],
    ["gives up at 401", [STARTED, failed(401, true)], { phase: "error", code: 401, retrying: false }],
    ["tries again at 503", [STARTED, failed(503)], { phase: "error", code: 503, retrying: true }],
    ["tells why", [STARTED, failed(503, false, "route_disabled")], { reason: "route_disabled" }],
    ["forgets an error when it opens", [STARTED, failed(503), OPENED], { phase: "connected", code: 0 }],
    ["connects again after an end", [STARTED, OPENED, failed(0)], { phase: "connecting", reason: "lost" }],
    ["is offline when that fails too", [STARTED, OPENED, failed(0), failed(0)], { phase: "offline" }],
    ["is offline when it never got through", [STARTED, failed(0)], { phase: "offline" }],
    ["is offline with the device", [STARTED, OPENED, AWAY], { phase: "offline", reason: "device" }],
    ["stays so while calls fail", [STARTED, AWAY, failed(0)], { phase: "offline", reason: "device" }],
    [
      "comes back to an open stream",
      [STARTED, AWAY, { type: "cameOnline", open: true }],
      { phase: "connected" },
    ],
    [
      "comes back and connects",
      [STARTED, AWAY, { type: "cameOnline", open: false }],
      { phase: "connecting" },
    ],
    ["does not mind the network while idle", [AWAY], { phase: "idle" }],
    ["does not mind it after giving up", [STARTED, failed(403, true), AWAY], { phase: "error", code: 403 }],
    [
      "keeps its state when the network was never away",
      [STARTED, OPENED, { type: "cameOnline", open: true }],
      { phase: "connected" },
    ],
    ["stops", [STARTED, OPENED, { type: "stopped" }], { phase: "idle", retrying: false }],
  ])("%s", (_, actions, expected) => {
    expect(after(...actions)).toMatchObject(expected);
  });

  it("keeps what the gateway said last until the stream opens again", () => {
    const said = after(STARTED, OPENED, { type: "announced", reason: "draining" }, failed(0));
    expect(said).toMatchObject({ phase: "connecting", reason: "draining" });
    expect(reduceConnection(said, OPENED).reason).toBe("");
  });
});

describe("needsToken", () => {
  it.each<[string, ConnectionAction[], boolean]>([
    ["idle", [], true],
    ["connecting", [STARTED], false],
    ["401 for good", [STARTED, failed(401, true)], true],
    ["403 for good", [STARTED, failed(403, true)], true],
    ["401 of the stream, tried again", [STARTED, failed(401)], false],
    ["404 for good", [STARTED, failed(404, true)], false],
  ])("%s", (_, actions, expected) => {
    expect(needsToken(after(...actions))).toBe(expected);
  });
});
