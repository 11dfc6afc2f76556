"""Event streams as a service sends them: pieces, beats, ends, and clients that leave or do not read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from examples.vx11.problems import answer_problems, mark_response
from examples.vx11.streaming import send_stream
from tests.examples.vx11.services import listening
from tests.examples.vx11.sse import read_block
from tests.fakes.gates import soon


class Source:
    """Pieces that the test puts in; `ended` is set when nobody takes them any more."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.ended = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        """Yield the pieces until one is None."""
        try:
            while (piece := await self.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.ended.set()


@asynccontextmanager
async def _serving(
    source: Source, *, heartbeat: float = 3600, write_seconds: float = 30
) -> AsyncIterator[str]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await send_stream(request, source(), heartbeat=heartbeat, write_seconds=write_seconds)

    app = web.Application(middlewares=[answer_problems])
    app.on_response_prepare.append(mark_response)
    app.router.add_get("/", handler)
    async with listening(app) as url:
        yield url


async def test_pieces_arrive_and_the_end_is_clean() -> None:
    """Each is sent as it comes, unbuffered and uncached, and after the last the stream is over."""
    source = Source()
    async with _serving(source) as url, aiohttp.ClientSession() as session, session.get(url) as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.headers["Cache-Control"] == "no-store"
        for number in range(3):
            source.pieces.put_nowait(b"data: %d\n\n" % number)
            block = await read_block(stream.content)
            assert block is not None
            assert block.lines == [f"data: {number}"]
        source.pieces.put_nowait(None)
        assert await read_block(stream.content) is None


async def test_an_idle_stream_beats_and_loses_nothing() -> None:
    """Comments come when nothing else does, and the next piece is whole."""
    source = Source()
    serving = _serving(source, heartbeat=0.01)
    async with serving as url, aiohttp.ClientSession() as session, session.get(url) as stream:
        for _ in range(3):
            block = await read_block(stream.content)
            assert block is not None
            assert block.lines == [": beat"]
        source.pieces.put_nowait(b"data: 1\n\n")
        while (block := await read_block(stream.content)) is not None and block.lines == [": beat"]:
            pass
        assert block is not None
        assert block.lines == ["data: 1"]


async def test_a_client_that_leaves_ends_the_source() -> None:
    """Nothing is read for it any more."""
    source = Source()
    async with _serving(source) as url, aiohttp.ClientSession() as session:
        stream = await session.get(url)
        source.pieces.put_nowait(b"data: 1\n\n")
        await read_block(stream.content)
        stream.close()
        await soon(source.ended.wait())


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """Past the time that a write may take, its connection is broken, and the source ends."""
    source = Source()
    async with _serving(source, write_seconds=0.05) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.setblocking(False)
            connection.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            for _ in range(40):
                source.pieces.put_nowait(b"data: %b\n\n" % (b"x" * 1024 * 1024))
            await soon(source.ended.wait())
            received = await soon(_read_to_the_end(connection))
    assert not source.pieces.empty()
    assert not received.endswith(b"\r\n0\r\n\r\n")


async def test_a_source_that_fails_is_seen_as_cut(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets what came before, and then no clean end."""
    source = Source()
    async with _serving(source) as url, aiohttp.ClientSession() as session, session.get(url) as stream:
        source.pieces.put_nowait(b"data: 1\n\n")
        source.pieces.put_nowait(RuntimeError("broken"))
        await read_block(stream.content)
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_block(stream.content)
    assert "RuntimeError" in caplog.text


async def _read_to_the_end(connection: socket.socket) -> bytes:
    loop, received = asyncio.get_running_loop(), bytearray()
    try:
        while data := await loop.sock_recv(connection, 1 << 20):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)
