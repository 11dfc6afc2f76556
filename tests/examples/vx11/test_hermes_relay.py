"""hermes' stream as the operator passes it on: ids, cuts, silence, and the way back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from examples.vx11.bus_client import BackOff
from examples.vx11.hermes_relay import HermesRelay
from examples.vx11.problems import Refused
from tests.examples.vx11.services import no_pause
from tests.fakes.gates import Gates, soon

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n\n\n"


class FakeHermes:
    """Plays one scene for each connection, and notes what each came with."""

    def __init__(self) -> None:
        self.scenes: deque[Play] = deque()
        self.requests: list[str] = []
        self.gates = Gates()

    def says(self, *pieces: bytes, until: str | None = None) -> None:
        """Add a scene: these bytes, then the gate `until`, then the connection breaks."""

        async def play(writer: asyncio.StreamWriter) -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if until is not None:
                await self.gates.passed(until)

        self.scenes.append(play)

    def last_ids(self) -> list[str | None]:
        """Return the `Last-Event-ID` of each request."""
        return [self._field(request, "last-event-id") for request in self.requests]

    @asynccontextmanager
    async def serving(
        self, *, silent_seconds: float = 0.2, back_off: Callable[[], BackOff] = no_pause
    ) -> AsyncIterator[HermesRelay]:
        """Listen; yields a relay of it."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        relay = HermesRelay(f"http://{host}:{port}", back_off=back_off, silent_seconds=silent_seconds)
        try:
            yield relay
        finally:
            await relay.close()
            self.gates.open("end")
            server.close()
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        self.gates.open(f"request {len(self.requests)}")
        if self.scenes:
            await self.scenes.popleft()(writer)
        writer.close()

    @staticmethod
    def _field(request: str, name: str) -> str | None:
        fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
        return next((value for key, value in fields.items() if key.lower() == name), None)


@pytest.fixture
def hermes() -> FakeHermes:
    """A hermes of the test."""
    return FakeHermes()


def _event(number: int) -> bytes:
    return b'id: %d\ndata: {"n": %d}\n\n' % (number, number)


async def _read(pieces: AsyncGenerator[bytes, None], count: int) -> bytes:
    return b"".join([await soon(anext(pieces)) for _ in range(count)])


async def test_the_head_tells_the_place_and_the_operators_time(hermes: FakeHermes) -> None:
    """hermes' own reconnection time and its beats stay where they are."""
    hermes.says(HEAD, b"retry: 3000\nid: 7\n\n: beat\n\n", _event(8), until="end")
    async with hermes.serving() as relay, relay.open(None, "c-1", retry_ms=10_000) as pieces:
        assert await _read(pieces, 2) == b"retry: 10000\nid: 7\n\n" + _event(8)
        assert relay.stream_count == 1
    assert relay.stream_count == 0
    assert "X-Correlation-Id: c-1" in hermes.requests[0]
    assert hermes.last_ids() == [None]


@pytest.mark.parametrize(
    ("given", "sent"), [("abc-7", "abc-7"), ("ñ-7", "?-7"), ("\udcff", "?")], ids=["plain", "text", "bytes"]
)
async def test_the_last_id_is_passed_on(hermes: FakeHermes, given: str, sent: str) -> None:
    """hermes decides what it means; what no header can hold is as unknown to it as before."""
    hermes.says(HEAD, b"id: 7\n\n", until="end")
    async with hermes.serving() as relay, relay.open(given, "c-1", retry_ms=1) as pieces:
        await _read(pieces, 1)
    assert hermes.last_ids() == [sent]


@pytest.mark.parametrize(
    ("rest", "until"),
    [
        pytest.param(b"", None, id="between-events"),
        pytest.param(b'id: 9\ndata: {"n"', None, id="in-an-event"),
        pytest.param(b"id: 9\n", None, id="after-an-id"),
        pytest.param(b"", "end", id="silence"),
    ],
)
async def test_it_goes_on_after_the_last_whole_event(
    hermes: FakeHermes, rest: bytes, until: str | None
) -> None:
    """A connection that breaks anywhere, or falls silent, is made anew; every event comes once."""
    hermes.says(HEAD, b"id: 7\n\n", _event(8), rest, until=until)
    hermes.says(HEAD, b"retry: 3000\nid: 8\n\n", _event(9), until="end")
    async with hermes.serving() as relay, relay.open("7", "c-1", retry_ms=1) as pieces:
        assert await _read(pieces, 3) == b"retry: 1\nid: 7\n\n" + _event(8) + _event(9)
    assert hermes.last_ids() == ["7", "8"]


