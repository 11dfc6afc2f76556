"""Tests of loads that are processes of their own."""

from __future__ import annotations

import sys

import pytest

from scripts.benchmarks import load_process
from scripts.benchmarks.big_load import MODULE, BigPlan
from scripts.benchmarks.load_process import run_process
from scripts.benchmarks.wrk import LoadFailed
from tests.fakes.ports import free_port


def plan(port: int) -> BigPlan:
    """Return a load of one body."""
    return BigPlan(port=port, size=10, up=False, seconds=0, credential="X-A: made-up", connections=1)


def test_a_process_that_failed_says_why() -> None:
    """The last words of the process come back, and a pin stands before its command."""
    with pytest.raises(LoadFailed, match="Connection refused"):
        run_process(MODULE, plan(free_port()), sys.executable, seconds=1, pin=["env"])
    with pytest.raises(LoadFailed, match="without a word"):
        run_process(MODULE, plan(1), sys.executable, seconds=1, pin=["false"])


def test_a_process_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without a bound."""
    monkeypatch.setattr(load_process, "GRACE", 0)
    with pytest.raises(LoadFailed, match="did not end 0 seconds after its time"):
        run_process(
            MODULE,
            plan(1),
            sys.executable,
            seconds=0.1,
            pin=[sys.executable, "-c", "import signal; signal.pause()"],
        )
