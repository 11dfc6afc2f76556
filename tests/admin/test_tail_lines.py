"""Events as a reader sees them: at a glance, whole, coloured, and never with what a terminal obeys."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tentaculo.admin.tail_layout import Look
from tentaculo.admin.tail_lines import TailLines, duration_text

STAMP = {"timestamp": "2026-11-22T05:12:03.412345Z", "level": "info"}
FINISHED = {
    "event": "request.finished",
    **STAMP,
    "request_id": "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4",
    "client": "127.0.0.1",
    "method": "GET",
    "url": "/api/a",
    "status": 200,
    "duration_ms": 12.44,
    "bytes_in": 0,
    "bytes_out": 865,
    "route": "api",
    "upstream": "backend",
    "principal": "ui",
}
REFUSED = {"event": "request.finished", **STAMP, "request_id": "ab", "status": 400, "code": "bad_request"}
TRACE = "Traceback:\n  File \x1b[2J\nValueError: no"


def shown(event: dict[str, Any], **look: Any) -> str:
    """Return an event's text, on the day it is from."""
    return TailLines(Look(utc=True, **look), today="2026-11-22").event(event)


def squeezed(text: str) -> str:
    """Return a text without its columns."""
    return re.sub(" +", " ", text)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (FINISHED, "05:12:03.412 200 12.4ms GET /api/a api ui a1b2c3d4"),
        (
            {**FINISHED, "status": 502, "code": "upstream_unreachable", "reason": "connection refused"},
            "05:12:03.412 502 12.4ms GET /api/a api ui upstream_unreachable: connection refused a1b2c3d4",
        ),
        ({**REFUSED, "reason": "no host"}, "05:12:03.412 400 bad_request: no host ab"),
        (REFUSED, "05:12:03.412 400 bad_request ab"),
        (
            {**FINISHED, "event": "stream.opened", "opened_by": "query", "deprecated": "so"},
            "05:12:03.412 200 12.4ms GET /api/a stream.opened api ui deprecated=so a1b2c3d4",
        ),
        (
            {**FINISHED, "event": "stream.ended", "end_reason": "client_gone", "events": 12},
            "05:12:03.412 200 12.4ms GET /api/a stream.ended api ui client_gone 12 events a1b2c3d4",
        ),
        (
            {**FINISHED, "event": "stream.ended", "end_reason": "draining", "events": 1},
            "05:12:03.412 200 12.4ms GET /api/a stream.ended api ui draining 1 event a1b2c3d4",
        ),
        (
            {"event": "gateway.started", **STAMP, "address": "127.0.0.1:8000", "version": "0.1.0"},
            "05:12:03.412 gateway.started address=127.0.0.1:8000 version=0.1.0",
        ),
        (
            {"event": "log.dropped", **STAMP, "level": "warning", "dropped": 3},
            "05:12:03.412 warning log.dropped dropped=3",
        ),
        (
            {"event": "shared_stream.lost", **STAMP, "url": "/events", "route": "events", "clients": 5},
            "05:12:03.412 shared_stream.lost /events events clients=5",
        ),
        ({"event": "two words", **STAMP, "logger": "asyncio"}, "05:12:03.412 two words logger=asyncio"),
        ({"a": {"b": [1, None]}}, 'a={"b":[1,null]}'),
        ({}, ""),
    ],
    ids=[
        "finished", "failed", "not parsed", "without reason", "opened", "ended", "one event", "started",
        "warning", "shared", "standard library", "another program's", "empty",
    ],
)  # fmt: skip
def test_at_a_glance(event: dict[str, Any], line: str) -> None:
    """What matters comes first and in columns; sizes and addresses are left out."""
    assert squeezed(shown(event)).strip() == line


def test_full_shows_every_field() -> None:
    """Asked for all, a line holds every field and the whole id."""
    assert squeezed(shown(FINISHED, full=True)) == (
        "05:12:03.412 200 12.4ms GET /api/a api ui "
        "client=127.0.0.1 bytes_in=0 bytes_out=865 upstream=backend a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4\n"
    )


@pytest.mark.parametrize("wrong", [None, True, [], {"a": 1}, 1.5, "", "text", -1, 10**30], ids=repr)
@pytest.mark.parametrize("key", [*FINISHED, "code", "reason", "end_reason", "events", "exception", "stack"])
def test_any_value_anywhere(key: str, wrong: Any) -> None:
    """A known field with another kind of value is shown somehow, and is no error."""
    assert shown({**FINISHED, key: wrong}, full=True).endswith("\n")


