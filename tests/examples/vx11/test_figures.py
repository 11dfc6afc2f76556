"""The figures of the process are real ones."""

from __future__ import annotations

import resource
from pathlib import Path

from examples.vx11.figures import ProcessMeter
from tests.fakes.clock import Clock


def test_memory_is_that_of_this_process() -> None:
    """Resident memory is above an interpreter's least and not above this process's peak."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 4 * 1024 * 1024 < ProcessMeter().sample().rss_bytes <= peak * 1.1


def test_cpu_time_grows_with_work() -> None:
    """A process that works uses CPU time, and the meter shows it."""
    meter = ProcessMeter()
    before = meter.sample().cpu_seconds
    while meter.sample().cpu_seconds <= before:
        pass
    assert meter.sample().cpu_seconds > before > 0


def test_uptime_counts_from_the_start() -> None:
    """Uptime is what the clock went on since the meter was made."""
    clock = Clock()
    meter = ProcessMeter(clock=clock)
    clock.advance(12.5)
    assert meter.sample().uptime_seconds == 12.5


def test_resident_pages_are_read_from_statm(tmp_path: Path) -> None:
    """The second number of the file is the resident size in pages."""
    statm = tmp_path / "statm"
    statm.write_text("1000 10 5 1 0 100 0\n")
    assert ProcessMeter(statm=statm).sample().rss_bytes == 10 * resource.getpagesize()


def test_without_proc_the_peak_stands_in(tmp_path: Path) -> None:
    """A system without /proc reports the peak instead."""
    sample = ProcessMeter(statm=tmp_path / "missing").sample()
    assert sample.rss_bytes == resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
