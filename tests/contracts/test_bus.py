"""What every bus promises, whether it keeps messages in memory or in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from examples.vx11.bus import MOST_GROUPS, MOST_TOPICS, BusFull, GroupState, Message, TopicState
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.redis_bus import RedisBus
from tests.contracts.bus_bench import KEPT, BusBench, blocked, bodies_of, make_older
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.redis_server import RedisServer


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[BusBench]:
    """Each kind of bus in turn, empty."""
    if request.param == "memory":
        clock = Clock()
        memory = MemoryBus(keep=KEPT, clock=clock)
        bench = BusBench(memory, clock.advance, lambda: memory.waiting_count)
    else:
        server: RedisServer = request.getfixturevalue("server")
        server.command("FLUSHALL")
        bus = RedisBus(server.url, keep=KEPT, timeout=5)
        bench = BusBench(bus, lambda seconds: make_older(server, seconds), lambda: blocked(server))
    yield bench
    await bench.bus.close()


class TestTaking:
    """Publishing and taking."""

    async def test_a_message_comes_as_it_was_published(self, bench: BusBench) -> None:
        """Its body to the byte, with its correlation id and the id that publishing returned."""
        message_id = await bench.bus.publish("a", b'{"n":"\xc3\xb1 \\u0000"}', "order-66")
        assert await bench.bus.take("g", "one", ["a"], 10) == [
            Message(
                topic="a",
                message_id=message_id,
                body=b'{"n":"\xc3\xb1 \\u0000"}',
                correlation_id="order-66",
                deliveries=1,
            )
        ]

    async def test_a_group_gets_each_message_once_and_in_order(self, bench: BusBench) -> None:
        """Its consumers share the messages, as many at once as they ask for."""
        await bench.fill("1", "2", "3")
        assert await bench.take(consumer="one", limit=2) == ["1", "2"]
        assert await bench.take(consumer="other", limit=2) == ["3"]
        assert await bench.take(consumer="one") == []

    async def test_every_group_begins_with_the_oldest_that_is_kept(self, bench: BusBench) -> None:
        """A group that comes late misses nothing that is kept."""
        await bench.fill("1", "2")
        assert await bench.take("early") == ["1", "2"]
        await bench.fill("3")
        assert await bench.take("late") == ["1", "2", "3"]
        assert await bench.take("early") == ["3"]

    async def test_a_group_may_come_before_the_first_message(self, bench: BusBench) -> None:
        """Taking from a topic that nobody published to makes it."""
        assert await bench.take() == []
        await bench.fill("1")
        assert await bench.take() == ["1"]

    async def test_no_topic_starves_another(self, bench: BusBench) -> None:
        """However full one is, each gives an equal share."""
        await bench.fill("1", "2", "3", topic="a")
        await bench.fill("4", topic="b")
        assert await bench.take("g", "one", 4, "a", "b") == ["1", "2", "4"]
        assert await bench.take("g", "one", 4, "a", "b") == ["3"]

    async def test_ids_of_another_time_are_strangers(self, bench: BusBench) -> None:
        """Two messages never have the same id."""
        ids = await bench.fill("1", "2") + await bench.fill("1", topic="b")
        assert len(set(ids[:2])) == 2
        assert all(ids)


class TestAcknowledging:
    """At least once, and no more than that once it was dealt with."""

    async def test_what_was_not_acknowledged_is_given_again(self, bench: BusBench) -> None:
        """After 30 seconds, and not before, to whoever asks; its deliveries are counted."""
        await bench.fill("1")
        await bench.take(consumer="dead")
        bench.advance(29)
        assert await bench.take(consumer="other") == []
        bench.advance(1)
        (again,) = await bench.bus.take("g", "other", ["a"], 10)
        assert (again.body, again.correlation_id, again.deliveries) == (b"1", "c-1", 2)
        assert await bench.take(consumer="dead") == []
        bench.advance(30)
        assert [m.deliveries for m in await bench.bus.take("g", "dead", ["a"], 10)] == [3]

    async def test_what_was_acknowledged_never_comes_again(self, bench: BusBench) -> None:
        """Only the group that acknowledged it is done with it."""
        ids = await bench.fill("1", "2")
        await bench.take("g")
        await bench.take("other")
        assert await bench.bus.ack("g", "a", ids[:1]) == 1
        bench.advance(30)
        assert await bench.take("g") == ["2"]
        assert await bench.take("other") == ["1", "2"]

    async def test_what_is_late_comes_before_what_is_new(self, bench: BusBench) -> None:
        """A batch begins with what was missed, and holds no more than was asked for."""
        await bench.fill("1", "2")
        await bench.take()
        await bench.fill("3", "4")
        bench.advance(30)
        assert await bench.take(limit=1) == ["1"]
        assert await bench.take(limit=2) == ["2", "3"]
        assert await bench.take() == ["4"]

    async def test_a_consumer_may_take_up_what_it_had(self, bench: BusBench) -> None:
        """At once, in order and before what is new, nobody else's, and only where it asks for it."""
        ids = await bench.fill("1", "2", "3")
        await bench.take(consumer="one", limit=2)
        await bench.take(consumer="other")
        await bench.fill("4", "5")
        await bench.bus.ack("g", "a", ids[:1])
        assert await bench.take(consumer="one", limit=1) == ["4"]
        again = await bench.bus.take("g", "one", ["a"], 10, resume=True)
        assert bodies_of(again) == ["2", "4", "5"]
        assert [message.deliveries for message in again] == [2, 2, 1]
        assert again[0].correlation_id == "c-2"

    async def test_what_is_taken_up_is_bounded(self, bench: BusBench) -> None:
        """Each topic gives its share, and of what it gave the rest once that is acknowledged."""
        ids = await bench.fill("1", "2", "3")
        await bench.fill("4", topic="b")
        await bench.take("g", "one", 10, "a", "b")
        first = await bench.bus.take("g", "one", ["a", "b"], 4, resume=True)
        assert bodies_of(first) == ["1", "2", "4"]
        await bench.bus.ack("g", "a", ids[:2])
        assert bodies_of(await bench.bus.take("g", "one", ["a"], 1, resume=True)) == ["3"]

    async def test_what_is_taken_up_is_its_takers(self, bench: BusBench) -> None:
        """What another was given meanwhile is the other's, and its 30 seconds begin anew."""
        await bench.fill("1")
        await bench.take(consumer="dead")
        bench.advance(30)
        assert await bench.take(consumer="other") == ["1"]
        assert await bench.bus.take("g", "dead", ["a"], 10, resume=True) == []
        bench.advance(29)
        assert bodies_of(await bench.bus.take("g", "other", ["a"], 10, resume=True)) == ["1"]
        bench.advance(29)
        assert await bench.take(consumer="dead") == []

    async def test_what_is_late_comes_to_one_who_takes_up_too(self, bench: BusBench) -> None:
        """Another's that is due comes as ever, and counts in the share."""
        await bench.fill("1", "2", "3")
        await bench.take(consumer="dead", limit=2)
        bench.advance(30)
        assert bodies_of(await bench.bus.take("g", "one", ["a"], 2, resume=True)) == ["1", "2"]
        assert bodies_of(await bench.bus.take("g", "one", ["a"], 3, resume=True)) == ["1", "2", "3"]

    async def test_what_is_late_is_found_behind_what_is_not(self, bench: BusBench) -> None:
        """Messages that were just given hide none that is due."""
        await bench.fill("1", "2", "3")
        await bench.take()
        bench.advance(30)
        assert await bench.take(limit=2) == ["1", "2"]
        assert await bench.take(limit=1) == ["3"]

    @pytest.mark.parametrize(
        "message_id", ["", "x", "1", "0-0", "1-1", "-", "1-x", "9" * 30 + "-1", "ñ", "00000000-0"]
    )
    async def test_an_unknown_id_counts_nothing(self, bench: BusBench, message_id: str) -> None:
        """Neither one that is none nor one that was never given."""
        await bench.fill("1")
        await bench.take()
        assert await bench.bus.ack("g", "a", [message_id]) == 0
        bench.advance(30)
        assert await bench.take() == ["1"]

    async def test_acknowledging_twice_counts_once(self, bench: BusBench) -> None:
        """And of what was not taken yet, nothing."""
        first, second = await bench.fill("1", "2")
        await bench.take(limit=1)
        assert await bench.bus.ack("g", "a", [first, first, second]) == 1
        assert await bench.bus.ack("g", "a", [first]) == 0
        assert await bench.take() == ["2"]

    @pytest.mark.parametrize(("group", "topic"), [("g", "none"), ("none", "a")], ids=["topic", "group"])
    async def test_strangers_acknowledge_nothing(self, bench: BusBench, group: str, topic: str) -> None:
        """A topic or a group that is not there has nothing pending, and is not made."""
        ids = await bench.fill("1")
        await bench.take()
        assert await bench.bus.ack(group, topic, ids) == 0
        assert [(state.topic, len(state.groups)) for state in await bench.bus.topics()] == [("a", 1)]


