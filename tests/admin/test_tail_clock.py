"""Times of events for readers, in their zone or in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tentaculo.admin.tail_clock import TailClock


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be an hour and a half east of Greenwich."""
    monkeypatch.setenv("TZ", "HERE-1:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("stamp", "utc", "local"),
    [
        ("2026-11-22T05:12:03.412345Z", ("2026-11-22", "05:12:03.412"), ("2026-11-22", "06:42:03.412")),
        ("2026-11-22T23:12:03Z", ("2026-11-22", "23:12:03.000"), ("2026-11-23", "00:42:03.000")),
        ("2026-11-22T05:12:03.5", ("2026-11-22", "05:12:03.500"), ("2026-11-22", "06:42:03.500")),
        ("2026-11-22T00:12:03.9999+01:00", ("2026-11-21", "23:12:03.999"), ("2026-11-22", "00:42:03.999")),
        ("2016-12-31T23:59:60.1Z", ("2016-12-31", "23:59:60.100"), ("2017-01-01", "01:29:60.100")),
    ],
    ids=["microseconds", "seconds", "no zone", "offset", "leap second"],
)
@pytest.mark.usefixtures("zone")
def test_times(stamp: str, utc: tuple[str, str], local: tuple[str, str]) -> None:
    """Day and time are those of the zone that is asked for; a time without one is UTC."""
    assert TailClock(utc=True, milliseconds=True).read(stamp) == utc
    assert TailClock(utc=False, milliseconds=True).read(stamp) == local


def test_without_milliseconds() -> None:
    """Where there is little room, seconds will do."""
    clock = TailClock(utc=True, milliseconds=False)
    assert clock.read("2026-11-22T05:12:03.412345Z") == ("2026-11-22", "05:12:03")


def test_minutes_follow_each_other() -> None:
    """What is remembered of a minute is not taken for another one."""
    clock = TailClock(utc=True, milliseconds=False)
    stamps = ["2026-11-22T05:12:03Z", "2026-11-22T05:12:59Z", "2026-11-22T05:13:00Z", "2026-11-22T05:12:03Z"]
    assert [clock.read(stamp)[1] for stamp in stamps] == ["05:12:03", "05:12:59", "05:13:00", "05:12:03"]


@pytest.mark.parametrize(
    ("stamp", "shown"),
    [
        (None, " " * 12),
        (1763788323.4, " " * 12),
        ("noon", "noon        "),
        ("2026-13-22T05:12:03Z", "2026-13-22T05:12:03Z"),
        ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59"),
        ("\x1b[2J", "␛[2J        "),
        ("x" * 100, "x" * 40),
    ],
    ids=["none", "number", "word", "no month", "too early", "escape", "long"],
)
def test_what_is_no_time(stamp: Any, shown: str) -> None:
    """Anything else is shown as it is, with no day, and keeps the columns."""
    assert TailClock(utc=True, milliseconds=True).read(stamp) == ("", shown)


@pytest.mark.parametrize("utc", [True, False])
def test_today(utc: bool) -> None:
    """The day it is now is told in the same zone as the days of events."""
    clock = TailClock(utc=utc, milliseconds=True)
    before, day, after = time.time(), clock.today(), time.time()
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)) for now in (before, after)]
    assert day in {clock.read(stamp)[0] for stamp in stamps}
