"""Tests of the clients that count events."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from scripts.benchmarks import event_load
from scripts.benchmarks.event_backend import STREAM_HEAD, make_event
from scripts.benchmarks.event_load import (
    Client,
    Crowd,
    EventPlan,
    delays_in,
    press,
    quantiles,
    run_load,
)
from scripts.benchmarks.wrk import LoadFailed
from tests.admin.stacks import answering
from tests.benchmarks.test_event_backend import RATE, backend
from tests.fakes.gates import soon
from tests.fakes.ports import free_port

EVENTS = STREAM_HEAD + make_event(40, 7) + make_event(40, 9)


def plan(port: int, *, backend_port: int = 1, streams: int = 5) -> EventPlan:
    """Return a short load on `port`; what it measures is this process."""
    return EventPlan(
        port=port,
        pid=os.getpid(),
        backend_port=backend_port,
        backend_pid=os.getpid(),
        path="/x",
        credential="X-VX11-Token: made-up",
        streams=streams,
        seconds=0.2,
        warm_up=0.01,
    )


@pytest.mark.parametrize("size", range(1, len(EVENTS)))
def test_events_are_counted_however_they_are_split(size: int) -> None:
    """Two events are two, wherever reads begin and end."""
    client = Client(Crowd(1, "/", ""))
    for start in range(0, len(EVENTS), size):
        client.data_received(EVENTS[start : start + size])
    assert (client.opened, client.events) == (True, 2)


def test_an_event_in_two_chunks_is_one() -> None:
    """A peer may frame anew."""
    client = Client(Crowd(1, "/", ""))
    client.data_received(STREAM_HEAD + b"4\r\ndata\r\n6\r\n: 1\n\n\r\n")
    assert client.events == 1


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (make_event(40, 7), [93]),
        (make_event(40, 7) + make_event(40, 90), [93, 10]),
        (make_event(40, 7)[10:], []),
        (make_event(40, 7)[:20], []),
        (make_event(40, 7)[:30], [93]),
        (b"", []),
    ],
    ids=["one", "two", "no start", "half a stamp", "just the stamp", "nothing"],
)
def test_delays(data: bytes, found: list[int]) -> None:
    """Only a stamp that is whole within one read counts."""
    assert delays_in(data, 100) == found


def test_quantiles() -> None:
    """Nanoseconds become milliseconds; without events there is nothing to say."""
    assert quantiles([1_000_000 * one for one in range(101)]) == (50.0, 99.0)
    with pytest.raises(LoadFailed, match="no events"):
        quantiles([])


async def test_a_load_counts_what_the_backend_sends() -> None:
    """Straight at the backend each stream has its events, and its usage is there."""
    async with backend() as port:
        load = await soon(press(plan(port, backend_port=port)), 20)
    assert (load.streams, load.upstream_streams) == (5, 5)
    assert 5 <= load.events <= 5 * (RATE * load.seconds + 3)
    assert load.fewest * 5 <= load.events
    assert 0 < load.median_ms <= load.p99_ms
    assert min(load.idle_bytes, load.open_bytes) > 1 << 20
    assert 0 < load.clients_cpu_seconds <= load.seconds


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "the peer answered 401"),
        (b"", "a stream ended"),
        (STREAM_HEAD, "a stream ended"),
    ],
    ids=["refused", "no answer", "ended"],
)
async def test_a_load_that_failed(reply: bytes, said: str) -> None:
    """A stream that does not open or does not stay is no measurement."""
    async with answering(reply) as (port, _):
        with pytest.raises(LoadFailed, match=said):
            await soon(press(plan(port, streams=1)))


async def test_a_silent_stream_ends_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who never beats is not waited for without a bound."""
    monkeypatch.setattr(event_load, "EVENT_SECONDS", 0.1)
    async with backend(rate=0.01) as port:
        with pytest.raises(LoadFailed, match="did not all beat"):
            await soon(press(plan(port)))


async def test_who_does_not_answer_ends_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that does not open is not waited for without a bound either."""
    monkeypatch.setattr(event_load, "OPEN_SECONDS", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(LoadFailed, match="did not all open"),
    ):
        await soon(press(plan(silent.getsockname()[1])))


def test_a_process_that_failed_says_why() -> None:
    """The last words of the load's process come back, and a pin stands before its command."""
    with pytest.raises(LoadFailed, match="Connection refused"):
        run_load(plan(free_port()), sys.executable, ["env"])
    with pytest.raises(LoadFailed, match="without a word"):
        run_load(plan(1), sys.executable, ["false"])


def test_a_credential_is_not_shown() -> None:
    """It goes to the process, not into a message."""
    assert "made-up" not in repr(plan(1))
