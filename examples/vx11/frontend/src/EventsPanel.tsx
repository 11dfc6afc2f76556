import { useRef, useState } from "react";

import { highlightedId } from "./command/command";
import { useCommand } from "./command/useCommand";
import { CommandBox } from "./components/CommandBox";
import { ConnectForm } from "./components/ConnectForm";
import { EventArea } from "./components/EventArea";
import type { Wanted } from "./components/EventList";
import { Footer } from "./components/Footer";
import { Header } from "./components/Header";
import { StatusBanner } from "./components/StatusBanner";
import { needsToken } from "./connection/connection";
import { useConnection } from "./connection/useConnection";
import { useEventLog } from "./events/useEventLog";

/** The operator's events, live, and a box for commands. */
export function EventsPanel() {
  // The principal token: in memory only, so that it is gone with the tab.
  const secret = useRef("");
  const { command, send, arrived } = useCommand(secret);
  const { log, change, receive } = useEventLog(arrived);
  const { connection, connect, reconnect, disconnect } = useConnection(secret, receive);
  const [wanted, setWanted] = useState<Wanted | null>(null);

  const asks = needsToken(connection);
  const isBlank = asks && log.received === 0;
  return (
    <div className="panel" data-phase={connection.phase}>
      <Header connection={connection} onDisconnect={disconnect} />
      <main className="main">
        {connection.phase !== "idle" && <StatusBanner connection={connection} onReconnect={reconnect} />}
        {asks && <ConnectForm large={isBlank} onConnect={connect} />}
        {!asks && <CommandBox command={command} onSend={send} onShow={(key) => setWanted({ key })} />}
        {!isBlank && (
          <EventArea
            log={log}
            change={change}
            connection={connection}
            highlighted={highlightedId(command)}
            wanted={wanted}
          />
        )}
      </main>
      {!isBlank && <Footer log={log} />}
    </div>
  );
}
