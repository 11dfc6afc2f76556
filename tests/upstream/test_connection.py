"""One connection over real sockets: exchanges, flow control, deadlines, and every way in which it can end."""

from __future__ import annotations

import pytest

from tentaculo.errors import UpstreamProtocolError
from tentaculo.upstream.reply import Framing
from tests.fakes.gates import soon
from tests.upstream.fakes import (
    CHUNKED,
    OK,
    REPLY,
    REQUEST,
    Link,
    word,
)


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
    """A reply that is the last, or that is followed by unasked bytes, is whole; its connection ends."""
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
