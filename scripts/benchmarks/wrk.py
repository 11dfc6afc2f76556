"""The load: wrk on keep-alive connections, and its summary as data.

The summary comes from a Lua script that runs once at the end; no text for people is scraped.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).with_name("configs") / "wrk.lua"
MICROSECONDS = 1_000_000
GRACE = 20  # seconds that wrk may take beyond the measured window


class LoadFailed(Exception):
    """The load did not run, or not every answer was right; the text says what happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """How to press: `seconds` long, on `connections` kept alive unless a header ends them, from `threads`."""

    seconds: int
    connections: int
    threads: int = 1
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    scheme: str = "http"
    path: str = "/operator/api/status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the clients saw."""

    requests: int
    seconds: float
    received_bytes: int
    median_ms: float
    p99_ms: float


def parse_summary(text: str) -> Load:
    """Read what wrk printed; raise LoadFailed when there is no summary or when an answer was wrong."""
    lines = text.strip().splitlines()
    try:
        summary = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise LoadFailed(f"wrk ended without a summary: {text.strip() or 'it printed nothing'}") from None
    if summary["failed"] or not summary["requests"]:
        raise LoadFailed(f"{summary['failed']} of {summary['requests']} requests failed")
    return Load(
        requests=summary["requests"],
        seconds=summary["microseconds"] / MICROSECONDS,
        received_bytes=summary["bytes"],
        median_ms=summary["median"] / 1000,
        p99_ms=summary["p99"] / 1000,
    )


def command(plan: LoadPlan, port: int) -> list[str]:
    """Return the command line that presses 127.0.0.1:`port`."""
    options = [
        f"--duration={plan.seconds}s",
        f"--connections={plan.connections}",
        f"--threads={min(plan.threads, plan.connections)}",
        "--timeout=5s",
        f"--script={SCRIPT}",
    ]
    headers = [f"--header={name}: {value}" for name, value in plan.headers]
    return ["wrk", *options, *headers, f"{plan.scheme}://127.0.0.1:{port}{plan.path}"]


def press(plan: LoadPlan, port: int, pin: Sequence[str] = ()) -> Load:
    """Run the load to its end and return what the clients saw; `pin` is put before the command."""
    try:
        done = subprocess.run(
            [*pin, *command(plan, port)],
            capture_output=True,
            text=True,
            timeout=plan.seconds + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"wrk did not end {GRACE} seconds after its time") from None
    return parse_summary(done.stdout + done.stderr if done.returncode else done.stdout)
