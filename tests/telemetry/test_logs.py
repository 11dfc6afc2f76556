"""The chain from an event to a line."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.logs import Logs, Stamp, json_line
from tests.fakes.client import request
from tests.telemetry.nasty import NASTY, SECRETS
from tests.telemetry.sinks import FORMATS, SECRET, Lines, fail


def test_line(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """An event is one JSON line: event, level and UTC time first, then the fields in order."""
    make_logs().logger.bind(bound=1).info("request.finished", url="/e?token=abc", n=1)
    (line,) = lines.raw
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    event = json.loads(line)
    assert list(event) == ["event", "level", "timestamp", "bound", "url", "n"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("timestamp"))
    assert event == {"event": "request.finished", "level": "info", "bound": 1, "url": "/e?token=***", "n": 1}


def test_stamp() -> None:
    """The time is that of the clock, also when the second changes or the clock goes back."""
    times = iter([0.25, 0.5, 86400.5, 1.0])
    stamp = Stamp(lambda: next(times))
    assert [stamp(None, "info", {})["timestamp"] for _ in range(4)] == [
        "1970-01-01T00:00:00.250000Z",
        "1970-01-01T00:00:00.500000Z",
        "1970-01-02T00:00:00.500000Z",
        "1970-01-01T00:00:01.000000Z",
    ]


LEVELS = ("debug", "info", "warning", "error", "critical")


@pytest.mark.parametrize("level", LEVELS)
def test_level(level: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """Events below the level are not written, of the gateway or of the standard library."""
    logs = make_logs(level=level)
    logs.attach_standard_library()
    for name in LEVELS:
        getattr(logs.logger, name)("own")
        getattr(logging.getLogger("other"), name)("foreign")
    expected = list(LEVELS[LEVELS.index(level) :])
    assert [event["level"] for event in lines.events if event["event"] == "own"] == expected
    assert [event["level"] for event in lines.events if event["event"] == "foreign"] == expected


@pytest.mark.parametrize("level", LEVELS)
def test_event(level: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """The short way writes what structlog's logger writes, and nothing below the level."""
    logs = make_logs(level=level)
    fields = {"url": "/a?token=abcdefgh", "other": "abcdefgh", "secrets": ("abcdefgh",)}
    for name in LEVELS:
        logs.event(name, "happened", dict(fields))
        getattr(logs.logger, name)("happened", **fields)
    shown = [{**event, "timestamp": ""} for event in lines.events]
    assert [event["level"] for event in shown[::2]] == list(LEVELS[LEVELS.index(level) :])
    assert shown[::2] == shown[1::2]
    assert "abcdefgh" not in lines.text