class TestBounds:
    """What is kept, and what is told of it."""

    async def test_a_topic_lets_its_oldest_messages_go(self, bench: BusBench) -> None:
        """It keeps so many, and counts the others; a slow group goes on with the oldest kept."""
        await bench.fill("0")
        await bench.take("slow")
        await bench.fill(*"1234567")
        assert await bench.take("slow") == ["3", "4", "5", "6", "7"]
        assert await bench.take("late") == ["3", "4", "5", "6", "7"]
        (state,) = await bench.bus.topics()
        assert (state.messages, state.trimmed) == (5, 3)

    async def test_what_is_gone_is_not_given_again(self, bench: BusBench) -> None:
        """A message that was let go while it was pending is forgotten."""
        await bench.fill("1")
        await bench.take()
        await bench.fill(*"23456")
        assert bodies_of(await bench.bus.take("g", "one", ["a"], 1, resume=True)) == ["2"]
        await bench.fill("7")
        assert bodies_of(await bench.bus.take("g", "one", ["a"], 1, resume=True)) == ["3"]
        bench.advance(30)
        assert await bench.take() == ["3", "4", "5", "6", "7"]

    async def test_the_figures_are_those_of_this_moment(self, bench: BusBench) -> None:
        """Topics and groups by name, with what is pending and what is not yet taken."""
        assert await bench.bus.topics() == []
        ids = await bench.fill("1", "2", "3", topic="b")
        await bench.fill("4", topic="a")
        await bench.take("y", "one", 2, "b")
        await bench.take("x", "one", 10, "b")
        await bench.bus.ack("y", "b", ids[:1])
        groups = (GroupState(group="x", pending=3, lag=0), GroupState(group="y", pending=1, lag=1))
        assert await bench.bus.topics() == [
            TopicState(topic="a", messages=1, trimmed=0, groups=()),
            TopicState(topic="b", messages=3, trimmed=0, groups=groups),
        ]

    async def test_a_lag_is_never_more_than_is_kept(self, bench: BusBench) -> None:
        """What was let go can't be taken any more."""
        await bench.fill("0", "1")
        await bench.take(limit=1)
        await bench.fill(*"23456789")
        (state,) = await bench.bus.topics()
        assert [group.lag for group in state.groups] == [KEPT]

    async def test_there_are_only_so_many_topics(self, bench: BusBench) -> None:
        """One more is refused, whichever way it comes, and the others go on."""
        for number in range(MOST_TOPICS):
            await bench.fill("1", topic=f"t{number}")
        with pytest.raises(BusFull):
            await bench.fill("1")
        with pytest.raises(BusFull):
            await bench.take("g", "one", 10, "t0", "one-more")
        assert await bench.take("g", "one", 10, "t0") == ["1"]
        assert await bench.fill("2", topic="t0")

    async def test_a_topic_has_only_so_many_groups(self, bench: BusBench) -> None:
        """One more is refused, and the others go on."""
        await bench.fill("1")
        for number in range(MOST_GROUPS):
            await bench.take(f"g{number}")
        with pytest.raises(BusFull):
            await bench.take()
        await bench.fill("2")
        assert await bench.take("g0") == ["2"]


