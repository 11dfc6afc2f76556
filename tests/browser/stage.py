"""One origin with a page and event streams of exact bytes: a gateway's, or the upstream's own without one.

What a test expects in both places is the platform's behaviour, and not the gateway's. The bytes of a stream
are written piece by piece, each once the test lets it go; behind an empty piece the end waits as well.
Nothing here reads an event stream.
"""

from __future__ import annotations

import asyncio
import enum
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.browser.pages import CLIENT
from tests.fakes.behaviours import chunk, whole
from tests.fakes.chromium import CONSTRUCTORS, MODULE_PATH, Page
from tests.fakes.upstream import Done, Exchange, ScriptedUpstream
from tests.functional.configuration import HEAD, PRINCIPALS
from tests.functional.running import RunningGateway

HTML = b'<!doctype html><link rel="icon" href="data:,"><title>Stage</title>'
SCRIPT = b"Content-Type: text/javascript\r\nCache-Control: no-store\r\n"
STREAM = b"Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
SSE_HEAD = b"HTTP/1.1 200 OK\r\n" + STREAM + b"Transfer-Encoding: chunked\r\n\r\n"
ROUTES = ("free", "declared", "only", "shared")
LAST = b"event: end\ndata:\n\n"  # after it, `perform` closes the stream

# Opens every stream and notes what comes until its event `end`, or until it has failed for good. The browser
# opens six at once, the next ones as these are over. When one is closed whose bytes
# are on their way, the browser may read on for five seconds: so streams best end by themselves after LAST.
PERFORM = """async ([constructor, module, asked]) => {
  const Source = globalThis[constructor] ?? (await import(module))[constructor];
  return Promise.all(asked.map(([url, types]) => new Promise((resolve) => {
    const source = new Source(url), log = [];
    const note = (event) => {
      if (event.type === "end") source.close();
      else if (event.type !== "open") log.push([event.type, event.data ?? null, event.lastEventId ?? null]);
      if (source.readyState === Source.CLOSED) resolve(log);
    };
    for (const type of new Set(["open", "end", "error", "message", ...types]))
      source.addEventListener(type, note);
  })));
}"""

# The differences on purpose, which the client's README lists. A page sees no status where CORS keeps it away.
EVENT_SOURCE, EPHEMERAL_EVENT_SOURCE = CONSTRUCTORS
NO_STATUS = 0
COMES_BACK_AFTER = {
    EVENT_SOURCE: frozenset[int](),
    EPHEMERAL_EVENT_SOURCE: frozenset({NO_STATUS, 429, 500, 501, 502, 503, 504}),
}
NEEDS_PREFLIGHT = {EVENT_SOURCE: False, EPHEMERAL_EVENT_SOURCE: True}  # to send an id to another origin

Told = list[tuple[str, str | None, str | None]]
LOST: Told = [("error", None, None)]


