"""One connection over real sockets: exchanges, flow control, deadlines, and every way in which it can end."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.errors import GatewayError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.deadlines import NEVER
from tentaculo.upstream.reply import Framing
from tests.fakes.gates import eventually, soon
from tests.upstream.fakes import REPLY, REQUEST, Link, ManualServer, Sink, ask_for, reset

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PART = OK + b"Content-Length: 10\r\n\r\nhello"
MUCH = b"u" * (16 * 1024 * 1024)


def word(error: GatewayError) -> tuple[type[GatewayError], str]:
    """Kind and reason of an error."""
    return type(error), error.reason


# Exchanges.


async def test_request_goes_up_and_reply_comes_down(link: Link) -> None:
    """The bytes of the request arrive as written; the reply reaches the sink, and the connection is idle."""
    sink = link.ask(data=REQUEST)
    assert await link.heard() == REQUEST
    link.wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")
    assert link.idle == [link.connection]
    assert link.connection.served == 1
    assert link.connection.is_open
    assert link.closed == []


async def test_one_exchange_follows_another(link: Link) -> None:
    """Replies of every reusable framing follow each other on one connection and don't mix."""
    replies = {
        REPLY: (200, b"hello"),
        CHUNKED + b"2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n": (200, b"hi"),
        b"HTTP/1.1 204 No\r\n\r\n": (204, b""),
        b"HTTP/1.1 304 Same\r\nETag: x\r\n\r\n": (304, b""),
        OK + b"Content-Length: 0\r\n\r\n": (200, b""),
        b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n!": (404, b"!"),
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold": (200, b"old"),
    }
    for number, (reply, expected) in enumerate(replies.items(), 1):
        sink = await link.exchange(reply)
        assert await sink.whole() == expected
        assert link.connection.served == number == len(link.idle)


async def test_body_is_handed_on_as_it_comes(link: Link) -> None:
    """The head and each piece reach the sink before the next is sent."""
    sink = link.ask()
    for piece, body in ((CHUNKED, b""), (b"3\r\none\r\n", b"one"), (b"3\r\ntwo\r\n", b"onetwo")):
        link.wire.writer.write(piece)
        await sink.until(lambda body=body: sink.head is not None and sink.body == body)  # type: ignore[misc]
        assert not sink.ends
    link.wire.writer.write(b"0\r\n\r\n")
    assert await sink.whole() == (200, b"onetwo")


async def test_partial_head_is_not_handed_on(link: Link) -> None:
    """Nothing is told before the head is whole; then it is told once."""
    sink = link.ask()
    link.wire.writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-")
    await sink.until(lambda: bool(sink.interim))
    assert sink.is_silent
    link.wire.writer.write(b"Length: 2\r\n\r\nhi")
    assert await sink.whole() == (200, b"hi")


async def test_interim_replies_are_told(link: Link) -> None:
    """Each 1xx is told before the reply, alone or in one read with it."""
    sink = link.ask()
    link.wire.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await sink.until(lambda: sink.interim == [100])
    link.wire.writer.write(b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + REPLY)
    assert await sink.whole() == (200, b"hello")
    assert sink.interim == [100, 103]


NOT_KEPT = {
    "close announced": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "second reply in one read": OK + b"Content-Length: 2\r\n\r\nhi" + REPLY,
    "garbage in the same read": OK + b"Content-Length: 2\r\n\r\nhi!",
}


@pytest.mark.parametrize("reply", NOT_KEPT.values(), ids=NOT_KEPT)
async def test_connection_is_closed_after_its_last_reply(link: Link, reply: bytes) -> None:
    """A reply that is the last, or that is followed by bytes nobody asked for, is whole; its connection ends."""
    sink = await link.exchange(reply)
    assert (sink.body, sink.ends) == (b"hi", 1)
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert link.idle == []


