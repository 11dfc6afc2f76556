"""The two ends of an upstream connection: a server whose bytes the test writes, and a sink that remembers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from tentaculo.config.settings import Server, Timeouts, TlsSettings, UpstreamSettings
from tentaculo.errors import GatewayError
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.reply import ReplyHead
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.sockets import Listener, Wire

REQUEST = b"GET /x HTTP/1.1\r\nHost: upstream.test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PART = OK + b"Content-Length: 10\r\n\r\nhello"
REPLY = OK + b"Content-Length: 5\r\n\r\nhello"
KEEP_ALIVE = 4.0
MUCH = b"u" * (16 * 1024 * 1024)


def word(error: GatewayError) -> tuple[type[GatewayError], str]:
    """Kind and reason of an error."""
    return type(error), error.reason


def settings_of(
    port: int, *, scheme: str = "http", keep_alive: float = KEEP_ALIVE, tls: TlsSettings | None = None
) -> UpstreamSettings:
    """Configure an upstream on the loopback address."""
    return UpstreamSettings(
        name="backend",
        servers=(Server(scheme, "127.0.0.1", port),),
        timeouts=Timeouts(keep_alive=keep_alive),
        tls=tls or TlsSettings(),
    )


def reset(wire: Wire) -> None:
    """End a connection with RST."""
    sock = wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.abort()


async def turns(number: int = 50) -> None:
    """Let the loop turn, so that what would happen can happen."""
    for _ in range(number):
        await asyncio.sleep(0)


class ManualServer:
    """Accepts connections and does nothing with them: tests read and write on their own."""

    def __init__(self, *, limit: int = 4 * 1024 * 1024) -> None:
        self._accepted: asyncio.Queue[Wire] = asyncio.Queue()
        self._over = asyncio.Event()
        self._listener = Listener(self._serve, limit=limit)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._listener.port

    async def start(self, port: int = 0) -> None:
        """Listen."""
        await self._listener.start(port)

    async def stop(self) -> None:
        """Drop everything."""
        await self._listener.stop()

    async def accept(self) -> Wire:
        """Wait for the next connection."""
        return await soon(self._accepted.get())

    async def _serve(self, wire: Wire) -> None:
        self._accepted.put_nowait(wire)
        await self._over.wait()


class Sink:
    """A reply sink that keeps what it got; `on_interim` and `on_reply` run inside the callbacks."""

    def __init__(self) -> None:
        self.interim: list[int] = []
        self.head: ReplyHead | None = None
        self.body = b""
        self.pieces: list[bytes] = []
        self.ends = 0
        self.errors: list[GatewayError] = []
        self.on_interim: Callable[[], None] = lambda: None
        self.on_reply: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()

    def interim_received(self, head: ReplyHead) -> None:
        """Take a 1xx head."""
        self.interim.append(head.status)
        self._changed.set()
        self.on_interim()

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """Take what a read brought."""
        assert (head is None) is (self.head is not None)
        assert not self.ends
        assert not self.errors
        self.head = self.head or head
        self.pieces.append(body)
        self.body = b"".join(self.pieces)
        self.ends += ended
        self._changed.set()
        self.on_reply()

    def reply_failed(self, error: GatewayError) -> None:
        """Take a failure."""
        assert not self.ends
        self.errors.append(error)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is true of what came."""
        async with asyncio.timeout(5):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def whole(self) -> tuple[int, bytes]:
        """Wait for a whole reply; its status and body."""
        await self.until(lambda: bool(self.ends or self.errors))
        assert not self.errors, self.errors
        assert self.head is not None
        return self.head.status, self.body

    async def failure(self) -> GatewayError:
        """Wait for a failure, which must come once and alone."""
        await self.until(lambda: bool(self.ends or self.errors))
        assert not self.ends
        assert len(self.errors) == 1
        return self.errors[0]

    @property
    def is_silent(self) -> bool:
        """Whether nothing of a reply came, neither good nor bad."""
        return self.head is None and not self.errors


def ask_for(sink: Sink, *, is_head: bool = False, response: float = 30.0, idle: float = 60.0) -> Ask:
    """Ask with a sink."""
    return Ask(sink, is_head, response, idle)


class Link:
    """A connection with its other end and those who are told of it; `clock` moves its deadlines.

    `aborts` are the seconds by which the connection outlived its client.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.idle: list[UpstreamConnection] = []
        self.closed: list[UpstreamConnection] = []
        self.aborts: list[float] = []
        self.connection = UpstreamConnection(
            self.deadlines,
            on_idle=self.idle.append,
            on_closed=self.closed.append,
            aborted=self.aborts.append,
        )
        self.wire: Wire

    async def open(self, server: ManualServer) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.connection, "127.0.0.1", server.port)  # type: ignore[type-var]
        self.connection.watch()
        self.wire = await server.accept()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        self.connection.abort()
        self.deadlines.close()
        await self.is_closed()

    async def is_closed(self) -> None:
        """Wait until the connection was told to be closed."""
        await eventually(lambda: self.closed == [self.connection])

    def ask(self, *, is_head: bool = False, whole: bool = True, data: bytes = REQUEST) -> Sink:
        """Send a request."""
        sink = Sink()
        self.connection.ask(ask_for(sink, is_head=is_head), data, whole=whole)
        return sink

    async def exchange(self, reply: bytes = REPLY) -> Sink:
        """Send a request, and answer it whole."""
        sink = self.ask()
        await self.heard()
        self.wire.writer.write(reply)
        await sink.whole()
        return sink

    async def heard(self) -> bytes:
        """Read a request's head at the other end."""
        return await soon(self.wire.source.until(b"\r\n\r\n"))

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()
