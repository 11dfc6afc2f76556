"""Madre's long polls over real connections: what ends them."""

from __future__ import annotations

import asyncio

import pytest

from examples.vx11.memory_bus import MemoryBus
from tests.examples.vx11.conftest import problem_of
from tests.examples.vx11.madre_bench import TAKE, WANTED, RunningMadre, running_madre
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon


class TestTake:
    """POST on a group, a long poll."""

    async def test_a_message_ends_the_poll(self, madre: RunningMadre, bus: MemoryBus) -> None:
        """It is answered as soon as there is one, on any of its topics."""
        poll = asyncio.create_task(madre.take(topics=["a", "b"], wait_ms=30_000))
        await eventually(lambda: bus.waiting_count == 2)
        await madre.publish({"n": 1}, topic="b")
        assert [message["body"] for message in await soon(poll)] == [{"n": 1}]

    async def test_without_a_message_it_is_answered_when_the_time_is_up(self, madre: RunningMadre) -> None:
        """At once where there is no time, and with an empty list."""
        assert await soon(madre.take()) == []
        assert await soon(madre.take(wait_ms=20)) == []

    async def test_what_falls_due_ends_the_poll(self, bus: MemoryBus, clock: Clock) -> None:
        """What another consumer took and did not acknowledge needs no new message to come."""
        async with running_madre(bus, recheck=0.01) as madre:
            message_id = await madre.publish({})
            await madre.take(consumer="dead")
            poll = asyncio.create_task(madre.take(wait_ms=30_000))
            await eventually(lambda: bus.waiting_count == 1)
            clock.advance(30)
            assert [(m["message_id"], m["deliveries"]) for m in await soon(poll)] == [(message_id, 2)]

    async def test_a_consumer_that_comes_back_takes_up_what_it_had(self, madre: RunningMadre) -> None:
        """At once, before what is new, where it asks for it."""
        ids = [await madre.publish({}) for _ in range(2)]
        await madre.take(max=1)
        taken = await soon(madre.take(resume=True, wait_ms=30_000))
        assert [(m["message_id"], m["deliveries"]) for m in taken] == [(ids[0], 2), (ids[1], 1)]
        assert await madre.take(resume=False) == []

    async def test_a_client_that_leaves_takes_nothing_along(
        self, madre: RunningMadre, bus: MemoryBus
    ) -> None:
        """Its poll ends, and the next message is the next consumer's."""
        poll = asyncio.create_task(madre.take(wait_ms=30_000))
        await eventually(lambda: bus.waiting_count == 1)
        poll.cancel()
        await eventually(lambda: bus.waiting_count == 0)
        await madre.publish({})
        assert [message["deliveries"] for message in await madre.take()] == [1]

    async def test_stopping_ends_the_poll(self, madre: RunningMadre, bus: MemoryBus) -> None:
        """It is answered before the service is gone, as if its time were up."""
        poll = asyncio.create_task(madre.take(wait_ms=30_000))
        await eventually(lambda: bus.waiting_count == 1)
        await soon(madre.service.stop(), 20)
        assert await soon(poll) == []

    async def test_only_so_many_wait_at_once(self, madre: RunningMadre, bus: MemoryBus) -> None:
        """One more is told to come again; whoever asks for no waiting is answered."""
        polls = [asyncio.create_task(madre.take(wait_ms=30_000)) for _ in range(2)]
        await eventually(lambda: bus.waiting_count == 2)
        async with madre.post(TAKE, WANTED | {"wait_ms": 30_000}) as response:
            assert await problem_of(response) == (503, "too_many_polls")
            assert response.headers["Retry-After"] == "1"
        assert await madre.take() == []
        for poll in polls:
            poll.cancel()

    async def test_a_topic_that_is_named_twice_counts_once(self, madre: RunningMadre) -> None:
        """One message may be asked for of it."""
        await madre.publish({})
        assert len(await madre.take(topics=["a", "a"], max=1)) == 1

    @pytest.mark.parametrize(
        "wanted",
        [
            pytest.param({"consumer": None}, id="no-consumer"),
            pytest.param({"consumer": "a b"}, id="bad-consumer"),
            pytest.param({"topics": []}, id="no-topics"),
            pytest.param({"topics": "a"}, id="topics-are-a-text"),
            pytest.param({"topics": [1]}, id="topics-are-numbers"),
            pytest.param({"topics": ["a/b"]}, id="bad-topic"),
            pytest.param({"topics": ["a"] * 101}, id="many-topics"),
            pytest.param({"max": 0}, id="none"),
            pytest.param({"max": 101}, id="too-many"),
            pytest.param({"max": 1, "topics": ["a", "b"]}, id="fewer-than-topics"),
            pytest.param({"max": True}, id="max-is-true"),
            pytest.param({"max": 1.5}, id="max-is-no-whole-number"),
            pytest.param({"wait_ms": -1}, id="before-now"),
            pytest.param({"wait_ms": 30_001}, id="too-long"),
            pytest.param({"wait_ms": "1"}, id="wait-is-a-text"),
        ],
    )
    async def test_a_bad_wish_is_refused(self, madre: RunningMadre, wanted: dict[str, object]) -> None:
        """Each with a sentence that says what there may be."""
        async with madre.post(TAKE, WANTED | wanted) as response:
            assert await problem_of(response) == (400, "bad_request")

    async def test_a_group_has_a_plain_name(self, madre: RunningMadre) -> None:
        """Like a topic."""
        async with madre.post("/madre/groups/-g/take", WANTED) as response:
            assert await problem_of(response) == (400, "bad_request")
