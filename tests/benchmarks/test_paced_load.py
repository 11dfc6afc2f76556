"""Tests of the load at a fixed rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest

from scripts.benchmarks import paced_load
from scripts.benchmarks.paced_load import Caller, Pace, PacedPlan, press, summarize, whole
from scripts.benchmarks.wrk import LoadFailed
from tests.benchmarks.test_big_backend import backend
from tests.benchmarks.test_event_backend import Recorder
from tests.fakes.gates import eventually, soon

REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nX-A: b\r\n\r\nabc"


def plan(port: int) -> PacedPlan:
    """Return a short load of 40 calls, of which the last 20 count."""
    return PacedPlan(
        port=port, rate=400, seconds=0.05, warm_up=0.05, credential="X-A: made-up", path="/x", connections=4
    )


class OneAnswer(asyncio.Protocol):
    """A connection that is closed after its first answer."""

    def __init__(self, reply: bytes, open_ones: set[asyncio.Transport], received: bytearray) -> None:
        self._reply, self._open, self._received = reply, open_ones, received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self._received += data
        self._transport.write(self._reply)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._open.discard(self._transport)


@asynccontextmanager
async def one_answer(reply: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """Serve connections of one answer; yields the port, and what came."""
    open_ones: set[asyncio.Transport] = set()
    received = bytearray()
    server = await asyncio.get_running_loop().create_server(
        lambda: OneAnswer(reply, open_ones, received), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1], received
        await eventually(lambda: not open_ones)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (REPLY, b"200"),
        (REPLY.replace(b"200", b"503"), b"503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length:0\r\n\r\n", b"200"),
        (REPLY[:-1], None),
        (REPLY[:20], None),
        (b"HTTP/1.1 200 OK\r\n\r\nContent-Length: 0", None),
    ],
    ids=["whole", "refused", "empty", "cut", "half a head", "no length"],
)
def test_whole(answer: bytes, status: bytes | None) -> None:
    """An answer counts when its body is there."""
    assert whole(answer) == status


async def test_all_calls_are_made_and_answered() -> None:
    """Those of the warm-up are left out of the count, and none fails."""
    async with backend() as port:
        load = await soon(press(plan(port)))
    assert (load.calls, load.failed) == (20, 0)
    assert 0 < load.median_ms <= load.p99_ms <= load.max_ms
    assert load.late_ms >= 0


async def test_a_lost_connection_is_replaced() -> None:
    """A peer that closes after each answer is called on, and what it answered is no failure."""
    async with one_answer(REPLY) as (port, received):
        load = await soon(press(plan(port)))
    assert load.calls == 20
    assert received.count(b"GET /x ") > plan(port).connections


async def test_answers_that_are_refusals_have_failed() -> None:
    """Where no call was answered there is nothing to tell of."""
    async with one_answer(REPLY.replace(b"200", b"503")) as (port, _):
        with pytest.raises(LoadFailed, match="no calls were answered"):
            await soon(press(plan(port)))


async def test_silence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls without an answer are not waited for without a bound."""
    monkeypatch.setattr(paced_load, "ANSWER_SECONDS", 0.05)
    async with backend() as port:
        with pytest.raises(LoadFailed, match="no calls were answered"):
            await soon(press(replace(plan(port), credential="Content-Length: 9")))


def connected(pace: Pace) -> tuple[Caller, Recorder]:
    """Return a connection of the pace, with what it writes."""
    caller, transport = Caller(pace), Recorder()
    caller.connection_made(cast(asyncio.BaseTransport, transport))
    return caller, transport


def test_a_call_waits_for_a_connection_and_its_time_does_not() -> None:
    """What was due while all were busy is counted from then on."""
    pace = Pace(plan(1))
    caller, transport = connected(pace)
    pace.call(1000)
    pace.call(2000)
    assert len(transport.written) == 1
    caller.data_received(REPLY[:30])
    caller.data_received(REPLY[30:])
    assert len(transport.written) == 2
    caller.data_received(REPLY)
    assert pace.delays[0] - pace.delays[1] < 1000 + pace.delays[1]
    assert len(pace.late) == 1
    assert pace.made == 2


def test_calls_of_the_warm_up_do_not_count() -> None:
    """Neither as answered nor as failed."""
    pace = Pace(plan(1))
    pace.counts_from = 2000
    caller, _ = connected(pace)
    for due, reply in ((1000, REPLY), (1001, REPLY.replace(b"200", b"404")), (2000, REPLY)):
        pace.call(due)
        caller.data_received(reply)
    assert (pace.made, pace.failed, len(pace.delays)) == (1, 0, 1)


def test_summary() -> None:
    """Nanoseconds become milliseconds; what was made and not answered has failed."""
    pace = Pace(plan(1))
    pace.delays = [1_000_000 * one for one in range(101)]
    pace.late = [2_000_000]
    pace.made = 103
    load = summarize(pace)
    assert (load.median_ms, load.p99_ms, load.max_ms, load.late_ms) == (50.0, 99.0, 100.0, 2.0)
    assert (load.calls, load.failed) == (103, 2)


def test_a_credential_is_not_shown() -> None:
    """It goes to the process, not into a message."""
    assert "made-up" not in repr(plan(1))
