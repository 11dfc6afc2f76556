"""Draining: streams end in waves that are small and in time, and nothing outlives the hard cap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tentaculo.config.settings import DrainSettings, StreamSettings
from tentaculo.relay.draining import SETTLE_SECONDS, WAVE_SECONDS, Drain, Drained, wave_size
from tentaculo.relay.streams import Claim, Endable, Streams
from tentaculo.telemetry.metrics import Metrics
from tests.fakes.clock import Clock
from tests.fakes.gates import soon

CLAIM = Claim("events", StreamSettings(), None, None, "192.0.2.1")
NEVER = float("inf")


class Crowd:
    """A relay with open streams and calls, on a clock that moves as it is waited for.

    The calls are over after `calls_last`; `stubborn` streams stay though they are told to end.
    """

    def __init__(
        self, streams: int = 0, *, calls: int = 0, calls_last: float = 0.0, stubborn: bool = False
    ) -> None:
        self.clock = Clock()
        self.streams = Streams(10_000)
        self.metrics = Metrics(version="0")
        self.draining = False
        self.calls = calls
        self.stubborn = stubborn
        self.proxies_stay = 0.0
        self.steps: list[str] = []
        self.ends: list[float] = []
        self.pauses = 0
        self.at_pause: Callable[[], None] = lambda: None
        self.holds_at = ""
        self.reached = asyncio.Event()
        self._began = self.clock.now
        self._calls_last = calls_last
        self.members = [Member(self) for _ in range(streams)]

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        return self.clock.now - self._began

    @property
    def open_exchanges(self) -> int:
        """Streams and calls."""
        return self.calls + len(self.streams)

    def drain(self) -> None:
        """Say that this is the end."""
        self.draining = True

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses += 1
        self.clock.advance(seconds)
        self.at_pause()
        await self._hold(f"pause {self.pauses}")

    async def finished(self, seconds: float) -> bool:
        """Let the calls end, or time pass."""
        self.steps.append("finish")
        await self._hold("finish")
        if self.open_exchanges:
            left = self._calls_last - self.passed
            self.clock.advance(min(max(0.0, left), seconds))
            self.calls = self.calls if left > seconds else 0
        return not self.open_exchanges

    async def _hold(self, place: str) -> None:
        """Never come back from the place where the test says so, once."""
        if place == self.holds_at and not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()

    def cut_all(self) -> None:
        """End everything, whatever it wants."""
        self.steps.append("cut")
        self.calls = 0
        for stream in self.streams.all_open():
            self.streams.ended(stream)

    def proxies(self) -> int:
        """One has a connection, for as long as the test says."""
        return int(self.passed < self.proxies_stay)

    async def close_listeners(self) -> None:
        """Let nobody in; only now, and nobody was sent away before."""
        assert self.draining
        assert self.ends == []
        self.steps.append("close")

    def cut_metric(self, kind: str) -> float | None:
        """How many were counted as cut."""
        return self.metrics.registry.get_sample_value("tentaculo_exchanges_cut_total", {"kind": kind})


class Member:
    """One open stream of a crowd."""

    def __init__(self, crowd: Crowd) -> None:
        self.told: list[str] = []
        self._crowd = crowd
        crowd.streams.opened(self, CLAIM)

    def end_stream(self, reason: str) -> None:
        """End, unless it is stubborn."""
        self.told.append(reason)
        self._crowd.ends.append(self._crowd.passed)
        if not self._crowd.stubborn:
            self._crowd.streams.ended(self)

    def settle(self) -> None:
        """There is nothing to count."""


async def drain(
    crowd: Crowd, *, time: float = 5.0, hard_cap: float = 9.0, hurried: asyncio.Event | None = None
) -> Drained:
    """Drain a crowd, always in the same random order."""
    drain = Drain(
        crowd,
        DrainSettings(time=time, hard_cap=hard_cap),
        close_listeners=crowd.close_listeners,
        proxies=crowd.proxies,
        hurried=hurried or asyncio.Event(),
        clock=crowd.clock,
        pause=crowd.pause,
        pick=random.Random(4).sample,
    )
    return await soon(drain.run())


def most_within(ends: Sequence[float], seconds: float) -> int:
    """Return how many ends the fullest window of so many seconds holds; `ends` are in order."""
    most = first = 0
    for last, end in enumerate(ends):
        while end - ends[first] >= seconds - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


# Waves.


def waves(count: int, seconds: float, lag: float) -> list[float]:
    """Return when each of so many streams ends, by the sizes of the waves alone."""
    ends: list[float] = []
    passed, since = 0.0, WAVE_SECONDS
    while count and (left := seconds - passed) > since:
        wave = wave_size(count, since, left)
        assert 0 < wave <= count
        count -= wave
        ends += [passed] * wave
        since = WAVE_SECONDS + lag
        passed += since
    return ends + [passed] * count


@given(st.integers(1, 3000), st.floats(0.1, 60.0), st.floats(0.0, 0.01))
@example(2000, 5.0, 0.0)
@example(1, 0.1, 0.0)
@example(3000, 0.1, 0.01)
def test_waves_are_even_and_in_time(count: int, seconds: float, lag: float) -> None:
    """All end in time, and no moment holds many more than its share, where each wave is late too."""
    ends = waves(count, seconds, lag)
    assert len(ends) == count
    assert ends[-1] <= seconds
    share = count * 2 * (WAVE_SECONDS + lag) / seconds
    assert most_within(ends, 2 * WAVE_SECONDS) <= 1.15 * share + 3


async def test_no_moment_holds_many_of_two_thousand() -> None:
    """Over five seconds, 100 ms hold little more than 2 % of them; the clients come back as spread."""
    crowd = Crowd(2000)
    drained = await drain(crowd)
    assert len(crowd.ends) == 2000
    assert most_within(crowd.ends, 0.1) <= 50
    assert crowd.ends[-1] <= 5.0
    assert (drained.streams_ended, drained.exchanges_cut) == (2000, 0)
    assert 4.5 < drained.seconds <= 5.0


@pytest.mark.parametrize("count", [1, 7, 60, 333, 3000])
@pytest.mark.parametrize("time", [0.0, 0.05, 0.3, 5.0])
async def test_each_stream_is_told_once(count: int, time: float) -> None:
    """Each ends in time, for the one reason, and none is cut."""
    crowd = Crowd(count)
    members = crowd.members
    drained = await drain(crowd, time=time)
    assert [member.told for member in members] == [["draining"]] * count
    assert crowd.passed <= max(time, WAVE_SECONDS)
    assert drained == Drained(count, 0, crowd.passed)
    assert crowd.steps == ["close", "finish"]


async def test_waves_are_picked_at_random() -> None:
    """Those who came together do not go together."""
    crowd = Crowd(200)
    order: list[int] = []
    numbers: dict[Endable, int] = {member: number for number, member in enumerate(crowd.members)}

    def note() -> None:
        order.extend(numbers[member] for member in numbers if member not in crowd.streams.all_open())

    crowd.at_pause = note
    await drain(crowd)
    first = order[:2]
    assert first != [0, 1]


@pytest.mark.parametrize(("stay", "seconds"), [(0.0, 0.0), (1.2, 1.2), (NEVER, 5.0)], ids=str)
async def test_nothing_open(stay: float, seconds: float) -> None:
    """There is nothing to wait for but proxies that may use their connections, no longer than for streams."""
    crowd = Crowd()
    crowd.proxies_stay = stay
    assert await drain(crowd) == Drained(0, 0, crowd.passed)
    assert crowd.passed == pytest.approx(seconds, abs=2 * WAVE_SECONDS)


async def test_streams_that_open_late_end_too() -> None:
    """One that opens between the waves is in one of the next; none is forgotten."""
    crowd = Crowd(40)
    late: list[Member] = []

    def open_one() -> None:
        if len(late) < 30:
            late.append(Member(crowd))

    crowd.at_pause = open_one
    drained = await drain(crowd)
    assert [member.told for member in late] == [["draining"]] * 30
    assert drained.streams_ended == 70
    assert crowd.ends[-1] <= 5.0


async def test_waves_that_are_held_up_catch_up() -> None:
    """Where the event loop is busy, the waves grow, but not to one flood."""
    crowd = Crowd(1000)
    crowd.at_pause = lambda: crowd.clock.advance(0.2)
    await drain(crowd)
    assert len(crowd.ends) == 1000
    assert most_within(crowd.ends, 0.1) <= 60
    assert crowd.ends[-1] <= 5.0 + 0.25


# Exchanges.


async def test_calls_finish() -> None:
    """What needs longer than the streams has time until the cap, and is whole."""
    crowd = Crowd(10, calls=3, calls_last=8.9)
    drained = await drain(crowd)
    assert (drained.streams_ended, drained.exchanges_cut) == (10, 0)
    assert drained.seconds == pytest.approx(8.9)
    assert crowd.steps == ["close", "finish"]
    assert (crowd.cut_metric("call"), crowd.cut_metric("stream")) == (0, 0)


@pytest.mark.parametrize("streams", [0, 10])
async def test_stuck_calls_are_cut(streams: int) -> None:
    """At the cap, which begins with the drain and not as the last stream ends, they are cut and counted."""
    crowd = Crowd(streams, calls=3, calls_last=NEVER)
    drained = await drain(crowd, time=1.0, hard_cap=2.0)
    assert (drained.streams_ended, drained.exchanges_cut) == (streams, 3)
    assert drained.seconds == pytest.approx(2.0)
    assert crowd.steps == ["close", "finish", "cut", "finish"]
    assert (crowd.cut_metric("call"), crowd.cut_metric("stream")) == (3, 0)


async def test_stubborn_streams_are_cut() -> None:
    """A stream that does not end as it is told, once, holds nothing up, and is counted for what it is."""
    crowd = Crowd(5, calls=1, calls_last=NEVER, stubborn=True)
    drained = await drain(crowd, time=1.0, hard_cap=2.0)
    assert [member.told for member in crowd.members] == [["draining"]] * 5
    assert (drained.streams_ended, drained.exchanges_cut) == (5, 6)
    assert drained.seconds == pytest.approx(2.0)
    assert (crowd.cut_metric("call"), crowd.cut_metric("stream")) == (1, 5)


async def test_streams_end_before_the_cap() -> None:
    """Even where the time for streams is longer, all are told, not cut."""
    crowd = Crowd(100)
    drained = await drain(crowd, time=60.0, hard_cap=1.0)
    assert (drained.streams_ended, drained.exchanges_cut) == (100, 0)
    assert crowd.ends[-1] <= 1.0 - SETTLE_SECONDS


# A second signal.


async def test_second_signal_between_waves() -> None:
    """Streams that were not told yet are cut, with the calls."""
    crowd, hurried = Crowd(100, calls=2, calls_last=NEVER), asyncio.Event()
    crowd.holds_at = "pause 3"
    draining = asyncio.ensure_future(drain(crowd, hurried=hurried))
    await soon(crowd.reached.wait())
    hurried.set()
    drained = await draining
    assert (drained.streams_ended, drained.exchanges_cut) == (3, 99)
    assert drained.seconds == pytest.approx(3 * WAVE_SECONDS)
    assert crowd.steps == ["close", "cut", "finish"]
    assert (crowd.cut_metric("call"), crowd.cut_metric("stream")) == (2, 97)


async def test_second_signal_while_calls_finish() -> None:
    """It cuts at once."""
    crowd, hurried = Crowd(calls=2, calls_last=NEVER), asyncio.Event()
    crowd.holds_at = "finish"
    draining = asyncio.ensure_future(drain(crowd, hurried=hurried))
    await soon(crowd.reached.wait())
    assert not draining.done()
    hurried.set()
    drained = await draining
    assert (drained.streams_ended, drained.exchanges_cut) == (0, 2)
    assert crowd.steps == ["close", "finish", "cut", "finish"]


async def test_second_signal_that_came_first() -> None:
    """The first wave has left by then; all else is cut."""
    crowd, hurried = Crowd(100), asyncio.Event()
    crowd.holds_at = "pause 1"
    hurried.set()
    drained = await drain(crowd, hurried=hurried)
    assert (drained.streams_ended, drained.exchanges_cut) == (1, 99)


async def test_fault_of_a_step_is_not_swallowed() -> None:
    """What goes wrong is for the log, not for nobody."""
    crowd = Crowd(1)

    def fail() -> None:
        raise RuntimeError("broken")

    crowd.at_pause = fail
    with pytest.raises(RuntimeError, match="broken"):
        await drain(crowd)
