"""The bus on a real Redis that goes away and comes back; what it promises is in tests/contracts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from examples.vx11.bus import Bus, BusUnavailable, GroupState
from examples.vx11.redis_bus import DURABLE, RedisBus
from tests.contracts.bus_bench import blocked, make_older
from tests.fakes.gates import eventually, soon
from tests.fakes.redis_server import RedisServer, running_redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that keeps what it said it has."""
    with running_redis(tmp_path, *DURABLE) as server:
        yield server


@pytest.fixture
async def bus(server: RedisServer) -> AsyncIterator[RedisBus]:
    """A bus on it."""
    bus = RedisBus(server.url, timeout=5)
    yield bus
    await bus.close()


async def _bodies(bus: RedisBus) -> list[bytes]:
    return [message.body for message in await bus.take("g", "one", ["a"], 10)]


async def test_a_restart_loses_nothing_that_was_published(server: RedisServer, bus: RedisBus) -> None:
    """Messages, what groups took and what they acknowledged are as before, on the same connections."""
    first = await bus.publish("a", b"1", "c")
    await bus.publish("a", b"2", "c")
    assert await _bodies(bus) == [b"1", b"2"]
    await bus.ack("g", "a", [first])
    await bus.publish("a", b"3", "c")
    server.kill()
    await asyncio.to_thread(server.start)
    (state,) = await bus.topics()
    assert (state.messages, state.groups) == (3, (GroupState(group="g", pending=1, lag=1),))
    assert await _bodies(bus) == [b"3"]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda bus: bus.publish("a", b"{}", "c"), id="publish"),
        pytest.param(lambda bus: bus.take("g", "one", ["a"], 10), id="take"),
        pytest.param(lambda bus: bus.arrival("g", ["a"], 60), id="arrival"),
        pytest.param(lambda bus: bus.ack("g", "a", ["1-1"]), id="ack"),
        pytest.param(lambda bus: bus.topics(), id="topics"),
    ],
)
async def test_a_redis_that_is_away_fails_each_step_and_no_later_one(
    server: RedisServer, bus: RedisBus, step: Callable[[Bus], Awaitable[object]]
) -> None:
    """The fault names neither address nor command, and the next step connects anew."""
    server.kill()
    with pytest.raises(BusUnavailable) as raised:
        await soon(step(bus))
    assert str(raised.value).isalpha()
    assert raised.value.__cause__ is None
    server.start()
    assert await bus.publish("a", b"{}", "c")


async def test_a_redis_that_hangs_is_waited_for_so_long_and_no_longer(server: RedisServer) -> None:
    """Each step ends within its time."""
    bus = RedisBus(server.url, timeout=0.05)
    with server.hung(), pytest.raises(BusUnavailable, match="TimeoutError"):
        await soon(bus.publish("a", b"{}", "c"))
    await bus.close()


async def test_a_redis_that_dies_ends_the_waiting(server: RedisServer, bus: RedisBus) -> None:
    """Whoever waits hears of it at once."""
    waiting = asyncio.create_task(bus.arrival("g", ["a"], 60))
    await eventually(lambda: blocked(server) == 1)
    server.kill()
    with pytest.raises(BusUnavailable):
        await soon(waiting)


async def test_a_waiting_that_is_given_up_frees_its_connection(server: RedisServer, bus: RedisBus) -> None:
    """In Redis nobody waits any more, and no message is lost with it."""
    waiting = asyncio.create_task(bus.arrival("g", ["a"], 60))
    await eventually(lambda: blocked(server) == 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await eventually(lambda: blocked(server) == 0)
    await bus.publish("a", b"1", "c")
    assert await _bodies(bus) == [b"1"]


async def test_two_instances_share_the_messages(server: RedisServer, bus: RedisBus) -> None:
    """What one publishes wakes a consumer at the other, and a group takes it once."""
    other = RedisBus(server.url, timeout=5)
    waiting = asyncio.create_task(other.arrival("g", ["a"], 60))
    await eventually(lambda: blocked(server) == 1)
    await bus.publish("a", b"1", "c")
    await soon(waiting)
    assert await _bodies(other) == [b"1"]
    assert await _bodies(bus) == []
    await other.close()


async def test_what_is_late_is_found_however_much_is_not(server: RedisServer, bus: RedisBus) -> None:
    """Redis looks at some pending messages at a time, and is asked until it has looked at all."""
    ids = [await bus.publish("a", b"{}", "c") for _ in range(40)]
    await bus.take("g", "one", ["a"], 40)
    make_older(server, 30)
    await bus.take("g", "one", ["a"], 30)
    assert [message.message_id for message in await bus.take("g", "one", ["a"], 1)] == [ids[30]]


async def test_a_redis_that_forgot_the_scripts_is_told_them_again(server: RedisServer, bus: RedisBus) -> None:
    """As after every restart of a server that keeps nothing."""
    await bus.publish("a", b"1", "c")
    server.command("SCRIPT", "FLUSH")
    assert await _bodies(bus) == [b"1"]


async def test_a_lag_that_redis_cannot_tell_is_counted(server: RedisServer, bus: RedisBus) -> None:
    """However much there is to count, and whoever deleted messages by hand."""
    first = await bus.publish("a", b"1", "c")
    assert await _bodies(bus) == [b"1"]
    ids = [await bus.publish("a", b"{}", "c") for _ in range(250)]
    server.command("XDEL", "vx11:topic:a", ids[100])
    server.command("XGROUP", "SETID", "vx11:topic:a", "g", first)
    (state,) = await bus.topics()
    assert [group.lag for group in state.groups] == [249]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://:planted@host", "must begin with one of"),
        ("redis+cluster://:planted@host:1", "must name a server or sentinels, no cluster"),
    ],
    ids=["scheme", "cluster"],
)
def test_a_url_that_cannot_be_used_is_not_quoted(url: str, sentence: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match=sentence) as raised:
        RedisBus(url)
    assert "planted" not in str(raised.value)
