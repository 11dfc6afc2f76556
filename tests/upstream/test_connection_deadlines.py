"""How long a connection waits: for a reply, for its body, for the next exchange."""

from __future__ import annotations

from tentaculo.errors import UpstreamTimeout
from tentaculo.upstream.deadlines import NEVER
from tests.fakes.gates import eventually, soon
from tests.upstream.fakes import (
    CHUNKED,
    OK,
    PART,
    REPLY,
    REQUEST,
    Link,
    ManualServer,
    Sink,
    ask_for,
    word,
)

# Deadlines.


async def test_reply_is_awaited_for_the_response_timeout(link: Link) -> None:
    """No head within the response timeout is a timeout; the connection ends."""
    sink = link.ask()
    link.pass_time(29.9)
    assert sink.is_silent
    link.pass_time(0.1)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")
    await soon(link.wire.gone.wait())
    await link.is_closed()
    link.pass_time(10_000)
    assert len(sink.errors) == 1


async def test_interim_replies_do_not_prolong_the_wait(link: Link) -> None:
    """An upstream that sends 1xx for ever still has to answer in time."""
    sink = link.ask()
    for _ in range(3):
        link.pass_time(9)
        link.wire.writer.write(b"HTTP/1.1 103 E\r\n\r\n")
        seen = len(sink.interim)
        await sink.until(lambda seen=seen: len(sink.interim) > seen)  # type: ignore[misc]
    link.pass_time(3)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")


async def test_slow_head_does_not_prolong_the_wait(link: Link) -> None:
    """A head that trickles in has no more time than one that does not come."""
    sink = link.ask()
    link.pass_time(20)
    link.wire.writer.write(b"HTTP/1.1 200 O")
    await eventually(lambda: not link.connection._parser.untouched)
    link.pass_time(10)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")


async def test_body_is_awaited_for_the_idle_timeout(link: Link) -> None:
    """Each read of the reply gives the idle timeout again; silence as long as that is a timeout."""
    sink = link.ask()
    link.pass_time(29)
    link.wire.writer.write(OK + b"Content-Length: 10\r\n\r\n")
    await sink.until(lambda: sink.head is not None)
    for piece in (b"a", b"ab", b"abc"):
        link.pass_time(59)
        link.wire.writer.write(piece[-1:])
        await sink.until(lambda piece=piece: sink.body == piece)  # type: ignore[misc]
    link.pass_time(59.9)
    assert not sink.errors
    link.pass_time(0.2)
    assert word(await sink.failure()) == (UpstreamTimeout, "idle")
    await soon(link.wire.gone.wait())


async def test_idle_time_stands_still_while_reading_is_paused(link: Link) -> None:
    """A slow client is not the upstream's fault: no time passes in a pause, and all of it is there after."""
    sink = link.ask()
    link.wire.writer.write(PART)
    await sink.until(lambda: sink.body == b"hello")
    link.pass_time(59)
    link.connection.pause_reading()
    link.pass_time(10_000)
    assert not sink.errors
    link.connection.resume_reading()
    link.pass_time(59)
    assert not sink.errors
    link.pass_time(1)
    assert word(await sink.failure()) == (UpstreamTimeout, "idle")


async def test_pause_before_the_head_gives_the_response_timeout_after(link: Link) -> None:
    """Resuming before the head was there waits for the head again, not for a body."""
    sink = link.ask()
    link.connection.pause_reading()
    link.pass_time(10_000)
    link.connection.resume_reading()
    link.pass_time(29)
    assert sink.is_silent
    link.pass_time(1)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")


async def test_upload_is_not_timed_here(link: Link) -> None:
    """While the request is not whole the upstream owes no answer; from its end on it does."""
    sink = link.ask(whole=False)
    link.pass_time(10_000)
    link.connection.pause_reading()
    link.connection.resume_reading()
    link.pass_time(10_000)
    assert sink.is_silent
    link.connection.finish_request()
    link.pass_time(29)
    assert sink.is_silent
    link.pass_time(1)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")


async def test_end_of_the_upload_in_a_pause_starts_no_clock(link: Link) -> None:
    """A request that becomes whole while reading is paused waits for the resume."""
    sink = link.ask(whole=False)
    link.connection.pause_reading()
    link.connection.finish_request()
    link.pass_time(10_000)
    assert sink.is_silent
    link.connection.resume_reading()
    link.pass_time(30)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")


async def test_idle_time_begins_with_the_end_of_the_upload(link: Link) -> None:
    """While the client still uploads nothing is awaited of the upstream, even after its head."""
    sink = link.ask(whole=False)
    link.wire.writer.write(PART)
    await sink.until(lambda: sink.body == b"hello")
    link.pass_time(1_000)
    link.connection.finish_request()
    link.pass_time(59)
    assert not sink.errors
    link.pass_time(1)
    assert word(await sink.failure()) == (UpstreamTimeout, "idle")


