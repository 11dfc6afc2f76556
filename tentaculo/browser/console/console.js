// The console of a session: its sections and what feeds them.

import { confirm } from "./confirm.js";
import { connect } from "./connection.js";
import { createFrame } from "./frame.js";
import { createLog } from "./log.js";
import { createLogStore } from "./log-store.js";
import { createNotices } from "./notices.js";
import { createOverview } from "./overview.js";
import { createBanners } from "./problems.js";
import { createReload } from "./reload.js";
import { createRoutes } from "./routes.js";
import { createStatus } from "./status.js";
import { createStreams } from "./streams.js";
import { createUpstreams } from "./upstreams.js";

/** Opens the console of a session that is signed in; returns its page, and `close`. */
export function openConsole({ session, signOut }) {
  const { api } = session;
  const store = createLogStore();
  const { element: notices, say } = createNotices();
  const banners = createBanners(say);
  const status = createStatus({ again: () => stream.open(), say });
  const sections = {
    overview: createOverview({ api, store }),
    routes: createRoutes({ api }),
    upstreams: createUpstreams({ api }),
    streams: createStreams({ api, say, confirm }),
    log: createLog({ store }),
  };
  const reload = createReload({ api, say, problems: banners.problems });
  const parts = { banners: banners.element, notices, reload, status: status.element };
  const frame = createFrame({ sections, parts, signOut });

  function figures(now) {
    sections.overview.figures(now);
    banners.draining(now.draining);
    if (now.routes) for (const section of [sections.streams, sections.log]) section.names(now.routes);
  }

  function connected(state, reason) {
    if (state === "refused") {
      session.end("The gateway no longer takes this admin token. Sign in with the present one.");
      return;
    }
    status.show(state, reason);
    frame.element.classList.toggle("stale", state === "reconnecting" || state === "closed");
    if (state === "live") frame.refresh();
  }

  const handlers = { figures, log: store.add, problems: banners.problems, reloaded: () => frame.refresh() };
  const stream = connect({ token: session.token, handlers, status: connected });

  function close() {
    stream.close();
    frame.close();
  }

  return { element: frame.element, open: frame.open, focus: () => frame.title.focus(), close };
}