class TestArrival:
    """Waiting for something new."""

    @pytest.mark.parametrize("known", [True, False], ids=["known-group", "new-group"])
    async def test_it_returns_at_once_when_there_is_something(self, bench: BusBench, known: bool) -> None:
        """What the group has not taken yet needs no waiting."""
        if known:
            await bench.take()
        await bench.fill("1")
        await soon(bench.bus.arrival("g", ["b", "a"], 60))

    async def test_a_new_message_ends_the_waiting_of_all(self, bench: BusBench) -> None:
        """Waiting takes nothing."""
        await bench.take()
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(soon(bench.bus.arrival("g", ["a"], 60))) for _ in range(3)]
            await eventually(lambda: bench.waiting() == 3)
            await bench.fill("1")
        assert all(wait.done() for wait in waits)
        assert await bench.take() == ["1"]

    async def test_each_of_the_topics_ends_the_waiting(self, bench: BusBench) -> None:
        """Though the others have nothing."""
        await bench.take("g", "one", 10, "a", "b")
        waiting = asyncio.create_task(bench.bus.arrival("g", ["a", "b"], 60))
        await eventually(lambda: bench.waiting() > 0)
        await bench.fill("1", topic="b")
        await soon(waiting)

    async def test_what_is_pending_is_nothing_new(self, bench: BusBench) -> None:
        """Without anything to take it returns when its time is up."""
        await bench.fill("1")
        await bench.take()
        await soon(bench.bus.arrival("g", ["a"], 0.01))
        with pytest.raises(TimeoutError):
            await soon(bench.bus.arrival("g", ["a"], 60), 0.05)
