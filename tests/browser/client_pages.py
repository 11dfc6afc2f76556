"""What tests of the browser package share: pages that can import it, the gateway's file, scripted streams.

Nothing here reads an event stream or knows how the client works.
"""

from __future__ import annotations

from aiohttp import web

from tests.browser.pages import CLIENT, PageServer
from tests.browser.stage import Stage
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import OTHER_TOKEN, TOKEN
from tests.functional.tokens import ADMIN_TOKEN

EVENTS = "/events"
ISSUE_PATH = "/token"
SCRIPT = "/scripts/event-source.js"
HTML = '<!doctype html><link rel="icon" href="data:,"><title>Page</title>'
LEAKY = f'{HTML}<meta name="referrer" content="unsafe-url">'
QUICK = "retry: 20ms"  # of a stream; pauses are counted from it, so a test need not wait for seconds
RATE = "rate: 1000/s, burst: 10000"


class ClientPages(PageServer):
    """Pages of any origin with the client among their scripts; `pages` may be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.pages["/"] = HTML

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.path != SCRIPT:
            return await super()._answer(request)
        anyone = {"Access-Control-Allow-Origin": "*"}
        return web.Response(body=CLIENT.read_bytes(), content_type="text/javascript", headers=anyone)


class ScriptedStreams(Stage):
    """A stage whose streams stand at `/events` and below; the page is another server's."""

    def __init__(self) -> None:
        super().__init__()
        self.upstream = ScriptedUpstream({"events": self._perform}, keep=False)


def principals(rate: str = RATE) -> str:
    """Write who may open the streams, at what `issue_rate`, and somebody who may not."""
    return f"""principals:
  - {{name: operator-ui, token: {TOKEN}, issue_rate: {{{rate}}}}}
  - {{name: elsewhere, token: {OTHER_TOKEN}, routes: [page]}}
"""


def events_route(
    *, name: str = "events", path: str = EVENTS, terms: str = "", stream: str = QUICK, more: str = ""
) -> str:
    """Write a route that tokens of `/token` open; `terms`, `stream` and `more` are inside YAML mappings."""
    return (
        f"  - {{name: {name}, path: '{path}', upstream: events, access: ephemeral-token,"
        f" ephemeral_token: {{issue_path: {ISSUE_PATH}, {terms}}}, stream: {{{stream}}}, {more}}}\n"
    )


def client_file(
    pages: PageServer, port: int, *routes: str, rate: str = RATE, extra: str = "", listen: int = 0
) -> str:
    """Write a file with a page, its scripts, and the routes to whatever serves events at a port."""
    return f"""
listen: 127.0.0.1:{listen}
admin: {{address: 127.0.0.1:0, token: {ADMIN_TOKEN}}}
log: {{level: debug, format: json}}
drain: {{time: 50ms, hard_cap: 2s}}
{extra}
{principals(rate)}upstreams:
  pages: http://127.0.0.1:{pages.port}
  events: http://127.0.0.1:{port}
routes:
  - {{name: page, path: /, upstream: pages, access: public}}
  - {{name: scripts, path: /scripts/*, upstream: pages, access: public}}
{"".join(routes or (events_route(),))}"""
