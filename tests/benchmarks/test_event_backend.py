"""Tests of the backend whose streams beat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import cast

import pytest

from scripts.benchmarks.event_backend import (
    HEAD_END,
    MARK,
    SMALLEST_EVENT,
    STAMP_DIGITS,
    STREAM_HEAD,
    Stream,
    make_event,
    serve,
)
from scripts.benchmarks.event_load import count_open
from scripts.benchmarks.machine import free_ports
from tests.fakes.gates import eventually, soon

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
async def backend(rate: float = RATE) -> AsyncIterator[int]:
    """Run a backend and yield its port."""
    port = next(free_ports())
    serving = asyncio.create_task(serve(port, rate=rate, size=SMALLEST_EVENT))
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
    stream.send(b"1")
    if state == "lags":
        stream.pause_writing()
    transport.closing = state == "has left"
    stream.send(b"2")
    transport.closing = False
    stream.resume_writing()
    stream.send(b"3")
    assert transport.written == [b"1", b"3"]


async def test_the_end_of_the_backend_ends_its_streams() -> None:
    """Nothing is left open."""
    async with AsyncExitStack() as stack:
        async with backend() as port:
            reader = await stack.enter_async_context(open_stream(port))
        with suppress(ConnectionError):
            await soon(reader.read())