async def test_patience_may_be_changed_on_the_way(link: Link) -> None:
    """A stream has no idle timeout: the ask and the deadline may be moved to never."""
    sink = Sink()
    ask = ask_for(sink)
    link.connection.ask(ask, REQUEST, whole=True)

    def never_idle() -> None:
        ask.idle_timeout = NEVER
        link.connection.deadline = NEVER

    sink.on_reply = never_idle
    link.wire.writer.write(CHUNKED)
    await sink.until(lambda: sink.head is not None)
    link.pass_time(10_000)
    link.wire.writer.write(b"1\r\na\r\n")
    await sink.until(lambda: sink.body == b"a")
    link.connection.pause_reading()
    link.connection.resume_reading()
    link.pass_time(10_000)
    assert not sink.errors


async def test_idle_connection_closes_at_its_deadline(link: Link) -> None:
    """Whoever keeps the connection sets its deadline; at it the connection closes in good order."""
    await link.exchange()
    link.connection.deadline = link.clock() + 4
    link.pass_time(3.9)
    assert link.connection.is_open
    link.pass_time(0.1)
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert not link.connection.peer_closed


async def test_next_exchange_has_its_own_time(link: Link) -> None:
    """The deadline of an idle connection does not reach into the exchange that follows."""
    await link.exchange()
    link.connection.deadline = link.clock() + 4
    sink = link.ask()
    link.pass_time(29)
    assert sink.is_silent
    link.wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")


async def test_closed_connection_is_no_longer_watched(link: Link) -> None:
    """Nothing is kept of a connection that ended."""
    await link.exchange()
    assert link.deadlines._watched == {link.connection}
    link.connection.close()
    await link.is_closed()
    assert link.deadlines._watched == set()


async def test_keep_alive_is_told(link: Link) -> None:
    """What the upstream said of its patience is told to whoever keeps the connection."""
    assert link.connection.peer_keep_alive is None
    await link.exchange(OK + b"Keep-Alive: timeout=7\r\nContent-Length: 0\r\n\r\n")
    assert link.connection.peer_keep_alive == 7.0


async def test_two_connections_do_not_share_anything(server: ManualServer) -> None:
    """Exchanges on two connections at once get their own replies."""
    links = [Link(), Link()]
    for link in links:
        await link.open(server)
    sinks = [link.ask() for link in links]
    for number, link in enumerate(links):
        link.wire.writer.write(OK + b"Content-Length: 1\r\n\r\n%d" % number)
    assert [await sink.whole() for sink in sinks] == [(200, b"0"), (200, b"1")]
    for link in links:
        await link.aclose()


# When the upstream was last heard of.


async def test_each_read_is_a_sign_of_life(link: Link) -> None:
    """From the request on every read counts: a piece of a head, an interim reply, a body, its end."""
    assert link.connection.active_at == 0
    link.clock.advance(1)
    sink = link.ask()
    assert link.connection.active_at == link.clock()
    for piece in (b"HTTP/1.1 103 E\r\n\r\n", b"HTTP/1.1 200", CHUNKED[12:], b"1\r\na", b"\r\n0\r\n\r\n"):
        link.clock.advance(1)
        link.wire.writer.write(piece)
        await eventually(lambda: link.connection.active_at == link.clock())
    assert await sink.whole() == (200, b"a")


async def test_upload_is_no_sign_of_life(link: Link) -> None:
    """While the client uploads, only what the upstream says counts; then the end of the request."""
    sink = link.ask(whole=False)
    asked_at = link.clock()
    link.clock.advance(1)
    link.connection.write(b"body")
    assert link.connection.active_at == asked_at
    link.wire.writer.write(PART)
    await sink.until(lambda: sink.body == b"hello")
    assert link.connection.active_at == asked_at + 1
    link.clock.advance(1)
    link.connection.finish_request()
    assert link.connection.active_at == asked_at + 2


async def test_pause_is_no_sign_of_life(link: Link) -> None:
    """Neither holding reads back nor going on with them says anything of the upstream."""
    sink = link.ask()
    link.wire.writer.write(PART)
    await sink.until(lambda: sink.body == b"hello")
    heard_at = link.clock()
    for step in (link.connection.pause_reading, link.connection.resume_reading):
        link.clock.advance(1)
        step()
        assert link.connection.active_at == heard_at


async def test_read_in_which_the_sink_gives_up_counts(link: Link) -> None:
    """What is told to the sink has been heard already: it may read the time, and abort."""
    sink = link.ask()
    times: list[float] = []

    def give_up() -> None:
        times.append(link.connection.active_at)
        link.connection.abort()

    sink.on_interim = give_up
    link.clock.advance(1)
    link.wire.writer.write(b"HTTP/1.1 103 E\r\n\r\n")
    await link.is_closed()
    assert times == [link.clock()]


async def test_clock_is_read_once_a_read(link: Link) -> None:
    """A read costs one look at the clock, whatever it brings."""
    sink = link.ask()
    link.wire.writer.write(CHUNKED)
    await sink.until(lambda: sink.head is not None)
    looks: list[float] = []

    def look() -> float:
        looks.append(link.clock())
        return looks[-1]

    link.deadlines.clock = look
    for piece in (b"1\r\na\r\n", b"0\r\n\r\n"):
        seen = len(looks)
        link.wire.writer.write(piece)
        await eventually(lambda seen=seen: len(looks) > seen)  # type: ignore[misc]
    await sink.whole()
    assert len(looks) == 2
