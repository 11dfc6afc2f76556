"""One connection whose reply is read together with others: who reads it changes, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tentaculo.errors import UpstreamProtocolError
from tentaculo.upstream.gathering import Gathering
from tests.fakes.descriptors import all_taken
from tests.fakes.gates import soon
from tests.upstream.fakes import CHUNKED, MUCH, OK, REPLY, Link, Sink, reset, turns, word

LAST = b"0\r\n\r\n"


@pytest.fixture
async def gathering() -> Gathering:
    """A gathering of this loop, with nobody in it."""
    return Gathering(0.001, asyncio.get_running_loop())


def size(gathering: Gathering) -> int:
    """How many are in it."""
    return len(gathering._members)


async def gathered(link: Link, gathering: Gathering, head: bytes = CHUNKED) -> Sink:
    """Ask, and have the reply gathered from its head on, as a stream is."""
    sink = link.ask()

    def join() -> None:
        sink.on_reply = lambda: None
        link.connection.gather(gathering)

    sink.on_reply = join
    link.wire.writer.write(head)
    await sink.until(lambda: sink.head is not None)
    return sink


async def test_pieces_come_as_they_are_sent(link: Link, gathering: Gathering) -> None:
    """Each is handed on before the next is sent; at the end the transport reads again, for the next reply."""
    sink = await gathered(link, gathering)
    assert size(gathering) == 1
    for piece, body in ((b"3\r\none\r\n", b"one"), (b"3\r\ntwo\r\n", b"onetwo")):
        link.wire.writer.write(piece)
        await sink.until(lambda body=body: sink.body == body)  # type: ignore[misc]
    link.wire.writer.write(LAST)
    assert await sink.whole() == (200, b"onetwo")
    assert size(gathering) == 0
    assert link.idle == [link.connection]
    assert await (await link.exchange()).whole() == (200, b"hello")


async def test_reply_that_ends_at_once_is_not_gathered(link: Link, gathering: Gathering) -> None:
    """Its connection serves the next one as ever."""
    sink = await gathered(link, gathering, REPLY)
    assert await sink.whole() == (200, b"hello")
    assert size(gathering) == 0
    assert await (await link.exchange()).whole() == (200, b"hello")


@pytest.mark.parametrize("framing", [CHUNKED, OK + b"\r\n"], ids=["chunked", "close"])
async def test_reset_is_a_cut(link: Link, gathering: Gathering, framing: bytes) -> None:
    """Even where the end of the connection is that of the body."""
    sink = await gathered(link, gathering, framing)
    reset(link.wire)
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")
    assert size(gathering) == 0
    await link.is_closed()


async def test_end_is_what_the_framing_says(link: Link, gathering: Gathering) -> None:
    """The end of the connection ends a body without length well, with all that came before."""
    sink = await gathered(link, gathering, OK + b"\r\n")
    link.wire.writer.write(MUCH)
    link.wire.writer.write_eof()
    assert await sink.whole() == (200, MUCH)
    assert size(gathering) == 0
    await link.is_closed()


async def test_end_in_a_chunked_body_is_a_cut(link: Link, gathering: Gathering) -> None:
    """What stops short is never whole."""
    sink = await gathered(link, gathering)
    link.wire.writer.write(b"3\r\none\r\n")
    link.wire.writer.close()
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")
    assert sink.body == b"one"
    await link.is_closed()


async def test_paused_reading_stops_the_upstream(link: Link, gathering: Gathering) -> None:
    """While reading is paused nothing is handed on; then it goes on where it was."""
    sink = await gathered(link, gathering, OK + b"Content-Length: %d\r\n\r\n" % len(MUCH))
    sink.on_reply = link.connection.pause_reading
    link.wire.writer.write(MUCH)
    await sink.until(lambda: bool(sink.body))
    got = len(sink.body)
    assert size(gathering) == 0
    await soon(turns())
    assert len(sink.body) == got < len(MUCH)
    sink.on_reply = lambda: None
    link.connection.resume_reading()
    assert size(gathering) == 1
    assert await sink.whole() == (200, MUCH)


async def test_paused_before_it_is_gathered(link: Link, gathering: Gathering) -> None:
    """Who is paused at that moment is read from when that ends."""
    sink = link.ask()
    link.wire.writer.write(CHUNKED)
    await sink.until(lambda: sink.head is not None)
    link.connection.pause_reading()
    link.connection.gather(gathering)
    assert size(gathering) == 0
    link.connection.resume_reading()
    link.wire.writer.write(b"3\r\none\r\n" + LAST)
    assert await sink.whole() == (200, b"one")


@pytest.mark.parametrize("paused", [False, True])
async def test_without_a_descriptor_the_transport_reads(
    link: Link, gathering: Gathering, *, paused: bool
) -> None:
    """Where the system has none left to gather with, the reply goes on as any other."""
    sink = link.ask()
    link.wire.writer.write(CHUNKED)
    await sink.until(lambda: sink.head is not None)
    if paused:
        link.connection.pause_reading()
        link.connection.gather(gathering)
    with all_taken():
        if paused:
            link.connection.resume_reading()
        else:
            link.connection.gather(gathering)
    assert size(gathering) == 0
    link.wire.writer.write(b"3\r\none\r\n")
    await sink.until(lambda: sink.body == b"one")
    link.connection.pause_reading()
    link.wire.writer.write(b"3\r\ntwo\r\n" + LAST)
    await soon(turns())
    assert sink.body == b"one"
    link.connection.resume_reading()
    assert await sink.whole() == (200, b"onetwo")
    assert await (await link.exchange()).whole() == (200, b"hello")


@pytest.mark.parametrize("paused", [False, True])
async def test_abort_leaves(link: Link, gathering: Gathering, *, paused: bool) -> None:
    """The other end hears of it, the sink does not, and nothing is left."""
    sink = await gathered(link, gathering)
    if paused:
        link.connection.pause_reading()
    link.connection.abort()
    assert size(gathering) == 0
    link.connection.resume_reading()
    assert size(gathering) == 0
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert not sink.errors


async def test_paused_reading_stays_so_when_it_is_read_alone(link: Link, gathering: Gathering) -> None:
    """Who reads changes nothing of whether anybody does."""
    sink = await gathered(link, gathering)
    link.connection.pause_reading()
    link.connection.read_alone()
    link.wire.writer.write(b"3\r\none\r\n" + LAST)
    await soon(turns())
    assert sink.body == b""
    link.connection.resume_reading()
    assert await sink.whole() == (200, b"one")


@pytest.mark.parametrize("paused", [False, True])
async def test_transport_that_closes_by_itself(link: Link, gathering: Gathering, *, paused: bool) -> None:
    """As at an error while it writes: its descriptor, which may be another's then, is not read any more."""
    sink = await gathered(link, gathering)
    if paused:
        link.connection.pause_reading()
    transport = link.connection._transport
    assert transport is not None
    transport.abort()
    link.connection.resume_reading()
    assert size(gathering) == (not paused)
    await link.is_closed()
    assert size(gathering) == 0
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")


async def test_idle_time_counts(link: Link, gathering: Gathering) -> None:
    """A gathered reply that says nothing for too long fails as any does."""
    sink = await gathered(link, gathering)
    link.pass_time(61)
    await sink.failure()
    assert size(gathering) == 0
    await link.is_closed()


async def test_fault_of_the_sink_breaks_off(
    link: Link, gathering: Gathering, unheard: Callable[[], None]
) -> None:
    """What goes wrong as a piece is handed on ends that reply, as failed."""
    sink = await gathered(link, gathering)

    def fail() -> None:
        raise ValueError("own")

    sink.on_reply = fail
    unheard()
    link.wire.writer.write(b"3\r\none\r\n")
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")
    assert size(gathering) == 0
    await link.is_closed()


@pytest.fixture
async def unheard() -> Callable[[], None]:
    """Let the loop keep to itself what its handlers raise."""
    loop = asyncio.get_running_loop()
    return lambda: loop.set_exception_handler(lambda loop, context: None)
