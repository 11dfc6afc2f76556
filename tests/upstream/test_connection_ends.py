"""How a connection ends: the upstream goes, or the gateway does, in every phase."""

from __future__ import annotations

import pytest

from tentaculo.errors import UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tests.fakes.gates import eventually, soon
from tests.upstream.fakes import (
    CHUNKED,
    OK,
    PART,
    REPLY,
    Link,
    reset,
    word,
)

# The upstream goes.

PHASES = {
    "before a byte": (b"", None),
    "in the status line": (b"HTTP/1.1 2", "cut"),
    "in the fields": (OK + b"Content-Length: 5\r\n", "cut"),
    "after an interim reply": (b"HTTP/1.1 100 C\r\n\r\n", "cut"),
    "after the head": (OK + b"Content-Length: 5\r\n\r\n", "cut"),
    "in a body with length": (PART, "cut"),
    "in a chunk": (CHUNKED + b"5\r\nhe", "cut"),
    "between chunks": (CHUNKED + b"2\r\nhe\r\n", "cut"),
    "before the last line": (CHUNKED + b"2\r\nhe\r\n0\r\n", "cut"),
    "in the trailers": (CHUNKED + b"0\r\nX-Sum: 1\r\n", "cut"),
}


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize(("sent", "reason"), PHASES.values(), ids=PHASES)
async def test_upstream_that_goes_is_a_failure_in_every_phase(
    link: Link, sent: bytes, reason: str | None, how: str
) -> None:
    """A reply that stops short is never whole, whether the upstream closed or reset."""
    sink = link.ask()
    await link.heard()
    if sent:
        link.wire.writer.write(sent)
        await eventually(lambda: not link.connection._parser.untouched)
    if how == "closed":
        link.wire.writer.close()
    else:
        reset(link.wire)
    expected = (UpstreamUnreachable, how) if reason is None else (UpstreamProtocolError, reason)
    assert word(await sink.failure()) == expected
    await link.is_closed()
    assert link.connection.peer_closed
    assert not link.connection.is_open
    assert not link.connection.is_stale


async def test_reset_is_no_end_of_a_body_without_length(link: Link) -> None:
    """A close-delimited body that ends in a reset is cut, not whole."""
    sink = link.ask()
    link.wire.writer.write(OK + b"\r\nsome")
    await sink.until(lambda: sink.body == b"some")
    reset(link.wire)
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_used_connection_that_breaks_untouched_is_stale(link: Link, how: str) -> None:
    """A connection that served before and ends without a byte of the reply tells that it was stale."""
    await link.exchange()
    assert not link.connection.is_stale
    sink = link.ask()
    await link.heard()
    if how == "closed":
        link.wire.writer.close()
    else:
        reset(link.wire)
    assert word(await sink.failure()) == (UpstreamUnreachable, how)
    assert link.connection.is_stale


@pytest.mark.parametrize(
    "begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["a byte", "an interim reply"]
)
async def test_begun_reply_is_not_stale(link: Link, begun: bytes) -> None:
    """With the first byte of an answer the request was seen, so the connection was not stale."""
    await link.exchange()
    sink = link.ask()
    link.wire.writer.write(begun)
    await eventually(lambda: not link.connection._parser.untouched)
    link.wire.writer.close()
    assert word(await sink.failure()) == (UpstreamProtocolError, "cut")
    assert not link.connection.is_stale


async def test_garbage_is_not_stale(link: Link) -> None:
    """A used connection that answers nonsense has answered."""
    await link.exchange()
    sink = link.ask()
    link.wire.writer.write(b"nonsense\r\n")
    await sink.failure()
    await link.is_closed()
    assert not link.connection.is_stale


async def test_overdue_reply_is_not_stale(link: Link) -> None:
    """An upstream that was too slow has the request: it must not be sent again."""
    await link.exchange()
    sink = link.ask()
    link.pass_time(30)
    assert word(await sink.failure()) == (UpstreamTimeout, "response")
    await link.is_closed()
    assert not link.connection.is_stale


async def test_end_while_idle_is_noticed(link: Link) -> None:
    """An idle connection that the upstream closes is told closed, once, and is not stale."""
    await link.exchange()
    link.wire.writer.close()
    await link.is_closed()
    assert link.connection.peer_closed
    assert not link.connection.is_stale
    assert not link.connection.is_open


