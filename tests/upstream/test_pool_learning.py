"""For how long a pool keeps idle connections, by what it learns from its upstream."""

from __future__ import annotations

import pytest

from tentaculo.upstream.pool import LEARNED_FLOOR
from tests.fakes.gates import eventually, soon
from tests.upstream.fakes import (
    KEEP_ALIVE,
    reset,
)
from tests.upstream.pooled import Pooled


@pytest.mark.parametrize("how", ["closed", "reset", "408 first"])
async def test_keep_alive_goes_down_with_the_upstreams(pooled: Pooled, how: str) -> None:
    """An upstream that ends idle connections after a second is believed: less than that from now on."""
    connection, wire = await pooled.kept()
    pooled.pass_time(1.0)
    if how == "reset":
        reset(wire)
    elif how == "closed":
        wire.writer.close()
    else:
        wire.writer.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        wire.writer.close()
    await eventually(lambda: pooled.pool.open_connections == 0)
    assert not connection.is_open
    assert await pooled.patience() == pytest.approx(0.6)


async def test_keep_alive_never_learns_more_from_an_end(pooled: Pooled) -> None:
    """An end after a long time does not raise what was learned before."""
    connection, wire = await pooled.kept()
    pooled.clock.advance(3 * KEEP_ALIVE)
    await pooled.closes(connection, wire)
    assert await pooled.patience() == KEEP_ALIVE


async def test_keep_alive_has_a_floor(pooled: Pooled) -> None:
    """An upstream that closes at once leaves a little keep-alive, or nothing could be learned any more."""
    connection, wire = await pooled.kept()
    await pooled.closes(connection, wire)
    assert await pooled.patience() == pytest.approx(LEARNED_FLOOR)


async def test_keep_alive_goes_up_again_to_what_is_configured(pooled: Pooled) -> None:
    """Each connection that outlives its time lets the next stay longer, up to the configured time."""
    connection, wire = await pooled.kept()
    pooled.pass_time(2.0)
    await pooled.closes(connection, wire)
    seen = []
    for _ in range(8):
        connection, _ = await pooled.kept()
        seen.append(connection.deadline - pooled.clock())
        pooled.pass_time(seen[-1])
        await eventually(lambda: pooled.pool.open_connections == 0)
    assert seen[:3] == pytest.approx([1.2, 1.5, 1.875])
    assert seen == sorted(seen)
    assert seen[-1] == KEEP_ALIVE


async def test_many_that_outlive_their_time_together_teach_as_one(pooled: Pooled) -> None:
    """That ten connections lasted so long at a time says no more of longer times than one of them would."""
    first = await pooled.kept()
    pooled.pass_time(2.0)
    await pooled.closes(*first)
    for _ in range(10):
        await pooled.kept()
    pooled.pass_time(1.2)
    await eventually(lambda: pooled.pool.open_connections == 0)
    assert await pooled.patience() == pytest.approx(1.5)


async def test_what_may_not_be_sent_twice_keeps_away_from_the_edge(pooled: Pooled) -> None:
    """A connection that the upstream may be closing takes only calls that could be repeated."""
    first = await pooled.kept()
    pooled.pass_time(2.0)
    await pooled.closes(*first)
    older, _ = await pooled.kept()
    younger, _ = await pooled.kept()
    pooled.pass_time(0.71)
    assert pooled.pool.take_idle(certain=True) is younger
    pooled.pass_time(0.02)
    assert pooled.pool.take_idle(certain=True) is None
    assert pooled.pool.take_idle() is older


async def test_ends_of_connections_in_use_teach_nothing(pooled: Pooled) -> None:
    """Only idle connections tell how long the upstream keeps them."""
    connection, wire = await pooled.kept()
    assert pooled.pool.take_idle() is connection
    await pooled.closes(connection, wire)
    assert await pooled.patience() == KEEP_ALIVE


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(b"timeout=5, max=99", 3.0), (b"timeout=1", 0.6), (b"timeout=600", KEEP_ALIVE), (b"max=5", KEEP_ALIVE)],
    ids=["5 s", "1 s", "more than configured", "no time"],
)
async def test_keep_alive_that_the_upstream_says_is_kept(pooled: Pooled, said: bytes, seconds: float) -> None:
    """`Keep-Alive: timeout=` is believed with a margin; it can only shorten the time."""
    reply = b"HTTP/1.1 200 OK\r\nKeep-Alive: %b\r\nContent-Length: 0\r\n\r\n" % said
    connection, _ = await pooled.kept(reply)
    assert connection.deadline - pooled.clock() == pytest.approx(seconds)


async def test_keep_alive_of_no_time_keeps_nothing(pooled: Pooled) -> None:
    """`Keep-Alive: timeout=0` means that the connection is not used again."""
    _, wire = await pooled.kept(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n")
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())