async def test_a_long_outage_is_bridged(hermes: FakeHermes) -> None:
    """Refusals, errors and answers of something else are tried again until hermes is back."""
    hermes.says(HEAD, b"id: 7\n\n")
    for answer in (
        b"",
        BUSY,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"not HTTP\r\n\r\n",
        HEAD,
    ):
        hermes.says(answer)
    hermes.says(HEAD, b"id: 7\n\n", _event(8), until="end")
    async with hermes.serving() as relay, relay.open(None, "c-1", retry_ms=1) as pieces:
        assert (await _read(pieces, 2)).endswith(_event(8))
    assert set(hermes.last_ids()[1:]) == {"7"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(BUSY, id="busy"),
        pytest.param(HEAD, id="head-only"),
        pytest.param(HEAD + b"id: 7", id="half-a-block"),
    ],
)
async def test_a_stream_that_can_not_begin_is_refused(hermes: FakeHermes, answer: bytes) -> None:
    """It is 503 at once, and nothing is counted or left open."""
    hermes.says(answer)
    async with hermes.serving() as relay:
        with pytest.raises(Refused) as refused:
            async with relay.open(None, "c-1", retry_ms=1):
                pass
        assert (refused.value.status, refused.value.code) == (503, "events_unavailable")
        assert relay.stream_count == 0


@pytest.mark.parametrize("is_away", [False, True], ids=["open", "reconnecting"])
async def test_streams_end_when_told(hermes: FakeHermes, *, is_away: bool) -> None:
    """An open one ends, and so does one that looks for hermes."""
    hermes.says(HEAD, b"id: 7\n\n", until=None if is_away else "end")
    async with hermes.serving() as relay, relay.open(None, "c-1", retry_ms=1) as pieces:
        await _read(pieces, 1)
        coming = asyncio.ensure_future(anext(pieces, None))
        await asyncio.sleep(0)
        relay.end_streams()
        assert await soon(coming) is None


async def test_streams_end_while_hermes_has_their_request(
    hermes: FakeHermes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is being opened is refused, one that is being opened again ends: at once."""
    monkeypatch.setattr("examples.vx11.hermes_relay.ANSWER_SECONDS", 60)
    hermes.says(HEAD, b"id: 7\n\n")
    hermes.says(until="end")
    hermes.says(until="end")
    async with (
        hermes.serving(silent_seconds=60) as relay,
        relay.open(None, "c-1", retry_ms=1) as pieces,
        AsyncExitStack() as stack,
    ):
        await _read(pieces, 1)
        ending = asyncio.ensure_future(anext(pieces, None))
        await soon(hermes.gates.passed("request 2"))
        opening = asyncio.ensure_future(stack.enter_async_context(relay.open(None, "c-2", retry_ms=1)))
        await soon(hermes.gates.passed("request 3"))
        for _ in range(5):  # at each step of their ends it may be told again
            relay.end_streams()
            await asyncio.sleep(0)
        assert await soon(ending) is None
        with pytest.raises(Refused):
            await soon(opening)


async def test_streams_end_between_two_tries(hermes: FakeHermes) -> None:
    """One that waits before it asks hermes again ends, and asks no more."""

    async def sleep(_seconds: float) -> None:
        hermes.gates.open("pausing")
        await hermes.gates.passed("end")

    hermes.says(HEAD, b"id: 7\n\n")
    async with (
        hermes.serving(back_off=lambda: BackOff(sleep=sleep)) as relay,
        relay.open(None, "c-1", retry_ms=1) as pieces,
    ):
        await _read(pieces, 1)
        ending = asyncio.ensure_future(anext(pieces, None))
        await soon(hermes.gates.passed("pausing"))
        relay.end_streams()
        assert await soon(ending) is None
        assert len(hermes.requests) == 1


async def test_an_event_as_large_as_they_come_passes(hermes: FakeHermes) -> None:
    """It is longer than one read."""
    large = b"id: 8\ndata: %b\n\n" % (b"x" * 200_000)
    hermes.says(HEAD, b"id: 7\n\n", large[:100_000], large[100_000:], until="end")
    async with hermes.serving() as relay, relay.open(None, "c-1", retry_ms=1) as pieces:
        await _read(pieces, 1)
        assert await _read(pieces, 1) == large
