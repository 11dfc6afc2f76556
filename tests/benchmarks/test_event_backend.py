"""Tests of the backend whose streams beat."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import cast

import pytest

from scripts.benchmarks import event_backend
from scripts.benchmarks.event_backend import (
    HEAD_END,
    MARK,
    SMALLEST_EVENT,
    STAMP_DIGITS,
    STREAM_HEAD,
    Beat,
    Publisher,
    Stream,
    main,
    make_event,
    make_message,
    serve,
)
from scripts.benchmarks.event_load import count_open
from tests.fakes.gates import eventually, soon
from tests.fakes.ports import free_port

ASK = b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n"
RATE = 50.0


class Recorder:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        """Keep `data`."""
        self.written.append(data)

    def is_closing(self) -> bool:
        """Say what the test set."""
        return self.closing


@asynccontextmanager
async def backend(
    rate: float = RATE, *, together: bool = False, hub: int | None = None
) -> AsyncIterator[int]:
    """Run a backend and yield its port."""
    port = free_port()
    beat = Beat(rate=rate, size=SMALLEST_EVENT, together=together)
    serving = asyncio.create_task(serve(port, beat, hub=hub))
    try:
        await eventually(lambda: serving.done() or _listens(port))
        yield port
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def _listens(port: int) -> bool:
    with open("/proc/net/tcp") as table:
        return f"0100007F:{port:04X} 00000000:0000 0A" in table.read()


@asynccontextmanager
async def open_stream(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Ask for a stream in two pieces, read its head, and leave at the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(ASK[:10])
        await writer.drain()
        writer.write(ASK[10:])
        assert await soon(reader.readuntil(HEAD_END)) == STREAM_HEAD
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await soon(writer.wait_closed())


async def next_stamp(reader: asyncio.StreamReader) -> int:
    """Read one chunk with one event and return when it was sent."""
    size = int(await reader.readline(), 16)
    event = await reader.readexactly(size + 2)
    assert (size, event[-4:]) == (SMALLEST_EVENT, b"\n\n\r\n")
    return int(event.removeprefix(MARK)[:STAMP_DIGITS])


def test_an_event_is_one_chunk_of_its_size() -> None:
    """The size is that of the event, without the chunk's frame, and the stamp has a fixed place."""
    assert make_event(30, 1234) == b"1e\r\ndata: 00000000000000001234xx\n\n\r\n"


def test_a_message_makes_the_same_event() -> None:
    """The hub puts its mark before the body and an empty line behind it."""
    head, _, body = make_message(30, 1234).partition(HEAD_END)
    assert head.splitlines()[0] == b"POST /publish HTTP/1.1"
    assert head.endswith(b"Content-Length: 22")
    assert b"1e\r\n%b%b\n\n\r\n" % (MARK, body) == make_event(30, 1234)


async def stamps_after(reader: asyncio.StreamReader, moment: int, count: int) -> list[int]:
    """Return the stamps of the first `count` events sent after `moment`."""
    found: list[int] = []
    while len(found) < count:
        stamp = await soon(next_stamp(reader))
        found.extend([stamp] if stamp > moment else [])
    return found


async def test_streams_beat_in_turn() -> None:
    """In each period each stream has one event, always at the same place among the others."""
    async with backend() as port, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(open_stream(port)) for _ in range(3)]
        moment = time.monotonic_ns()
        stamps = [await stamps_after(reader, moment, 6) for reader in readers]
    turns = [place for _, place in sorted((stamp, place) for place in range(3) for stamp in stamps[place])]
    start = turns.index(2) + 1  # the last to come may have missed the period under way
    whole = turns[start : start + 12]
    assert whole == [0, 1, 2] * 4


async def test_who_leaves_is_forgotten() -> None:
    """The count of open streams follows those who come and go."""
    async with backend() as port:
        assert await asyncio.to_thread(count_open, port) == 0
        async with open_stream(port) as reader:
            await soon(next_stamp(reader))
            async with open_stream(port):
                assert await asyncio.to_thread(count_open, port) == 2
            async with asyncio.timeout(5):
                while await asyncio.to_thread(count_open, port) != 1:
                    pass
            await soon(next_stamp(reader))


@pytest.mark.parametrize("state", ["lags", "has left"])
def test_nothing_is_collected_for_a_reader_that(state: str) -> None:
    """Its events are left out."""
    transport, stream = Recorder(), Stream({})
    stream.connection_made(cast(asyncio.BaseTransport, transport))
    stream.send(1, SMALLEST_EVENT)
    if state == "lags":
        stream.pause_writing()
    transport.closing = state == "has left"
    stream.send(2, SMALLEST_EVENT)
    transport.closing = False
    stream.resume_writing()
    stream.send(3, SMALLEST_EVENT)
    assert transport.written == [make_event(SMALLEST_EVENT, 1), make_event(SMALLEST_EVENT, 3)]


async def test_the_end_of_the_backend_ends_its_streams() -> None:
    """Nothing is left open."""
    async with AsyncExitStack() as stack:
        async with backend() as port:
            reader = await stack.enter_async_context(open_stream(port))
        with suppress(ConnectionError):
            await soon(reader.read())


async def test_streams_beat_together() -> None:
    """Then the events of all are closer to each other than to those of the next period."""
    async with backend(rate=5, together=True) as port, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(open_stream(port)) for _ in range(3)]
        moment = time.monotonic_ns()
        stamps = [await stamps_after(reader, moment, 4) for reader in readers]
    shared = sorted(stamp for one in stamps for stamp in one)[
        3:9
    ]  # the first may hold one of the period before
    pauses = [later - earlier for earlier, later in itertools.pairwise(shared)]
    assert sum(pause > max(pauses) / 2 for pause in pauses) <= 2


async def test_a_hub_is_posted_each_event() -> None:
    """It gets them over one connection, and that is no stream of the backend."""
    posted: asyncio.Queue[list[bytes]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads = [await reader.readuntil(HEAD_END) for _ in range(3)]  # a body stands before the next head
        posted.put_nowait(heads)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server, backend(hub=server.sockets[0].getsockname()[1]) as port:
        heads = await soon(posted.get())
        assert await asyncio.to_thread(count_open, port) == 0
    assert [b"POST /publish HTTP/1.1" in head for head in heads] == [True] * 3


async def test_a_silent_backend_has_streams() -> None:
    """A rate of 0 opens them and says nothing."""
    async with backend(rate=0) as port, open_stream(port) as reader:
        assert await asyncio.to_thread(count_open, port) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)


def test_a_publisher_does_not_wait_for_answers() -> None:
    """Each event is one message more."""
    transport, publisher = Recorder(), Publisher()
    publisher.connection_made(cast(asyncio.BaseTransport, transport))
    publisher.send(1, SMALLEST_EVENT)
    publisher.send(2, SMALLEST_EVENT)
    assert transport.written == [make_message(SMALLEST_EVENT, 1), make_message(SMALLEST_EVENT, 2)]


def test_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for arrives."""
    served: list[tuple[object, ...]] = []

    async def note(port: int, beat: Beat, *, hub: int | None) -> None:
        served.append((port, beat, hub))

    monkeypatch.setattr(event_backend, "serve", note)
    main(["--port=1", "--rate=10", "--size=200", "--together", "--hub=2"])
    assert served == [(1, Beat(rate=10, size=200, together=True), 2)]
