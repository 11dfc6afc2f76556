"""Writes that wait for the end of the turn."""

from __future__ import annotations

import asyncio

from tentaculo.upstream.outbox import Outbox
from tests.relay.parts import RecordingTransport


async def test_all_go_out_at_the_end_of_the_turn() -> None:
    """Nothing is written before; then all is, in its order, and once."""
    outbox, one, other = Outbox(), RecordingTransport(), RecordingTransport()
    outbox.post(one, b"a")
    outbox.post(other, b"b")
    outbox.post(one, b"c")
    assert one.written == other.written == b""
    await asyncio.sleep(0)
    assert one.pieces == [b"a", b"c"]
    assert other.pieces == [b"b"]
    await asyncio.sleep(0)
    assert one.pieces == [b"a", b"c"]


async def test_flush_does_not_wait() -> None:
    """Who writes or closes by other means has what waits written first; the next turn goes on as ever."""
    outbox, transport = Outbox(), RecordingTransport()
    outbox.post(transport, b"a")
    outbox.flush()
    assert transport.pieces == [b"a"]
    outbox.post(transport, b"b")
    await asyncio.sleep(0)
    assert transport.pieces == [b"a", b"b"]


async def test_closed_transport_is_passed_over() -> None:
    """Whoever closes meanwhile gets nothing more, and the others get theirs."""
    outbox, gone, here = Outbox(), RecordingTransport(), RecordingTransport()
    outbox.post(gone, b"a")
    outbox.post(here, b"b")
    gone.abort()
    await asyncio.sleep(0)
    assert gone.pieces == []
    assert here.pieces == [b"b"]
