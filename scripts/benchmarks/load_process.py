"""Loads that are processes of their own: each takes its plan as one argument, and prints what it saw.

Both are JSON of a dataclass; a load that failed says why on stderr and exits with 1.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from scripts.benchmarks.form import PROJECT
from scripts.benchmarks.wrk import LoadFailed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

GRACE = 60  # seconds that a load may take beyond its own time
Plan = TypeVar("Plan", bound="DataclassInstance")


def run_process(
    module: str, plan: DataclassInstance, python: str, *, seconds: float, pin: Sequence[str] = ()
) -> dict[str, Any]:
    """Run `module` with `plan` and return what it printed; raise LoadFailed.

    `pin` is put before the command.
    """
    command = [*pin, python, "-m", module, json.dumps(dataclasses.asdict(plan))]
    try:
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds + GRACE, check=False
        )
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"the load did not end {GRACE} seconds after its time") from None
    if done.returncode:
        raise LoadFailed(done.stderr.strip()[-2000:] or "the load ended without a word")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def serve_plan(
    kind: Callable[..., Plan],
    press: Callable[[Plan], Coroutine[Any, Any, DataclassInstance]],
    arguments: Sequence[str],
) -> int:
    """Run the load that the one argument describes and print what was seen; return the exit code."""
    plan = kind(**json.loads(arguments[0]))
    gc.freeze()
    gc.disable()  # a load is short, and its pauses would be the peer's latency
    try:
        load = uvloop.run(press(plan))
    except (LoadFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(load)))
    return 0
