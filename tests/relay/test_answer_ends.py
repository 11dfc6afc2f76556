"""How a reply ends, and what a slow or leaving client does to it."""

from __future__ import annotations

import pytest

from tentaculo.errors import UpstreamProtocolError, UpstreamTimeout
from tentaculo.upstream.reply import ReplyHead
from tests.relay.parts import Relayed, Upstream
from tests.relay.replies import CHUNKED, EVENTS, INTERIM, LAST, OK, PLAIN, STREAM, TYPE


async def test_upstream_that_breaks_before_the_head(backend: Upstream) -> None:
    """Nothing was written, so that an error can be answered."""
    relayed = Relayed(backend)
    backend.sends(b"HTTP/1.1 2")
    backend.ends()
    assert isinstance(relayed.done[0], UpstreamProtocolError)
    assert (relayed.answer.started, relayed.client.pieces) == (False, [])


@pytest.mark.parametrize(
    "reply", [PLAIN[:-2], CHUNKED + b"2\r\nab\r\n", EVENTS], ids=["length", "chunks", "stream"]
)
async def test_cut_reply_is_never_made_whole(reply: bytes, backend: Upstream) -> None:
    """A reply that breaks after its head gets no last chunk."""
    relayed = Relayed(backend)
    backend.sends(reply)
    before = relayed.client.written
    backend.ends()
    assert isinstance(relayed.done[0], UpstreamProtocolError)
    assert relayed.answer.started
    assert relayed.client.written == before
    assert LAST not in before


async def test_upstream_is_free_once_its_reply_is_over(backend: Upstream) -> None:
    """What happens to the client afterwards does not touch a connection that may serve others."""
    relayed = Relayed(backend)
    backend.sends(PLAIN)
    assert backend.idle == [backend.connection]
    relayed.answer.client_paused()
    assert backend.transport.reading
    relayed.answer.client_resumed()
    relayed.answer.client_stalled()
    relayed.answer.release()
    assert not backend.transport.is_closing()
    assert relayed.done == [None]


@pytest.mark.parametrize("reads", [[], [EVENTS], [PLAIN[:-2]]], ids=["no head", "stream", "half a body"])
async def test_release_stops_the_upstream(reads: list[bytes], backend: Upstream) -> None:
    """An exchange that is over leaves no upstream at work, and nothing is said any more."""
    relayed = Relayed(backend)
    backend.sends(*reads)
    relayed.answer.release()
    assert backend.transport.aborted
    backend.ends()
    relayed.answer.finish(UpstreamTimeout("late"))
    assert relayed.done == []


async def test_end_is_said_once(backend: Upstream) -> None:
    """The first end counts."""
    relayed = Relayed(backend)
    first = UpstreamTimeout("response")
    relayed.answer.finish(first)
    relayed.answer.finish()
    relayed.answer.reply_failed(UpstreamProtocolError("cut"))
    assert relayed.done == [first]


async def test_stream_ends_in_good_order(backend: Upstream) -> None:
    """When the gateway ends a stream, the client sees a whole reply and the upstream is left."""
    relayed = Relayed(backend, STREAM)
    backend.sends(EVENTS)
    relayed.answer.end()
    assert relayed.client.pieces[1:] == [LAST]
    relayed.answer.end()
    assert relayed.client.pieces[1:] == [LAST]
    assert backend.transport.aborted
    assert relayed.done == [None]
    assert relayed.answer.keep_alive


@pytest.mark.parametrize(
    ("http10", "reply"), [(True, EVENTS), (False, OK + TYPE + b"Content-Length: 9\r\n\r\n")]
)
async def test_end_without_chunks_adds_nothing(http10: bool, reply: bytes, backend: Upstream) -> None:
    """Where the client knows no chunks, the end of the connection is all there is to say."""
    relayed = Relayed(backend, STREAM, http10=http10)
    backend.sends(reply)
    relayed.answer.end()
    assert len(relayed.client.pieces) == 1
    assert (relayed.done, relayed.answer.keep_alive) == ([None], False)


# The client.


async def test_slow_client_stops_the_upstream(backend: Upstream) -> None:
    """While the client takes no more, nothing is read; the upstream's idle time stands still."""
    relayed = Relayed(backend)
    backend.sends(CHUNKED)
    relayed.answer.client_paused()
    assert not backend.transport.reading
    backend.pass_time(3600)
    assert relayed.done == []
    relayed.answer.client_resumed()
    assert backend.transport.reading


async def test_client_that_takes_nothing(backend: Upstream) -> None:
    """A stalled client ends the exchange: its upstream is left, its connection not used again."""
    relayed = Relayed(backend)
    backend.sends(CHUNKED)
    relayed.answer.client_stalled()
    assert backend.transport.aborted
    assert relayed.done == [None]
    assert (relayed.answer.stalled, relayed.answer.keep_alive) == (True, False)
    assert LAST not in relayed.client.written


async def test_closing_client_is_written_nothing(backend: Upstream) -> None:
    """To a client that is going, nothing more is written; the reply comes to its end all the same."""
    relayed = Relayed(backend)
    relayed.client.close()
    backend.sends(INTERIM, PLAIN)
    assert relayed.done == [None]
    assert relayed.client.pieces == []


async def test_client_that_is_gone(backend: Upstream) -> None:
    """The same holds where there is no transport any more."""
    relayed = Relayed(backend, gone=True)
    backend.sends(INTERIM, CHUNKED, b"2\r\nab\r\n" + LAST)
    assert relayed.done == [None]
    relayed.answer.end()
    assert relayed.done == [None]


async def test_head_that_still_comes(backend: Upstream) -> None:
    """Where nothing feeds it any more, there is no time to bound either."""
    relayed = Relayed(backend, STREAM)
    relayed.answer.detach()
    head = ReplyHead()
    head.status = 200
    relayed.answer.reply_received(head, b"", b"", ended=True)
    assert relayed.done == [None]
