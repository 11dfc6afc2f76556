"""Uploads and flow control of one connection, in both directions."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.errors import UpstreamUnreachable
from tests.fakes.gates import soon
from tests.upstream.fakes import (
    CHUNKED,
    MUCH,
    OK,
    PART,
    REPLY,
    REQUEST,
    Link,
    reset,
    turns,
    word,
)

# Uploads.


async def test_upload_goes_up_in_pieces(link: Link) -> None:
    """Head, pieces and end of a request arrive in order; the reply follows."""
    sink = link.ask(whole=False, data=b"POST /x HTTP/1.1\r\nContent-Length: 6\r\n\r\n")
    await link.heard()
    link.connection.write(b"abc")
    assert await soon(link.wire.source.exactly(3)) == b"abc"
    link.connection.write(b"def")
    link.connection.finish_request()
    assert await soon(link.wire.source.exactly(3)) == b"def"
    link.wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")
    assert link.idle == [link.connection]


async def test_slow_upstream_holds_the_upload(link: Link) -> None:
    """When the upstream takes no more, `drained` waits; once it reads on, `drained` returns."""
    link.ask(whole=False)
    await soon(link.connection.drained())
    link.connection.write(MUCH)
    assert link.connection.unsent > 0
    waiting = asyncio.ensure_future(link.connection.drained())
    given_up = asyncio.ensure_future(link.connection.drained())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await soon(link.wire.source.exactly(len(REQUEST + MUCH))) == REQUEST + MUCH
    await soon(waiting)
    assert link.connection.unsent == 0
    await soon(link.connection.drained())


@pytest.mark.parametrize("end", ["upstream", "gateway"])
async def test_end_of_the_connection_ends_the_wait(link: Link, end: str) -> None:
    """Whoever waits to write is let go when the connection ends."""
    link.ask(whole=False)
    link.connection.write(MUCH)
    waiting = asyncio.ensure_future(link.connection.drained())
    await asyncio.sleep(0)
    if end == "upstream":
        reset(link.wire)
    else:
        link.connection.abort()
    await soon(waiting)
    await link.is_closed()


async def test_reply_before_the_upload_ends_is_whole(link: Link) -> None:
    """An early answer is handed on; the connection, with half a request on it, is not used again."""
    sink = link.ask(whole=False)
    link.connection.write(b"half")
    link.wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert link.idle == []


async def test_early_reply_does_not_wait_for_an_upload_that_nobody_reads(link: Link) -> None:
    """An upstream that answers and never reads the rest does not hold the connection open."""
    sink = link.ask(whole=False)
    link.connection.write(MUCH)
    assert link.connection.unsent > 0
    link.wire.writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
    assert await sink.whole() == (413, b"no")
    await link.is_closed()
    assert link.idle == []


async def test_reply_may_begin_during_the_upload_and_end_after_it(link: Link) -> None:
    """Both directions at once: such an upstream may answer twice, so the connection is not kept."""
    sink = link.ask(whole=False)
    link.wire.writer.write(CHUNKED + b"1\r\na\r\n")
    await sink.until(lambda: sink.body == b"a")
    link.connection.write(b"rest")
    link.connection.finish_request()
    link.wire.writer.write(b"1\r\nb\r\n0\r\n\r\n")
    assert await sink.whole() == (200, b"ab")
    assert link.idle == []
    await link.is_closed()


async def test_upstream_that_goes_during_the_upload_is_a_failure(link: Link) -> None:
    """Mid-upload the end is told at once, not after the upload."""
    sink = link.ask(whole=False)
    link.connection.write(b"half")
    await link.heard()
    assert await soon(link.wire.source.exactly(4)) == b"half"
    link.wire.writer.close()
    assert word(await sink.failure()) == (UpstreamUnreachable, "closed")
    await link.is_closed()


# Flow control of the reply.


async def test_paused_reading_stops_the_upstream(link: Link) -> None:
    """While reading is paused nothing is handed on, and the upstream can't send without bound."""
    sink = link.ask()
    sink.on_reply = link.connection.pause_reading
    link.wire.writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(MUCH) + MUCH)
    await sink.until(lambda: sink.head is not None)
    got = len(sink.body)
    await soon(turns())
    assert len(sink.body) == got < len(MUCH)
    assert link.wire.writer.transport.get_write_buffer_size() > 0
    sink.on_reply = lambda: None
    link.connection.resume_reading()
    assert await sink.whole() == (200, MUCH)


async def test_pausing_and_resuming_twice_is_once(link: Link) -> None:
    """Repeated pauses need one resume, and repeated resumes are fine."""
    sink = link.ask()
    link.connection.pause_reading()
    link.connection.pause_reading()
    link.connection.resume_reading()
    link.connection.resume_reading()
    link.wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")


async def test_pause_on_the_last_piece_does_not_outlive_the_reply(link: Link) -> None:
    """A sink that pauses as its reply ends leaves an idle connection that still sees its upstream."""
    sink = link.ask()
    sink.on_reply = link.connection.pause_reading
    link.wire.writer.write(REPLY)
    await sink.whole()
    assert link.idle == [link.connection]
    assert await (await link.exchange()).whole() == (200, b"hello")
    link.wire.writer.close()
    await link.is_closed()


async def test_pause_from_an_interim_reply_stops_the_clock(link: Link) -> None:
    """A pause that comes with a 1xx also holds for a head in the same read."""
    sink = link.ask()
    sink.on_interim = link.connection.pause_reading
    link.wire.writer.write(b"HTTP/1.1 103 E\r\n\r\n" + PART)
    await sink.until(lambda: sink.head is not None)
    link.pass_time(10_000)
    assert not sink.errors
    link.connection.resume_reading()
    link.wire.writer.write(b"world")
    assert await sink.whole() == (200, b"helloworld")
