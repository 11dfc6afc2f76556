"""Leaves that are of event streams."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

SIZE = "must be a size in bytes, such as 8192, 64KiB or 1MiB"
COUNT = "must be a whole number, 1 or more"
BEAT = "must be a duration between 1s and 1h"
BRIEF = "must be a duration between 1ms and 1h"
GATHERED = "must be a duration between 0.1ms and 1s"
KEPT = "must be a duration between 1ms and 24h"
UNIT = "must be a duration with its unit, such as 500ms, 15s, 1m or 4h"


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("heartbeat: 1s", None),
        ("heartbeat: 1h", None),
        ("heartbeat: 999ms", f"heartbeat: {BEAT}"),
        ("heartbeat: 61m", f"heartbeat: {BEAT}"),
        ("heartbeat: 15", f"heartbeat: {UNIT}"),
        ("retry: 1ms", None),
        ("retry: 1h", None),
        ("retry: 3601s", f"retry: {BRIEF}"),
        ("idle_timeout: 1ms", None),
        ("idle_timeout: 24h", None),
        ("replay: {events: 1, bytes: 1B, age: 1ms}", None),
        ("replay: {events: 1000000, bytes: 1GiB, age: 24h}", None),
        ("replay: {events: 1000001}", "replay.events: must be 1000000 at most"),
        ("replay: {events: 0}", f"replay.events: {COUNT}"),
        ("replay: {bytes: 1073741825}", "replay.bytes: must be 1GiB at most"),
        ("replay: {bytes: 1MB}", f"replay.bytes: {SIZE}"),
        ("replay: {age: 1441m}", f"replay.age: {KEPT}"),
        ("shared: false, gather: 0.1ms", None),
        ("shared: false, gather: 0.09ms", f"gather: {GATHERED}"),
        ("shared: false, gather: 1s", None),
        ("shared: false, gather: 1001ms", f"gather: {GATHERED}"),
        ("slow_client: 1GiB", None),
        ("slow_client: 2GiB", "slow_client: must be 1GiB at most"),
        ("slow_client: 0", "slow_client: must be a size of 1 byte or more"),
    ],
)
def test_option_of_a_stream_has_bounds(option: str, problem: str | None) -> None:
    """Both bounds are taken, and what is past them is told at its key."""
    shared = "" if "shared" in option else "shared: true, "
    route = f"{{name: a, path: /a, upstream: backend, stream: {{{shared}{option}}}}}"
    assert problems_of(config(route)) == ([f"routes[0].stream.{problem}"] if problem else [])


@pytest.mark.parametrize(
    ("drain", "problem"),
    [
        ("{time: 1ms, hard_cap: 1h}", None),
        ("{time: 0s}", f"drain.time: {BRIEF}"),
        ("{hard_cap: 3601s}", f"drain.hard_cap: {BRIEF}"),
    ],
    ids=["good", "none", "long"],
)
def test_draining_has_bounds(drain: str, problem: str | None) -> None:
    """Neither time may be past an hour."""
    assert problems_of(config(top=f"drain: {drain}\n")) == ([problem] if problem else [])
