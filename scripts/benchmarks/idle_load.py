"""The load of `idle`: clients that open more and more silent streams, and hold them.

A process of its own that prints one line of JSON; it reads the peer's usage itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks.cpu import Usage, read_usage
from scripts.benchmarks.event_load import OPEN_SECONDS, WARM_STREAMS, Crowd, crowd_at
from scripts.benchmarks.load_process import run_process, serve_plan
from scripts.benchmarks.wrk import LoadFailed

MINUTE = 60.0
FEW_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePlan:
    """Open as many streams as each of `steps` says, and hold the last for `minutes`.

    Memory of the process `pid` is read `settle` seconds after each step. `credential` is a header line,
    `minute` the seconds that one takes.
    """

    port: int
    pid: int
    path: str
    credential: str = dataclasses.field(repr=False)
    steps: Sequence[int]
    minutes: int
    settle: float
    minute: float = MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleLoad:
    """`streams` were open at the end.

    `idle_bytes` is the peer's memory without streams, `step_bytes` after each step, `minute_bytes` at the end
    of each minute. `minute_cpu_seconds` is what the peer used in each, `beats` how many comments or events
    came in it to the stream that got the fewest.
    """

    streams: int
    idle_bytes: int
    step_bytes: Sequence[int]
    minute_bytes: Sequence[int]
    minute_cpu_seconds: Sequence[float]
    beats: Sequence[int]


async def hold(plan: IdlePlan) -> IdleLoad:
    """Run the load to its end and return what was seen; raises LoadFailed."""
    async with crowd_at(plan.port, plan.path, plan.credential) as few:
        await few.open(min(WARM_STREAMS, *plan.steps))  # what is loaded and made once is no stream's memory
        await asyncio.sleep(min(FEW_SECONDS, plan.settle))
        few.check()
    await asyncio.sleep(min(FEW_SECONDS, plan.settle))
    idle = read_usage(plan.pid)
    async with crowd_at(plan.port, plan.path, plan.credential) as crowd:
        steps = [await _step(plan, crowd, streams) for streams in plan.steps]
        minutes = [await _minute(plan, crowd) for _ in range(plan.minutes)]
    return IdleLoad(
        streams=len(crowd.clients),
        idle_bytes=idle.resident_bytes,
        step_bytes=steps,
        minute_bytes=[after.resident_bytes for _, after, _ in minutes],
        minute_cpu_seconds=[after.cpu_seconds - before.cpu_seconds for before, after, _ in minutes],
        beats=[beats for _, _, beats in minutes],
    )


async def _step(plan: IdlePlan, crowd: Crowd, streams: int) -> int:
    await crowd.open(streams - len(crowd.clients))
    await asyncio.sleep(plan.settle)
    crowd.check()
    return read_usage(plan.pid).resident_bytes


async def _minute(plan: IdlePlan, crowd: Crowd) -> tuple[Usage, Usage, int]:
    before, counts, start = read_usage(plan.pid), crowd.counts(), time.monotonic()
    await asyncio.sleep(start + plan.minute - time.monotonic())
    crowd.check()
    beats = min(now - earlier for now, earlier in zip(crowd.counts(), counts, strict=True))
    return before, read_usage(plan.pid), beats


def run_idle(plan: IdlePlan, python: str, pin: Sequence[str] = ()) -> IdleLoad:
    """Run the load in a process of its own; `pin` is put before the command. Raises LoadFailed."""
    seconds = (OPEN_SECONDS + plan.settle) * (len(plan.steps) + 1) + plan.minutes * plan.minute
    seen: dict[str, Any] = run_process("scripts.benchmarks.idle_load", plan, python, seconds=seconds, pin=pin)
    return IdleLoad(**seen)


def check_beats(load: IdleLoad, at_least: int) -> None:
    """Raise LoadFailed where a stream had fewer in a minute."""
    if load.beats and min(load.beats) < at_least:
        raise LoadFailed(f"a stream beat {min(load.beats)} times in a minute, not {at_least}")


if __name__ == "__main__":
    sys.exit(serve_plan(IdlePlan, hold, sys.argv[1:]))