@pytest.mark.parametrize(
    ("event", "style"),
    [
        ({**FINISHED, "status": 204}, "32"),
        ({**FINISHED, "status": 304}, "36"),
        ({**FINISHED, "status": 404}, "33"),
        ({**FINISHED, "status": 503}, "1;31"),
        ({**FINISHED, "status": 101}, "1"),
    ],
)
def test_colours_of_statuses(event: dict[str, Any], style: str) -> None:
    """The class of a status is its colour, and that of what is said of it."""
    text = shown({**event, "code": "why"}, colors=True)
    assert f"\x1b[{style}m {event['status']}\x1b[0m" in text
    assert f"\x1b[{style}mwhy\x1b[0m" in text


@pytest.mark.parametrize(
    ("level", "style"), [("info", "1"), ("warning", "33"), ("error", "1;31"), ("critical", "1;31")]
)
def test_colours_of_levels(level: str, style: str) -> None:
    """An event without a status has the colour of its level."""
    assert f"\x1b[{style}mlog.said\x1b[0m" in shown(
        {**STAMP, "event": "log.said", "level": level}, colors=True
    )


@pytest.mark.parametrize(
    ("event", "milliseconds", "style"),
    [("request.finished", 999, "2"), ("request.finished", 1000, "33"), ("stream.ended", 60_000, "2")],
)
def test_slow_calls_stand_out(event: str, milliseconds: float, style: str) -> None:
    """A slow call is seen, while a long stream is none."""
    text = shown({**FINISHED, "event": event, "duration_ms": milliseconds}, colors=True)
    assert f"\x1b[{style}m {duration_text(milliseconds):>7}\x1b[0m" in text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0ms"),
        (0.349, "0.3ms"),
        (99.94, "99.9ms"),
        (100, "100ms"),
        (412.5, "412ms"),
        (1000, "1.0s"),
        (59_940, "59.9s"),
        (60_000, "1m00s"),
        (312_000, "5m12s"),
        (3_600_000, "1h00m"),
        (14_400_000, "4h00m"),
        (86_400_000, "1d00h"),
        (9_999_999_999, "115d17h"),
    ],
)
def test_durations(milliseconds: float, text: str) -> None:
    """A duration is as exact as seven characters allow."""
    assert duration_text(milliseconds) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    "key", [*FINISHED, "code", "reason", "end_reason", "exception", "stack", "other", "\x1b[31m"]
)
@pytest.mark.parametrize("width", [None, 80])
@pytest.mark.parametrize("full", [True, False])
def test_no_escape_reaches_the_terminal(key: str, width: int | None, full: bool) -> None:
    """Whatever field an escape sequence is in, a control character is only ever a picture."""
    text = shown({**FINISHED, key: "/\x1b]0;x\x07\x9b2J\r\x00\u202e"}, width=width, full=full)
    assert all(line.isprintable() for line in text.split("\n"))


def test_no_escape_in_lines_that_are_no_events() -> None:
    """Lines of other programs are shown as they are, but for what a terminal would obey."""
    text = TailLines(Look(colors=True)).plain(b"\tat \x1b[2Jx \xff\x9b \xe6\x97\xa5\r")
    assert text == "\x1b[2m    at ␛[2Jx \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} 日\x1b[0m\n"


def test_tracebacks_stand_below() -> None:
    """A traceback is as many lines as it has, and those can't be obeyed either."""
    text = shown({"event": "it.failed", **STAMP, "level": "error", "exception": TRACE})
    assert squeezed(text).splitlines() == [
        "05:12:03.412 error it.failed",
        " Traceback:",
        " File ␛[2J",
        " ValueError: no",
    ]


def test_huge_values_do_not_fill_a_terminal() -> None:
    """A value of a mebibyte is cut on a terminal, and whole in a pipe."""
    event = {**FINISHED, "url": "/" + "x" * 1024**2, "other": "y" * 1024**2}
    assert len(shown(event, width=80)) < 2000
    assert len(shown(event)) > 2 * 1024**2
    assert len(TailLines(Look(width=80)).plain(b"z" * 1024**2)) < 1000


def test_days_are_told_when_they_change() -> None:
    """A line tells the day where it is not today, and when another one begins."""
    lines = TailLines(Look(utc=True), today="2026-11-22")
    stamps = ["2026-11-21T23:59:00Z", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z"]
    texts = [lines.event({"timestamp": stamp, "event": "a"}) for stamp in stamps]
    assert [text.splitlines()[:-1] for text in texts] == [["── 2026-11-21"], [], ["── 2026-11-22"], []]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_usual_lines_fit(width: int) -> None:
    """The events of an ordinary gateway take one line each, on any usual terminal."""
    names = {
        "route": "operator-events-token",
        "principal": "operator-ui",
        "url": "/operator/api/events/sse-token",
    }
    text = shown({**FINISHED, **names, "method": "POST"}, width=width)
    assert text.count("\n") == 1
    assert len(text) - 1 <= width
