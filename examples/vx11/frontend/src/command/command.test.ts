import { describe, expect, it } from "vitest";

import { event } from "../testing/events";
import { NO_COMMAND, describeCommand, highlightedId, reduceCommand, type CommandAction } from "./command";
import { newCorrelationId } from "./send";

const SENT: CommandAction = { type: "sent", correlationId: "c-1", at: 100 };
const ACCEPTED: CommandAction = { type: "accepted", correlationId: "c-1" };
const arrived = (correlationId: string): CommandAction => ({
  type: "arrived",
  events: [event(1), event(2, { correlationId })],
  at: 142.4,
});
const failed = (code: number, correlationId = "c-1"): CommandAction => ({
  type: "failed",
  correlationId,
  code,
  reason: "",
});
const after = (...actions: CommandAction[]) => actions.reduce(reduceCommand, NO_COMMAND);

describe("reduceCommand", () => {
  it.each<[string, CommandAction[], object]>([
    ["is being sent", [SENT], { phase: "sending" }],
    ["was accepted", [SENT, ACCEPTED], { phase: "accepted", correlationId: "c-1" }],
    ["came back", [SENT, ACCEPTED, arrived("c-1")], { phase: "returned", took: 42, key: 2 }],
    ["came back before the answer", [SENT, arrived("c-1"), ACCEPTED], { phase: "returned", took: 42 }],
    ["is not another's event", [SENT, ACCEPTED, arrived("c-2")], { phase: "accepted" }],
    ["failed", [SENT, failed(429)], { phase: "failed", code: 429 }],
    ["has no answer to an older one", [SENT, failed(503, "c-0")], { phase: "sending" }],
    [
      "was replaced",
      [SENT, failed(503), { ...SENT, correlationId: "c-2" }],
      { phase: "sending", correlationId: "c-2" },
    ],
    ["was none", [arrived("c-1")], { phase: "none" }],
  ])("%s", (_, actions, expected) => {
    expect(after(...actions)).toMatchObject(expected);
  });
});

describe("highlightedId", () => {
  it("is the command's own, once there is one", () => {
    expect([
      highlightedId(NO_COMMAND),
      highlightedId(after(SENT)),
      highlightedId(after(SENT, failed(401))),
    ]).toEqual(["", "c-1", ""]);
  });
});

describe("describeCommand", () => {
  it("tells failures apart", () => {
    const sentences = [400, 401, 403, 429, 503, 0].map((code) => describeCommand(after(SENT, failed(code))));
    expect(new Set(sentences).size).toBe(6);
  });

  it("says how long it took", () => {
    expect(describeCommand(after(SENT, ACCEPTED, arrived("c-1")))).toBe("Its event came back in 42 ms.");
  });
});

describe("newCorrelationId", () => {
  it("is a random UUID", () => {
    const ids = [newCorrelationId(), newCorrelationId()];
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });
});
