/** What became of the last command: a pure reducer. */

import { failure } from "../connection/sentences";
import type { PanelEvent } from "../events/event";

export type Command =
  | { readonly phase: "none" }
  | { readonly phase: "sending" | "accepted"; readonly correlationId: string; readonly sentAt: number }
  | {
      readonly phase: "returned";
      readonly correlationId: string;
      readonly took: number;
      readonly key: number;
    }
  | { readonly phase: "failed"; readonly code: number; readonly reason: string };

export type CommandAction =
  | { readonly type: "sent"; readonly correlationId: string; readonly at: number }
  | { readonly type: "accepted"; readonly correlationId: string }
  | {
      readonly type: "failed";
      readonly correlationId: string;
      readonly code: number;
      readonly reason: string;
    }
  | { readonly type: "arrived"; readonly events: readonly PanelEvent[]; readonly at: number };

export const NO_COMMAND: Command = { phase: "none" };

export function reduceCommand(command: Command, action: CommandAction): Command {
  switch (action.type) {
    case "sent":
      return { phase: "sending", correlationId: action.correlationId, sentAt: action.at };
    case "accepted":
      // The event may have come before the answer.
      return isWaiting(command, action.correlationId) ? { ...command, phase: "accepted" } : command;
    case "failed": {
      const { code, reason } = action;
      return isWaiting(command, action.correlationId) ? { phase: "failed", code, reason } : command;
    }
    case "arrived":
      return findEvent(command, action.events, action.at);
  }
}

/** The correlation id whose event stands out in the list. */
export function highlightedId(command: Command): string {
  return "correlationId" in command ? command.correlationId : "";
}

/** Say what became of the command. */
export function describeCommand(command: Command): string {
  switch (command.phase) {
    case "none":
      return "";
    case "sending":
      return "Sending…";
    case "accepted":
      return "Accepted (202). Its event is awaited…";
    case "returned":
      return `Its event came back in ${command.took} ms.`;
    case "failed":
      return command.code === 400
        ? "The operator does not take this command (400)."
        : failure(command.code, command.reason, false);
  }
}

type Waiting = Extract<Command, { sentAt: number }>;

function isWaiting(command: Command, correlationId: string): command is Waiting {
  return "sentAt" in command && command.correlationId === correlationId;
}

function findEvent(command: Command, events: readonly PanelEvent[], at: number): Command {
  if (!("sentAt" in command)) return command;
  const { correlationId, sentAt } = command;
  const event = events.find((one) => one.correlationId === correlationId);
  if (event === undefined) return command;
  return { phase: "returned", correlationId, took: Math.max(0, Math.round(at - sentAt)), key: event.key };
}