@pytest.mark.parametrize("used", [True, False], ids=["after an exchange", "before any"])
async def test_bytes_that_nobody_asked_for_end_an_idle_connection(link: Link, *, used: bool) -> None:
    """What comes without a request is not taken for the next reply: that connection ends."""
    if used:
        await link.exchange()
    link.wire.writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await link.is_closed()
    assert link.connection.peer_closed
    sink = link.ask()
    assert word(await sink.failure()) == (UpstreamUnreachable, "closed")


async def test_request_on_a_closed_connection_fails_at_once(link: Link) -> None:
    """Asking after the end is a failure of that request, told before `ask` returns."""
    link.wire.writer.close()
    await link.is_closed()
    sink = link.ask()
    assert [word(error) for error in sink.errors] == [(UpstreamUnreachable, "closed")]
    assert (link.connection.fileno, link.connection.unsent) == (-1, 0)


# The gateway goes.


async def test_abort_silences_the_sink(link: Link) -> None:
    """After abort the sink hears nothing, neither of what comes nor of the end; the upstream sees the end."""
    sink = link.ask()
    await link.heard()
    link.connection.abort()
    link.connection.abort()
    await soon(link.wire.gone.wait())
    await link.is_closed()
    link.connection.abort()
    assert sink.is_silent
    assert not link.connection.is_stale


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 2", PART, CHUNKED], ids=["nothing", "head", "body", "chunks"]
)
async def test_abort_reaches_the_upstream_in_every_phase(link: Link, sent: bytes) -> None:
    """Whatever has come of the reply, an abort ends the connection and nothing more is told."""
    sink = link.ask()
    if sent:
        link.wire.writer.write(sent)
        await eventually(lambda: not link.connection._parser.untouched)
    link.connection.abort()
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert not sink.ends
    assert not sink.errors


@pytest.mark.parametrize("after", [REPLY, PART, b"nonsense\r\n"], ids=["whole", "part", "nonsense"])
async def test_sink_may_abort_on_an_interim_reply(link: Link, after: bytes) -> None:
    """A sink that gives up on a 1xx hears nothing of what follows in the same read, good or bad."""
    sink = link.ask()
    sink.on_interim = link.connection.abort
    link.wire.writer.write(b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 104 F\r\n\r\n" + after)
    await link.is_closed()
    assert (sink.interim, sink.is_silent) == ([103], True)
    assert link.idle == []


async def test_sink_may_abort_on_the_end(link: Link) -> None:
    """A sink that aborts as its reply ends keeps the connection from being used again."""
    sink = link.ask()
    sink.on_reply = link.connection.abort
    link.wire.writer.write(REPLY)
    await link.is_closed()
    assert sink.ends == 1
    assert link.idle == []


async def test_time_from_the_clients_leaving_is_told(link: Link) -> None:
    """How long the connection outlived its client is told once, when it has ended, whoever aborts again."""
    link.ask()
    left_at = link.clock()
    link.clock.advance(1)
    link.connection.abort(left_at)
    link.connection.abort()
    assert link.aborts == []
    link.clock.advance(2)
    await link.is_closed()
    assert link.aborts == [3]
    link.connection.abort(left_at)
    await soon(link.wire.gone.wait())
    assert link.aborts == [3]


async def test_other_ends_tell_no_time(link: Link) -> None:
    """An abort that no client's leaving caused is not counted as one."""
    link.ask()
    link.connection.abort()
    await link.is_closed()
    assert link.aborts == []


async def test_close_ends_an_idle_connection(link: Link) -> None:
    """Closing in good order is seen as an end, not as a reset; closing again is fine."""
    await link.exchange()
    link.connection.close()
    await soon(link.wire.gone.wait())
    assert not link.wire.reset
    await link.is_closed()
    link.connection.close()
    assert not link.connection.peer_closed


async def test_closed_connection_takes_no_more(link: Link) -> None:
    """After the end, writing, pausing, resuming and finishing do nothing and harm nothing."""
    await link.exchange()
    link.connection.close()
    await link.is_closed()
    link.connection.write(b"late")
    link.connection.pause_reading()
    link.connection.resume_reading()
    link.connection.finish_request()
    await soon(link.connection.drained())
    assert link.connection.fileno == -1


async def test_open_connection_has_a_descriptor(link: Link) -> None:
    """The descriptor is the socket's own."""
    assert link.connection.fileno > 2
    assert link.connection.unsent == 0
