"""Tests of the backend of big bodies."""

from __future__ import annotations

import asyncio
import http.client
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from scripts.benchmarks.big_backend import BLOCK_BYTES, BUFFER_BYTES, make_body, serve
from scripts.benchmarks.peers import BODY
from tests.fakes.gates import eventually, soon
from tests.fakes.ports import free_port

SIZE = 3 * BUFFER_BYTES + 7


@asynccontextmanager
async def backend() -> AsyncIterator[int]:
    """Run a backend and yield its port."""
    port = free_port()
    serving = asyncio.create_task(serve(port))
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


def ask(port: int, calls: list[tuple[str, bytes | None]]) -> list[bytes]:
    """Make the calls on one connection and return the bodies; one with a body is a POST."""
    answers = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        for path, body in calls:
            connection.request("GET" if body is None else "POST", path, body=body)
            answers.append(connection.getresponse().read())
    return answers


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, SIZE], ids=["empty", "one", "a block", "more"])
def test_a_body_has_its_size_and_is_always_the_same(size: int) -> None:
    """Whoever knows the size knows the body."""
    assert len(make_body(size)) == size
    assert make_body(size) == make_body(size)


def test_blocks_of_a_body_differ() -> None:
    """None can be lost or stand in for another unseen."""
    body = make_body(2 * BLOCK_BYTES)
    assert body[:BLOCK_BYTES] != body[BLOCK_BYTES:]


async def test_bodies_go_both_ways_on_one_connection() -> None:
    """Down comes what was asked for, up is counted, and any other call has the reply of all backends."""
    body = make_body(SIZE)
    calls = [(f"/down/{SIZE}", None), ("/up", body), ("/up/checked", body), ("/up", b""), ("/x/y", None)]
    async with backend() as port:
        answers = await soon(asyncio.to_thread(ask, port, calls))
    assert answers[0] == body
    assert answers[1:] == [b"%d" % SIZE, b"%d %d" % (SIZE, zlib.crc32(body)), b"0", BODY.encode()]


async def test_a_head_may_come_in_parts() -> None:
    """A call is answered once its head is whole."""
    async with backend() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in (b"POST /up HTTP/1.1\r\nHost: a\r\nContent-", b"Length: 3\r\n\r\nab", b"c"):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await soon(reader.readuntil(b"\r\n\r\n3"))).startswith(b"HTTP/1.1 200 ")
        writer.close()
