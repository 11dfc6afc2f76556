"""The log's way out: to a sink, to a file that can be opened again, and to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tentaculo.config.settings import LogSettings
from tentaculo.telemetry.log_output import LogOutput


def output(settings: LogSettings | None = None, **changes: object) -> LogOutput:
    """Make an output that counts nothing."""
    return LogOutput(
        settings or LogSettings(format="json"),
        secret_names=("X-Secret",),
        on_dropped=lambda count: None,
        **changes,  # type: ignore[arg-type]
    )


def events_in(file: Path) -> list[str]:
    """Return the names of the events in a file."""
    return [json.loads(line)["event"] for line in file.read_text().splitlines()]


def test_lines_go_to_the_sink() -> None:
    """Whoever gives a sink gets every line, sanitized; opening again and closing change nothing there."""
    lines: list[bytes] = []
    log = output(sink=lines.append)
    log.reopen()
    log.logs.logger.info("call.made", detail="X-Secret: hush-hush-hush")
    log.close(1)
    (line,) = lines
    assert json.loads(line)["event"] == "call.made"
    assert b"hush" not in line


def test_lines_go_to_a_file_that_may_move(tmp_path: Path) -> None:
    """After the file was moved away and opened again, a new one of its name gets what comes."""
    file, moved = tmp_path / "gateway.log", tmp_path / "gateway.log.1"
    log = output(LogSettings(format="json", file=file))
    log.logs.logger.info("first.said")
    log.close(5)
    log = output(LogSettings(format="json", file=file))
    file.rename(moved)
    log.reopen()
    log.logs.logger.info("second.said")
    log.close(5)
    assert events_in(moved)[0] == "first.said"
    assert [*events_in(moved), *events_in(file)] == ["first.said", "second.said"]


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """It is said at once, where someone can still act on it."""
    with pytest.raises(OSError, match="Is a directory"):
        output(LogSettings(format="json", file=tmp_path))


def test_file_that_cannot_be_opened_again(tmp_path: Path) -> None:
    """The old file goes on, and says why."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = folder / "gateway.log"
    log = output(LogSettings(format="json", file=file))
    moved = tmp_path / "moved"
    folder.rename(moved)
    log.reopen()
    log.logs.logger.info("work.done")
    log.close(5)
    assert sorted(events_in(moved / "gateway.log")) == ["log.reopen_failed", "work.done"]
