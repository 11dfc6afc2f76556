"""Shared streams with clients whose transports remember what was written, and no upstream but the test."""

from __future__ import annotations

from tentaculo.errors import GatewayError, TooManyStreams
from tentaculo.relay.delivery import Delivery, Recipient
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.shared_stream import SharedStream
from tentaculo.relay.subscription import SharedHead, Subscription
from tentaculo.wire.event_blocks import Block, BlockSplitter
from tests.functional.configuration import PRINCIPALS, configuration
from tests.functional.running import OTHER_TOKEN
from tests.functional.tokens import ADMIN_TOKEN
from tests.relay.front import Front
from tests.relay.parts import RecordingTransport

HEAD = SharedHead(200, [b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream"], set())
NOT_FOUND = SharedHead(404, [b"HTTP/1.1 404 Not Found"], set())
NO_MORE = SharedHead(204, [b"HTTP/1.1 204 No Content"], set())
LAST_CHUNK = b"0\r\n\r\n"
OTHER = f"  - {{name: other-ui, token: {OTHER_TOKEN}}}\n"


def shared_route(
    options: str = "",
    *,
    name: str = "events",
    path: str | None = None,
    more: str = "",
    heartbeat: str = "null",
    upstream: str = "backend",
) -> str:
    """Write a route whose streams are shared; `options` and `more` are the inside of YAML mappings."""
    stream = f"{{shared: true, heartbeat: {heartbeat}, {options}}}"
    place = f"name: {name}, path: '{path or f'/{name}'}', upstream: {upstream}"
    return f"  - {{{place}, stream: {stream}, {more}}}\n"


def shared_configuration(port: int, *routes: str, extra: str = "") -> str:
    """Write a file with these routes, two principals, and an admin token."""
    text = configuration(port, routes="routes:\n" + "".join(routes or (shared_route(),)), extra=extra)
    text = text.replace(PRINCIPALS, PRINCIPALS + OTHER)
    return text.replace("admin: 127.0.0.1:0", f"admin: {{address: 127.0.0.1:0, token: {ADMIN_TOKEN}}}")


def plan_in(front: Front, path: str = "/events") -> RoutePlan:
    """Return the route of a path."""
    plan = front.relay.snapshot.table.match("gateway.test", path, "GET")
    assert isinstance(plan, RoutePlan)
    return plan


def event(number: int, size: int = 0) -> bytes:
    """Write an event with an id."""
    return b"id: %d\ndata: event %d%b\n\n" % (number, number, b" " + b"x" * size if size else b"")


def events(start: int, end: int) -> bytes:
    """Write the events from one number on, up to another and with it."""
    return b"".join(event(number) for number in range(start, end + 1))


def blocks_of(data: bytes) -> list[Block]:
    """Cut a stream into its blocks."""
    return BlockSplitter(2**24).feed(data)


def dechunked(data: bytes) -> bytes:
    """Join the chunks of a body, as far as it goes."""
    body = b""
    while data:
        line, _, rest = data.partition(b"\r\n")
        size = int(line, 16)
        assert rest[size : size + 2] == b"\r\n"
        body, data = body + rest[:size], rest[size + 2 :]
    return body


class Hearer:
    """One client of a shared stream; `done` holds what it was told at its end.

    `opened`, `denials` and `first_events` are what the watch of its stream was told; without `room` no
    stream may open.
    """

    def __init__(
        self,
        plan: RoutePlan,
        last_event_id: bytes = b"",
        *,
        http10: bool = False,
        keep_alive: bool = True,
        room: bool = True,
        gone: bool = False,
        extra: bytes = b"",
    ) -> None:
        self.transport = RecordingTransport()
        self.done: list[GatewayError | None] = []
        self.opened: list[Delivery] = []
        self.denials: list[int] = []
        self.first_events = 0
        self._room = room
        self._http10 = http10
        self.client = Subscription(
            Recipient(
                None if gone else self.transport,
                http10=http10,
                request_id="id-1",
                keep_alive=keep_alive,
                extra=extra,
            ),
            self.done.append,
            plan,
            self,
            last_event_id=last_event_id,
        )

    def stream_opening(self, delivery: Delivery) -> None:
        """Count a stream."""
        if not self._room:
            raise TooManyStreams("streams")
        self.opened.append(delivery)

    def stream_denied(self, status: int) -> None:
        """Note it, and let it pass."""
        self.denials.append(status)

    def first_event(self) -> None:
        """Count the first event."""
        self.first_events += 1

    @property
    def head(self) -> list[bytes]:
        """The lines of the head."""
        return self.transport.written.partition(b"\r\n\r\n")[0].split(b"\r\n")

    @property
    def raw(self) -> bytes:
        """What came behind it, as it was framed."""
        return self.transport.written.partition(b"\r\n\r\n")[2]

    @property
    def body(self) -> bytes:
        """What came behind it."""
        return self.raw if self._http10 else dechunked(self.raw)


class Stage:
    """A shared stream whose source is the test.

    `deserted` counts how often its last client left, `idle` how often it was said to be wanted no more.
    """

    def __init__(self, front: Front, path: str = "/events") -> None:
        self.front = front
        self.plan = plan_in(front, path)
        self.idle = self.deserted = 0
        self._epochs = iter("abcdef")
        self.stream = SharedStream(
            front.relay,
            self.plan,
            on_deserted=self._on_deserted,
            on_idle=self._on_idle,
            new_epoch=lambda: next(self._epochs),
        )

    def _on_deserted(self) -> None:
        self.deserted += 1

    def _on_idle(self) -> None:
        self.idle += 1

    def join(self, last_event_id: bytes = b"", *, http10: bool = False, room: bool = True) -> Hearer:
        """Have one more client."""
        hearer = Hearer(self.plan, last_event_id, http10=http10, room=room)
        self.stream.join(hearer.client)
        return hearer

    def sends(self, *pieces: bytes) -> None:
        """Have the upstream send whole events, each piece in a read of its own."""
        for piece in pieces:
            self.stream.received(blocks_of(piece))


def opened(front: Front, path: str = "/events") -> Stage:
    """Return a shared stream with an open upstream and no clients."""
    stage = Stage(front, path)
    stage.stream.opened(HEAD)
    return stage