class Ending(enum.Enum):
    """What comes after the last piece: silence, the message's end, or the connection's without one."""

    SILENCE = "silence"
    END = "end"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply; every piece but the first waits for `Stage.go`, and the ending follows the last."""

    head: bytes
    pieces: tuple[bytes, ...] = (b"",)
    ending: Ending = Ending.END
    chunked: bool = False

    def framed(self, piece: bytes) -> bytes:
        """Return the bytes on the wire; an empty piece has none."""
        return chunk(piece) if piece and self.chunked else piece


def streaming(*pieces: bytes, ending: Ending = Ending.SILENCE) -> Answer:
    """Answer with an event stream."""
    return Answer(SSE_HEAD, pieces or (b"",), ending, chunked=True)


def plain(status: str, fields: bytes = b"", body: bytes = b"") -> Answer:
    """Answer with a whole reply."""
    return Answer(whole(body, status=status, fields=fields))


NO_CONTENT = Answer(b"HTTP/1.1 204 No Content\r\n\r\n")  # ends an EventSource for good


class Stage:
    """`answers` has what each opening of a stream gets, by its path's last segment; later ones get 204."""

    def __init__(self) -> None:
        behaviours = dict.fromkeys(ROUTES, self._perform)
        self.upstream = ScriptedUpstream(behaviours, keep=False)
        self.upstream.canned["/"] = whole(HTML, fields=b"Content-Type: text/html\r\n")
        self.upstream.canned[MODULE_PATH] = whole(CLIENT.read_bytes(), fields=SCRIPT)
        self.answers: dict[str, Sequence[Answer]] = {}
        self.gateway: RunningGateway | None = None
        self.route = "declared"
        self._let_go: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))

    def file(self, stream: str = "", more: str = "") -> str:
        """Write a gateway's file, with a route for anything and three for streams.

        `stream` and `more` are inside YAML mappings: of `stream` and of the routes that have it.
        """
        return f"""{HEAD}{PRINCIPALS}
drain: {{time: 100ms, hard_cap: 2s}}
upstreams:
  stage: http://127.0.0.1:{self.upstream.port}
routes:
  - {{name: page, path: /, upstream: stage, access: public}}
  - {{name: client, path: {MODULE_PATH}, upstream: stage, access: public}}
  - {{name: free, path: /free/*, upstream: stage, access: public}}
  - {{name: declared, path: /declared/*, upstream: stage, access: public, stream: {{{stream}}}, {more}}}
  - {{name: only, path: /only/*, upstream: stage, access: upstream, stream: {{{stream}}}, {more}}}
  - {{name: shared, path: /shared/*, upstream: stage, access: public, stream: {{shared: true, replay: {{}}}}}}
"""

    def url(self, path: str = "/", *, host: str = "stage.test") -> str:
        """Return the URL of a path, where the browser asks for it."""
        return f"http://{host}:{(self.gateway or self.upstream).port}{path}"

    def expect_errors(self) -> None:
        """Let the gateway, if there is one, log what the upstream does wrong."""
        if self.gateway is not None:
            self.gateway.errors_expected = True

    def stream(self, name: str) -> str:
        """Return the path of a stream on a route declared to carry streams."""
        return f"/{self.route}/{name}"

    def go(self, name: str) -> None:
        """Let the next piece of a stream go."""
        self._let_go[name].release()

    def openings(self, name: str) -> list[Exchange]:
        """Tell every request for a stream so far."""
        return [exchange for exchange in self.upstream.exchanges if exchange.path.endswith(f"/{name}")]

    async def opened(self, name: str, count: int = 1, seconds: float = 15.0) -> Exchange:
        """Wait until a stream was asked for `count` times, and return the last of these requests."""
        while len(self.openings(name)) < count:
            await self.upstream.next(seconds)
        return self.openings(name)[count - 1]

    async def _perform(self, exchange: Exchange) -> None:
        name = exchange.path.rsplit("/", 1)[1]
        turn = self.openings(name).index(exchange)
        answers = self.answers.get(name, ())
        answer = answers[turn] if turn < len(answers) else NO_CONTENT
        await self._give(exchange, answer, self._let_go[name])

    async def _give(self, exchange: Exchange, answer: Answer, let_go: asyncio.Semaphore) -> None:
        first, *others = answer.pieces
        await exchange.write(answer.head + answer.framed(first))
        for piece in others:
            await let_go.acquire()
            await exchange.write(answer.framed(piece))
        await _end(exchange, answer)


async def _end(exchange: Exchange, answer: Answer) -> None:
    if answer.ending is Ending.END:
        await exchange.write(b"0\r\n\r\n" if answer.chunked else b"")
        return
    if answer.ending is Ending.SILENCE:
        await exchange.wire.gone.wait()
    if answer.ending is Ending.RESET:
        exchange.wire.abort()
    raise Done


def comes_back(page: Page, status: int) -> bool:
    """Tell whether what the page opens streams with asks again after an answer of this status."""
    return status in COMES_BACK_AFTER[page.constructor]


def failed(page: Page, status: int) -> Told:
    """Return what a page gets of an answer that opens no stream, where the one after it is 204."""
    return LOST * (1 + comes_back(page, status))


async def perform(page: Page, asked: Sequence[tuple[str, Sequence[str]]]) -> list[Told]:
    """Open streams, each by a URL and the types of its events, and tell what the page got of each.

    It gets what comes before the event `end`, or before the stream has failed for good.
    """
    streams = [[url, list(types)] for url, types in asked]
    told = await page.evaluate(PERFORM, [page.constructor, MODULE_PATH, streams])
    return [[(kind, data, last_id) for kind, data, last_id in log] for log in told]