@pytest.mark.parametrize("fields", [b"Content-Length: 1234\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_reply_to_head_ends_with_its_head(link: Link, fields: bytes) -> None:
    """HEAD is answered at once, whatever body is announced, and the connection is not used again."""
    sink = link.ask(is_head=True)
    link.wire.writer.write(OK + fields + b"\r\n")
    assert await sink.whole() == (200, b"")
    assert sink.head is not None
    assert sink.head.framing is Framing.NONE
    await soon(link.wire.gone.wait())
    assert link.idle == []


@pytest.mark.parametrize("fields", [b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_304_that_announces_a_body_ends_the_connection(link: Link, fields: bytes) -> None:
    """The parser would take the next reply for the announced body, so there is none."""
    sink = await link.exchange(b"HTTP/1.1 304 Same\r\n" + fields + b"\r\n")
    assert await sink.whole() == (304, b"")
    await soon(link.wire.gone.wait())
    assert link.idle == []


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_end_of_connection_ends_a_body_without_length(link: Link, version: bytes) -> None:
    """A close-delimited reply is whole when the upstream has closed in good order, and not before."""
    sink = link.ask()
    link.wire.writer.write(b"HTTP/" + version + b" 200 OK\r\n\r\nuntil")
    await sink.until(lambda: sink.body == b"until")
    link.wire.writer.write(b" the end")
    await sink.until(lambda: sink.body == b"until the end")
    assert not sink.ends
    link.wire.writer.close()
    assert await sink.whole() == (200, b"until the end")
    await link.is_closed()
    assert link.idle == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "parse"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "upgrade"),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n", "transfer_coding"),
        (OK + b"X: 1\r\n folded\r\n\r\n", "parse"),
        (CHUNKED + b"nonsense\r\n", "parse"),
        (b"HTTP/1.1 103 E\r\nX: " + b"a" * 300_000, "head_too_large"),
    ],
    ids=["not HTTP", "101", "transfer coding", "obs-fold", "bad chunk", "huge head"],
)
async def test_malformed_reply_fails_and_ends_the_connection(link: Link, reply: bytes, reason: str) -> None:
    """A reply that is not HTTP/1.1 is a failure; what may still come on that connection is never read."""
    sink = link.ask()
    link.wire.writer.write(reply)
    assert word(await sink.failure()) == (UpstreamProtocolError, reason)
    await soon(link.wire.gone.wait())
    await link.is_closed()
    assert not link.connection.is_stale
    assert link.idle == []


async def test_fault_in_the_middle_comes_after_what_was_good(link: Link) -> None:
    """A body that turns bad fails after its good pieces were handed on."""
    sink = link.ask()
    link.wire.writer.write(CHUNKED + b"2\r\nok\r\n")
    await sink.until(lambda: sink.body == b"ok")
    link.wire.writer.write(b"zz\r\n")
    assert word(await sink.failure()) == (UpstreamProtocolError, "parse")


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


async def test_sink_may_abort_on_an_interim_reply(link: Link) -> None:
    """A sink that gives up on a 1xx does not hear of the reply in the same read."""
    sink = link.ask()
    sink.on_interim = link.connection.abort
    link.wire.writer.write(b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 104 F\r\n\r\n" + REPLY)
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
    """Both directions at once: a reply that began early ends late, and the connection is kept."""
    sink = link.ask(whole=False)
    link.wire.writer.write(CHUNKED + b"1\r\na\r\n")
    await sink.until(lambda: sink.body == b"a")
    link.connection.write(b"rest")
    link.connection.finish_request()
    link.wire.writer.write(b"1\r\nb\r\n0\r\n\r\n")
    assert await sink.whole() == (200, b"ab")
    assert link.idle == [link.connection]


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
    await soon(_turns(50))
    assert len(sink.body) == got < len(MUCH)
    assert link.wire.writer.transport.get_write_buffer_size() > 0
    sink.on_reply = lambda: None
    link.connection.resume_reading()
    assert await sink.whole() == (200, MUCH)


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


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


async def test_end_of_the_upload_after_the_head_changes_nothing(link: Link) -> None:
    """Once the reply has begun its idle time counts, not the response timeout."""
    sink = link.ask(whole=False)
    link.wire.writer.write(PART)
    await sink.until(lambda: sink.body == b"hello")
    link.pass_time(30)
    link.connection.finish_request()
    link.pass_time(29)
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
