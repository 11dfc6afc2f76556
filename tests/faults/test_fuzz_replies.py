"""Thousands of broken replies: each client gets one answer, whole or cut, and nobody gets another's."""

from __future__ import annotations

import asyncio
from typing import Any

from tentaculo.errors import GatewayError
from tentaculo.upstream.connection import Ask, UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.reply import ReplyHead
from tests.fakes.client import request
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.mutations import Mutator
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

PARSED = 20_000
RELAYED = 1000
BATCH = 100
PATIENCE_SECONDS = 1.5
OK = b"HTTP/1.1 200 OK\r\n"
SMUGGLED = OK + b"Content-Length: 8\r\n\r\nsmuggled"
OWN = OK + b"Content-Length: 12\r\n\r\nvictim's own"
EVENTS = b"Content-Type: text/event-stream\r\n"
REPLIES = [
    OK + b"Content-Length: 5\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\n\r\nhello",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;x=y\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n",
    OK + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED,
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    OK + b"Connection: close\r\n\r\nuntil the end",
    OK + EVENTS + b"Transfer-Encoding: chunked\r\n\r\n" + b"b\r\ndata: one\n\n\r\n" * 3 + b"0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbytes",
    b"HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
]
WORDS = (
    b"HTTP/1.1 ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"200",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Keep-Alive: timeout=0\r\n",
    b"0\r\n\r\n",
    b"\r\n 5\r\n",
    SMUGGLED,
)


class OneReply:
    """Takes what a connection makes of a reply, and holds it to the order of such calls."""

    def __init__(self) -> None:
        self.over = False
        self.began = False

    def interim_received(self, head: ReplyHead) -> None:
        """An interim head comes before the reply."""
        assert not self.began
        assert 100 <= head.status < 200

    def reply_received(self, head: ReplyHead | None, body: bytes, framed: bytes, *, ended: bool) -> None:
        """The head comes once, and first."""
        assert not self.over
        assert (head is None) is self.began
        assert head is None or head.status >= 200
        self.began, self.over = True, ended

    def reply_failed(self, error: GatewayError) -> None:
        """It fails once, and then nothing more comes."""
        assert not self.over
        self.over = True


class DeafTransport(asyncio.Transport):
    """Takes everything and remembers only that it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self._closing = False

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closing

    def close(self) -> None:
        """Be closed."""
        self._closing = True

    def abort(self) -> None:
        """Be closed."""
        self._closing = True

    def write(self, data: Any) -> None:
        """Take it."""

    def get_write_buffer_size(self) -> int:
        """Nothing is ever held up."""
        return 0

    def pause_reading(self) -> None:
        """Nothing is read anyway."""

    def resume_reading(self) -> None:
        """Nothing is read anyway."""


def feed(reads: list[bytes], deadlines: Deadlines, *, is_head: bool) -> None:
    """Give one fresh connection a reply."""
    idle: list[UpstreamConnection] = []
    connection = UpstreamConnection(deadlines, on_idle=idle.append, on_closed=lambda _: None)
    transport, sink = DeafTransport(), OneReply()
    connection.connection_made(transport)
    connection.ask(Ask(sink, is_head, 10.0, 10.0), b"GET / HTTP/1.1\r\n\r\n", whole=True)
    for read in reads:
        if transport.is_closing():
            break
        connection.data_received(read)
    connection.connection_lost(None)
    assert sink.over


async def test_connection() -> None:
    """No bytes make a connection raise, or tell of a second reply."""
    mutator, deadlines = Mutator(seed=2, words=WORDS), Deadlines()
    for number, raw in enumerate(mutator.inputs(REPLIES, PARSED)):
        try:
            feed(mutator.slices(raw), deadlines, is_head=number % 5 == 0)
        except Exception as fault:
            raise AssertionError(f"{fault!r} from {raw!r}") from fault
    deadlines.close()


async def ask(gateway: RunningGateway, path: str, method: str) -> bytes:
    """Ask for a broken reply; what the client got, whether it was whole or not."""
    client = await gateway.client()
    await client.send(request(method, path, [*GOOD, ("Connection", "close")]))
    try:
        await client.reply(method, PATIENCE_SECONDS)
        await client.rest(PATIENCE_SECONDS)
    except Cut:
        pass
    except TimeoutError:
        assert b"text/event-stream" in client.wire.seen  # a stream waits for its next event
    client.leave()
    return client.wire.seen


async def test_relayed(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """What reaches a client is at most one reply, and the clients beside it get their own."""
    timeouts = "response: 200ms, idle: 200ms"
    text = configuration(upstream.port, timeouts=timeouts)
    # Its server is never ejected: the victims' calls come in between.
    gateway = await start_gateway(text.replace("timeouts:", "breaker: {faults: 1000000}, timeouts:"))
    upstream.canned["/victim"] = OWN
    inputs = list(Mutator(seed=3, words=WORDS).inputs(REPLIES, RELAYED))
    for start in range(0, RELAYED, BATCH):
        batch = inputs[start : start + BATCH]
        for number, raw in enumerate(batch):
            upstream.canned[f"/fuzz/{number}"] = raw
        methods = ["HEAD" if number % 7 == 0 else "GET" for number in range(len(batch))]
        answers = await asyncio.gather(
            *(ask(gateway, f"/fuzz/{number}", method) for number, method in enumerate(methods))
        )
        for raw, answer in zip(batch, answers, strict=True):
            assert single(answer, raw), (raw, answer)
        replies = await asyncio.gather(*(gateway.call("/victim") for _ in range(5)))
        assert {(reply.status, reply.body) for reply in replies} == {(200, b"victim's own")}
    await comes_to_rest(gateway)


def single(answer: bytes, raw: bytes) -> bool:
    """Whether there is one final status line at most where the upstream's body held none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 1"):
        head, _, body = body.partition(b"\r\n\r\n")
    return b"\nHTTP/1." not in head and not body.startswith(b"HTTP/1.")
