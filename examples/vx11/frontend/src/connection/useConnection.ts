import { EphemeralEventSource } from "tentaculo-event-source";
import { useCallback, useEffect, useReducer, useRef } from "react";

import type { Received } from "../events/event";
import { IDLE, reduceConnection, type Connection } from "./connection";
import { groupOf } from "./group";
import { openStream } from "./stream";

export interface Connecting {
  readonly connection: Connection;
  readonly connect: (token: string) => void;
  readonly reconnect: () => void;
  readonly disconnect: () => void;
}

/** Hold one stream and its state; `secret` holds the principal token, `onReceived` has every event. */
export function useConnection(
  secret: React.RefObject<string>,
  onReceived: (received: Received) => void,
): Connecting {
  const [connection, dispatch] = useReducer(reduceConnection, IDLE);
  const source = useRef<EphemeralEventSource | null>(null);
  const lastEventId = useRef("");
  // Each opening and closing has a number, so that one that waited for its group can see that it is late.
  const turn = useRef(0);

  const close = useCallback(() => {
    turn.current += 1;
    source.current?.close();
    source.current = null;
  }, []);

  const open = useCallback(async () => {
    close();
    const mine = turn.current;
    dispatch({ type: "started" });
    const group = await groupOf(secret.current);
    if (turn.current !== mine) return;
    source.current = openStream(
      { token: () => secret.current, group, lastEventId: lastEventId.current },
      {
        opened: () => dispatch({ type: "opened" }),
        announced: (reason) => dispatch({ type: "announced", reason }),
        failed: (code, reason, final) => dispatch({ type: "failed", code, reason, final }),
        received: (received) => {
          lastEventId.current = received.lastEventId;
          onReceived(received);
        },
      },
    );
  }, [close, onReceived, secret]);

  const connect = useCallback(
    (given: string) => {
      secret.current = given;
      void open();
    },
    [open, secret],
  );

  const reconnect = useCallback(() => {
    // A source that waits keeps its place among the tabs, and is woken as by a network that came back.
    if (source.current?.readyState === EphemeralEventSource.CONNECTING)
      window.dispatchEvent(new Event("online"));
    else void open();
  }, [open]);

  const disconnect = useCallback(() => {
    close();
    secret.current = "";
    dispatch({ type: "stopped" });
  }, [close, secret]);

  useEffect(() => close, [close]);
  useNetwork(source, dispatch);
  return { connection, connect, reconnect, disconnect };
}

function useNetwork(
  source: React.RefObject<EphemeralEventSource | null>,
  dispatch: React.ActionDispatch<[Parameters<typeof reduceConnection>[1]]>,
): void {
  useEffect(() => {
    const away = () => dispatch({ type: "wentOffline" });
    const back = () =>
      dispatch({ type: "cameOnline", open: source.current?.readyState === EphemeralEventSource.OPEN });
    window.addEventListener("offline", away);
    window.addEventListener("online", back);
    return () => {
      window.removeEventListener("offline", away);
      window.removeEventListener("online", back);
    };
  }, [source, dispatch]);
}