def whole(level: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return an event laid out as its line will be."""
    return {"event": "happened", "level": level, "timestamp": None, **fields}


def unstamped(line: bytes) -> bytes:
    """Return a line without its time."""
    found = re.subn(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", b"", line, count=1)
    assert found[1] == 1
    return found[0]


@FORMATS
@pytest.mark.parametrize("level", LEVELS)
def test_whole_event(level: str, shape: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """The shortest way writes the same line too, tells it to a tap, and nothing below the level."""
    logs, tapped = make_logs(shape, level=level), Lines()
    fields = {"url": "/a?token=abcdefgh", "other": "abcdefgh", "own_name": 5, "status": 200, "after": 1.5}
    for tap in (None, tapped):
        logs.tap = tap
        for name in LEVELS:
            logs.whole_event(whole(name, fields), ("abcdefgh",))
            logs.event(name, "happened", {**fields, "secrets": ("abcdefgh",)})
    shown = [unstamped(line) for line in lines.raw]
    assert shown[::2] == shown[1::2]
    assert len(shown) == 4 * len(LEVELS[LEVELS.index(level) :])
    told = [unstamped(line) for line in tapped.raw]
    assert told[::2] == told[1::2]
    assert len(told) == len(shown) // 2
    assert json.loads(told[0])["other"] == "***"
    assert "abcdefgh" not in lines.text + tapped.text


@given(
    st.fixed_dictionaries(
        {"request_id": NASTY, "client": NASTY, "method": NASTY, "url": NASTY, "status": st.integers()},
        optional={
            "route": NASTY,
            "principal": NASTY,
            "code": NASTY,
            "reason": NASTY,
            "duration_ms": st.floats(),
        },
    ),
    SECRETS,
)
def test_whole_event_is_the_same_line(fields: dict[str, Any], secrets: tuple[str, ...]) -> None:
    """To the byte, whatever stands in it."""
    lines = Lines()
    logs = Logs(LogSettings(format="json", sanitize=("own_name",)), lines)
    logs.whole_event(whole("info", fields), secrets)
    lines(logs.render("info", "happened", **fields, secrets=secrets))
    short, long = map(unstamped, lines.raw)
    assert short == long


SHAPES = {
    "json": ("json", True, True),
    "console": ("console", False, False),
    "auto on a terminal": ("auto", True, False),
    "auto elsewhere": ("auto", False, True),
}


@pytest.mark.parametrize(("shape", "terminal", "is_json"), SHAPES.values(), ids=SHAPES)
def test_shape(
    shape: str, terminal: bool, is_json: bool, make_logs: Callable[..., Logs], lines: Lines
) -> None:
    """Lines are readable where asked for, or where a person reads along."""
    make_logs(shape, terminal=terminal).logger.info("request.finished", n=1)
    assert lines.text.startswith("{") is is_json
    assert "request.finished" in lines.text
    assert "\x1b" not in lines.text


def test_colors(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """Colours come only when asked for."""
    make_logs("console", colors=True).logger.info("a", n=1)
    assert "\x1b[" in lines.text


def test_terminal_is_not_controlled(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """What a client sends can neither forge a line nor control a terminal."""
    make_logs("console").logger.info("a", url="/x\n2026 [info] forged\x1b[2J\u202e", more=["\n\x1b"])
    assert lines.text.count("\n") == 1
    assert "\x1b" not in lines.text
    assert "/x\u240a2026 [info] forged\u241b[2J\ufffd" in lines.text


UNWRITABLE = {
    "surrogate": ({"a": "x\ud800y"}, "x?y"),
    "surrogate key": ({"a": {"\udcff": 1}}, {"?": 1}),
    "big number": ({"a": 2**70}, 2**70),
    "not a number": ({"a": float("nan")}, None),
}


@pytest.mark.parametrize(("fields", "shown"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_unwritable(fields: dict[str, Any], shown: Any, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """What JSON or UTF-8 can't hold never keeps an event from being written."""
    make_logs().logger.info("a", **fields)
    assert lines.events[0]["a"] == shown
    make_logs("console").logger.info("a", **fields)
    assert len(lines.raw) == 2


def test_unknown_type_in_the_last_step() -> None:
    """Even a type that got past sanitizing is written, by its type's name only."""
    assert json.loads(json_line(None, "info", {"a": Lines(), "b": 2**70})) == {"a": "<Lines>", "b": 2**70}


class Worse(Exception):
    """An exception that can't be printed."""

    def __getattribute__(self, name: str) -> object:
        if name == "__notes__":
            raise RuntimeError(SECRET)
        return super().__getattribute__(name)


@FORMATS
def test_traceback(shape: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """A traceback is there without local variables and without the secrets of its messages."""
    logger = make_logs(shape).logger
    try:
        try:
            fail(ValueError(f"no /x?token={SECRET}"))
        except ValueError as fault:
            raise RuntimeError(f"Authorization: Bearer {SECRET}") from fault
    except RuntimeError as fault:
        logger.exception("a.failed")
        logger.error("b.failed", exc_info=fault)
        logger.critical("c.failed", exc_info=sys.exc_info())
    assert lines.text.count("Traceback (most recent call last)") == 6
    assert lines.text.count("ValueError: no /x?token=***") == 3
    assert SECRET not in lines.text


@pytest.mark.parametrize("exc_info", [True, False, None, (None, None, None), (1, 2)], ids=str)
def test_no_exception(exc_info: object, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """Without an exception there is nothing to show."""
    make_logs().logger.error("a", exc_info=exc_info)
    assert list(lines.events[0]) == ["event", "level", "timestamp"]


def test_unprintable_exception(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """An exception that breaks its own printing is named at least."""
    make_logs().logger.error("a", exc_info=Worse(SECRET))
    assert "Worse" in lines.events[0]["exception"]
    assert SECRET not in lines.text


def test_render(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """A line can be had without writing it, sanitized like the others."""
    line = json.loads(make_logs().render("warning", "log.dropped", dropped=3, note="token=abc"))
    assert line.pop("timestamp")
    assert line == {"event": "log.dropped", "level": "warning", "dropped": 3, "note": "token=***"}
    assert lines.raw == []


def test_secret_names(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """The configuration's names and the caller's are masked too."""
    make_logs(secret_names=["X-Operator"]).logger.info("a", url="/e?own_name=1&x-operator=2&x=3")
    assert lines.events[0]["url"] == "/e?own_name=***&x-operator=***&x=3"


@FORMATS
async def test_planted_secret(shape: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """At DEBUG no way of logging, aiohttp's and asyncio's included, shows a planted secret."""
    logs = make_logs(shape)
    logs.attach_standard_library()
    logs.logger.debug(
        "a", headers=[{"x": ("Token", SECRET)}], secrets=(SECRET,), body=f"at {SECRET}".encode()
    )
    asyncio.get_running_loop().call_exception_handler(
        {"message": f"token={SECRET}", "exception": ValueError(f"/e?token={SECRET}")}
    )
    logging.getLogger("aiohttp.access").info("GET /e?token=%s", "anything")

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        raise ValueError(f"for /e?token={SECRET}")

    server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
    good = request("GET", f"/e?token={SECRET}", [("X-VX11-Token", SECRET)])
    for raw in (good, f"GET /e?token={SECRET}\x01 HTTP/1.1\r\n\r\n".encode(), bad_header()):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(raw)
        writer.write_eof()
        await reader.read()
        writer.close()
    server.close()
    assert SECRET not in lines.text
    assert "anything" not in lines.text
    assert "Invalid" in lines.text
    assert "ValueError: for /e?token=***" in lines.text


def bad_header() -> bytes:
    """Write a head whose token holds a byte that may not be there."""
    return f"GET / HTTP/1.1\r\nHost: h\r\nX-VX11-Token: {SECRET}\x00\r\n\r\n".encode()


def test_learns_names(make_logs: Callable[..., Logs], lines: Lines) -> None:
    """The values of names that it learns are masked, whichever way an event comes."""
    logs = make_logs()
    logs.learn(["x-learnt"])
    logs.event("info", "call", {"url": f"/a?x-learnt={SECRET}"})
    logs.logger.info("call", said=f"x-learnt={SECRET}")
    logs.attach_standard_library()
    logging.getLogger("somebody").warning("x-learnt=%s", SECRET)
    assert len(lines.raw) == 3
    assert SECRET not in lines.text


@FORMATS
def test_tap(shape: str, make_logs: Callable[..., Logs], lines: Lines) -> None:
    """A tap gets each written event sanitized and as JSON, whichever way it comes and whatever the format."""
    logs, other = make_logs(shape), make_logs(shape)
    tapped = Lines()
    logs.tap = tapped
    logs.attach_standard_library()
    for one in (logs, other):
        one.logger.info("own", url=f"/a?token={SECRET}", text="a\x1b[2J")
        one.event("info", "short", {"url": f"/a?token={SECRET}"})
    logging.getLogger("somebody").warning("token=%s", SECRET)
    logs.render("warning", "rendered")
    assert [event["event"] for event in tapped.events] == ["own", "short", "token=***", "rendered"]
    assert tapped.events[0]["text"] == "a\x1b[2J"
    assert list(tapped.events[1]) == ["event", "level", "timestamp", "url"]
    assert SECRET not in tapped.text
    # What is written is the same with a tap and without.
    assert re.sub(r"\d{4}-\S+Z", "", lines.raw[0].decode()) == re.sub(
        r"\d{4}-\S+Z", "", lines.raw[2].decode()
    )
    logs.tap = None
    logs.logger.info("untold")
    assert len(tapped.raw) == 4


def test_tap_below_the_level(make_logs: Callable[..., Logs]) -> None:
    """What is not written is not told."""
    logs, tapped = make_logs(level="error"), Lines()
    logs.tap = tapped
    logs.logger.info("own")
    logs.event("info", "short", {})
    assert tapped.raw == []
