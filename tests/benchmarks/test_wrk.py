"""Tests of the load's command line and of reading its summary."""

from __future__ import annotations

import sys

import pytest

from scripts.benchmarks.wrk import Load, LoadFailed, LoadPlan, command, parse_summary, press

SUMMARY = (
    '{"requests": 5000, "microseconds": 2000000, "bytes": 5500000, "median": 1250, "p99": 9000, "failed": %d}'
)


def test_summary() -> None:
    """The last line is the summary; times come in microseconds."""
    text = f"Running 2s test\n  1 threads and 64 connections\nRequests/sec: 1\n\n{SUMMARY % 0}\n"
    assert parse_summary(text) == Load(
        requests=5000, seconds=2.0, received_bytes=5_500_000, median_ms=1.25, p99_ms=9.0
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it printed nothing"),
        ("unable to connect to 127.0.0.1", "unable to connect"),
        (SUMMARY % 3, "3 of 5000 requests failed"),
        ((SUMMARY % 0).replace("5000,", "0,"), "0 of 0 requests"),
    ],
    ids=["silent", "refused", "wrong answers", "no answer"],
)
def test_a_load_that_failed(text: str, said: str) -> None:
    """What was no clean load is an error that says why."""
    with pytest.raises(LoadFailed, match=said):
        parse_summary(text)


@pytest.mark.parametrize(("connections", "threads"), [(64, 2), (1, 1)], ids=["many", "one"])
def test_command(connections: int, threads: int) -> None:
    """The plan is handed over, with no more threads than connections, and loopback is pressed."""
    plan = LoadPlan(seconds=3, connections=connections, threads=2, headers=(("X-A", "b c"),))
    words = command(plan, 8123)
    assert {"--duration=3s", f"--connections={connections}", f"--threads={threads}", "--header=X-A: b c"} < {
        *words
    }
    assert words[-1].startswith("http://127.0.0.1:8123/")


def test_press_reports_what_the_program_said() -> None:
    """A program that ends with a fault gives its own words."""
    pin = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with pytest.raises(LoadFailed, match="no such option"):
        press(LoadPlan(seconds=1, connections=1), 1, pin)


def test_command_for_another_path_over_tls() -> None:
    """Both are those of the plan."""
    plan = LoadPlan(seconds=1, connections=1, scheme="https", path="/a/b")
    assert command(plan, 8123)[-1] == "https://127.0.0.1:8123/a/b"
