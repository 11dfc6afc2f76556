"""Tests of the clients that hold silent streams."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

from scripts.benchmarks.idle_load import IdleLoad, IdlePlan, check_beats, hold, run_idle
from scripts.benchmarks.wrk import LoadFailed
from tests.admin.stacks import answering
from tests.benchmarks.test_event_backend import backend
from tests.fakes.gates import soon
from tests.fakes.ports import free_port


def plan(port: int) -> IdlePlan:
    """Return a short load on `port`; what it measures is this process."""
    return IdlePlan(
        port=port,
        pid=os.getpid(),
        path="/x",
        credential="X-VX11-Token: made-up",
        steps=(3, 12),
        minutes=2,
        settle=0.01,
        minute=0.1,
    )


async def test_streams_are_held_step_by_step() -> None:
    """Memory is there for each step and each minute, and what the streams beat meanwhile."""
    async with backend(rate=50) as port:
        load = await soon(hold(plan(port)), 20)
    assert min(load.idle_bytes, *load.step_bytes, *load.minute_bytes) > 1 << 20
    assert (len(load.step_bytes), len(load.minute_bytes), len(load.minute_cpu_seconds)) == (2, 2, 2)
    assert load.streams == 12
    assert sum(load.beats) > 0


async def test_silence_is_no_fault() -> None:
    """Nobody waits for events."""
    async with backend(rate=0) as port:
        assert (await soon(hold(plan(port)), 20)).beats == [0, 0]


async def test_a_stream_that_ends_is_a_fault() -> None:
    """What does not stay open is not idle."""
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
        with pytest.raises(LoadFailed, match="a stream ended"):
            await soon(hold(replace(plan(port), settle=1)))


def test_beats_prove_heartbeats() -> None:
    """Too few in any minute are a fault; without minutes there is nothing to prove."""
    load = IdleLoad(
        streams=1, idle_bytes=1, step_bytes=[], minute_bytes=[], minute_cpu_seconds=[], beats=[4, 2]
    )
    with pytest.raises(LoadFailed, match="a stream beat 2 times in a minute, not 3"):
        check_beats(load, 3)
    check_beats(load, 2)
    check_beats(replace(load, beats=[]), 3)


def test_a_process_that_failed_says_why() -> None:
    """The last words of the load's process come back."""
    with pytest.raises(LoadFailed, match="Connection refused"):
        run_idle(plan(free_port()), sys.executable)


def test_a_credential_is_not_shown() -> None:
    """It goes to the process, not into a message."""
    assert "made-up" not in repr(plan(1))
