"""What one client is sent, whoever feeds it."""

from __future__ import annotations

import pytest

from tentaculo.errors import GatewayError, UpstreamTimeout
from tentaculo.relay.delivery import LAST_CHUNK, Delivery, Recipient, chunk
from tests.relay.parts import RecordingTransport, plan_of, route_of

FAULT = UpstreamTimeout("idle")


class Sent:
    """A delivery that nobody feeds, to a client that remembers what was written."""

    def __init__(self, *, gone: bool = False) -> None:
        self.client = RecordingTransport()
        self.done: list[GatewayError | None] = []
        transport = None if gone else self.client
        recipient = Recipient(transport, http10=False, request_id="id-1", keep_alive=True)
        self.delivery = Delivery(recipient, self.done.append, plan_of(route_of()), self)

    def stream_opening(self, delivery: Delivery) -> None:
        """Nothing opens here."""

    def stream_denied(self, status: int) -> None:
        """Nothing is denied here."""

    def first_event(self) -> None:
        """Nothing comes here."""


@pytest.mark.parametrize(
    ("data", "framed"),
    [(b"", b"0\r\n\r\n"), (b"a", b"1\r\na\r\n"), (b"b" * 26, b"1a\r\n%b\r\n" % (b"b" * 26))],
)
def test_chunk(data: bytes, framed: bytes) -> None:
    """A chunk tells its size in hex."""
    assert chunk(data) == framed


def test_it_begins_with_nothing() -> None:
    """Before a head it is no stream, has sent nothing, and keeps its connection."""
    delivery = Sent().delivery
    flags = (delivery.started, delivery.stalled, delivery.is_stream, delivery.chunked)
    assert flags == (False, False, False, False)
    assert (delivery.status, delivery.bytes_out, delivery.events) == (0, 0, 0)
    assert delivery.framed
    assert delivery.keep_alive
    assert not delivery.is_over
    assert delivery.quiet_since == 0.0


def test_end_is_said_once() -> None:
    """The first counts, and none comes after the release."""
    sent, released = Sent(), Sent()
    sent.delivery.finish(FAULT)
    assert sent.delivery.is_over
    sent.delivery.finish()
    assert sent.done == [FAULT]
    released.delivery.release()
    released.delivery.finish(FAULT)
    assert released.done == []
    assert released.delivery.is_over


@pytest.mark.parametrize(("chunked", "written"), [(True, LAST_CHUNK), (False, b"")], ids=["chunked", "plain"])
def test_end_in_good_order(chunked: bool, written: bytes) -> None:
    """Chunks are ended once, and keep the connection; where nothing may be added, the words are left out."""
    sent = Sent()
    sent.delivery.chunked = chunked
    for _ in range(2):
        sent.delivery.end(b"data: a\n\n")
        assert sent.client.written == written
    assert (sent.done, sent.delivery.keep_alive, sent.delivery.bytes_out) == ([None], chunked, 0)


def test_nobody_beats_where_nothing_may_be_added() -> None:
    """A beat that is not written is not counted."""
    sent = Sent()
    sent.delivery.count()
    assert not sent.delivery.beat(b": a\n\n")
    sent.delivery.client_paused()
    assert not sent.delivery.beat(b": a\n\n")
    sent.delivery.client_resumed()
    assert (sent.client.pieces, sent.delivery.bytes_out) == ([], 0)


def test_client_that_takes_nothing() -> None:
    """It is ended without a word, and its connection not used again."""
    sent = Sent()
    sent.delivery.chunked = True
    sent.delivery.client_stalled()
    assert sent.client.pieces == []
    assert (sent.done, sent.delivery.stalled, sent.delivery.keep_alive) == ([None], True, False)


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "closing"])
def test_client_that_leaves(gone: bool) -> None:
    """To one that is gone, or about to be, nothing is written."""
    sent = Sent(gone=gone)
    sent.client.close()
    sent.delivery.chunked = True
    sent.delivery.end()
    assert sent.client.pieces == []
    assert sent.done == [None]
