"""A Server-Sent Events server of others: `sse-starlette` on `uvicorn`, unmodified, in a thread of its own.

It numbers its events and honours `Last-Event-ID`. What a test sees of it are objects of the test's own loop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.fakes.gates import soon
from tests.fakes.messages import Head

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
STOPPED_WITHIN_SECONDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class SseStream:
    """One open stream as the server saw it; `gone` is set once it ended, for whatever reason."""

    head: Head
    peer: tuple[str, int]
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def query(self) -> str:
        """The query as it came, without its question mark."""
        return self.head.target.partition("?")[2]

    @property
    def last_event_id(self) -> str | None:
        """The id after which the client wants to go on."""
        return self.head.value("Last-Event-ID")


class SseServer:
    """Serves `/events`: to a client without `Last-Event-ID` what is published from now on.

    `retry_ms` is when it tells its clients to reconnect. `allow_origin` lets pages of other origins read it.
    """

    def __init__(
        self, *, retry_ms: int = 50, ping_seconds: int = 15, allow_origin: str | None = None
    ) -> None:
        self.streams: list[SseStream] = []
        self.arrivals: asyncio.Queue[SseStream] = asyncio.Queue()
        self._retry_ms = retry_ms
        self._ping_seconds = ping_seconds
        self._fields = {"Access-Control-Allow-Origin": allow_origin} if allow_origin else {}
        self._published = 0
        self._history: list[tuple[int, ServerSentEvent]] = []
        self._queues: dict[SseStream, asyncio.Queue[ServerSentEvent | None]] = {}
        self._tests_loop: asyncio.AbstractEventLoop
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        app = Starlette(routes=[Route("/events", self._events)])
        # The peer is whoever connected, also when that is a gateway that names its client.
        config = uvicorn.Config(
            app, lifespan="off", ws="none", loop="asyncio", log_config=None, proxy_headers=False
        )
        self._server = uvicorn.Server(config)

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        self._tests_loop = asyncio.get_running_loop()
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        running: Future[None] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._run(listening, running),), name="SSE server", daemon=True
        )
        self._thread.start()
        await soon(asyncio.wrap_future(running))

    async def stop(self) -> None:
        """Drop every connection, and wait for the thread's end."""
        self._server.should_exit = True
        self.drop()
        await asyncio.to_thread(self._thread.join, STOPPED_WITHIN_SECONDS)
        assert not self._thread.is_alive(), "the SSE server goes on"

    @property
    def url(self) -> str:
        """The address of its event stream."""
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def open(self) -> list[SseStream]:
        """The streams that have not ended."""
        return [stream for stream in self.streams if not stream.gone.is_set()]

    @property
    def connections(self) -> int:
        """How many TCP connections to it are open, with a stream or without."""
        return len(self._server.server_state.connections)

    async def next(self, seconds: float = 15.0) -> SseStream:
        """Wait for the next stream to open."""
        return await soon(self.arrivals.get(), seconds)

    def publish(self, data: str, *, event: str | None = None) -> str:
        """Send an event to every open stream and keep it for those that come back; return its id."""
        self._published += 1
        number = self._published
        sent = ServerSentEvent(data, id=str(number), event=event)
        self._loop.call_soon_threadsafe(self._publish, number, sent)
        return str(number)

    def drop(self, stream: SseStream | None = None) -> None:
        """Reset the connection of one stream, or every connection."""
        self._loop.call_soon_threadsafe(self._drop, stream)

    def end(self, stream: SseStream) -> None:
        """End a stream as a server does that has no more to say."""
        self._loop.call_soon_threadsafe(lambda: self._queues[stream].put_nowait(None))

    # What follows runs in the server's own thread.

    async def _run(self, listening: socket.socket, running: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        running.set_result(None)
        await self._server.serve(sockets=[listening])

    async def _events(self, request: Request) -> EventSourceResponse:
        if self._server.should_exit:
            self._drop(None)  # a browser that comes back at once would keep the server from ending
        assert request.client is not None
        stream = SseStream(_head(request), (request.client.host, request.client.port))
        return EventSourceResponse(self._feed(stream), headers=self._fields, ping=self._ping_seconds)

    async def _feed(self, stream: SseStream) -> AsyncIterator[ServerSentEvent]:
        queue = self._queues[stream] = self._missed(stream)
        self._tell(self._opened, stream)
        try:
            yield ServerSentEvent(comment="welcome", retry=self._retry_ms)
            while (event := await queue.get()) is not None:
                yield event
        finally:
            del self._queues[stream]
            self._tell(stream.gone.set)

    def _missed(self, stream: SseStream) -> asyncio.Queue[ServerSentEvent | None]:
        queue: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
        last = self._history_end if stream.last_event_id is None else int(stream.last_event_id)
        for event in (event for number, event in self._history if number > last):
            queue.put_nowait(event)
        return queue

    @property
    def _history_end(self) -> int:
        return self._history[-1][0] if self._history else 0

    def _publish(self, number: int, event: ServerSentEvent) -> None:
        self._history.append((number, event))
        for queue in self._queues.values():
            queue.put_nowait(event)

    def _drop(self, stream: SseStream | None) -> None:
        for connection in list(self._server.server_state.connections):
            transport = connection.transport
            if stream is None or transport.get_extra_info("peername") == stream.peer:
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE
                )
                transport.abort()

    def _tell(self, call: Callable[..., None], *arguments: SseStream) -> None:
        self._tests_loop.call_soon_threadsafe(call, *arguments)

    # And this in the test's again.

    def _opened(self, stream: SseStream) -> None:
        self.streams.append(stream)
        self.arrivals.put_nowait(stream)


def _head(request: Request) -> Head:
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    start = f"{request.method} {path}{'?' * bool(query)}{query} HTTP/{request.scope['http_version']}"
    raw = "\r\n".join([start, *(f"{name}: {value}" for name, value in fields), "", ""]).encode("latin-1")
    return Head(start, fields, raw)
