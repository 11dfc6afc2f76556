"""The gateway's log on the process's standard output."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.settings import Settings
from tentaculo.gateway import Gateway
from tests.fakes.gates import soon
from tests.functional.configuration import configuration


def settings_of(port: int = 9) -> Settings:
    """Configure a gateway before an upstream."""
    return load_text(configuration(port), source=Path("tentaculo.yaml"), environ={})


async def test_logs_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a sink the log goes to standard output, all of it before the end."""
    started = Gateway(settings_of())
    await started.start()
    await started.stop()
    lines = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["gateway.started", "gateway.stopped"]


async def test_logs_readably_to_a_terminal() -> None:
    """On a terminal it is for people."""
    ours, terminal = pty.openpty()
    kept = os.dup(1)
    os.dup2(terminal, 1)
    try:
        settings = settings_of()
        started = Gateway(replace(settings, log=replace(settings.log, format="auto")))
        await started.start()
        await started.stop()
        shown = os.read(ours, 65536).decode()
    finally:
        os.dup2(kept, 1)
        for descriptor in (ours, terminal, kept):
            os.close(descriptor)
    assert "gateway.started" in shown
    assert "\x1b[" in shown
    assert "{" not in shown


async def test_stalled_stdout_is_told_of() -> None:
    """Lines that a stalled standard output could not take are counted in the log once it goes on."""
    reading, writing = os.pipe()
    kept = os.dup(1)
    os.dup2(writing, 1)
    try:
        started = Gateway(settings_of())
        await started.start()
        for number in range(200):
            logging.getLogger("somebody").warning("%d%s", number, "x" * 100_000)
        lines = asyncio.ensure_future(asyncio.to_thread(_lines, reading))
        await started.stop()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(writing)
    events = [json.loads(line) for line in await soon(lines)]
    os.close(reading)
    (dropped,) = [event for event in events if event["event"] == "log.dropped"]
    assert dropped["dropped"] + len(events) == 200 + 3
    assert dropped["level"] == "warning"


def _lines(descriptor: int) -> list[bytes]:
    with os.fdopen(os.dup(descriptor), "rb") as source:
        return source.read().splitlines()
