"""What the gateway does to its process: standard output, limits of the system, signals."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo import gateway
from tentaculo.config.loader import load_text
from tentaculo.config.settings import Settings
from tentaculo.gateway import Gateway
from tests.fakes.gates import soon
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess


def settings_of(port: int = 9) -> Settings:
    """Configure a gateway before an upstream."""
    return load_text(configuration(port), source=Path("tentaculo.yaml"), environ={})


# Standard output.


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


# The process.

PREPARE = """
import resource, sys
from dataclasses import replace
from tentaculo.config.settings import Limits, Settings
from tentaculo.serving import prepare_process
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
limits = Limits(connections=connections)
prepare_process(Settings(principals=(), upstreams=(), routes=(), limits=limits))
print(*resource.getrlimit(resource.RLIMIT_NOFILE), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [(256, 1024, 100, 264), (256, 1024, 10_000, 1024), (512, 1024, 100, 512)],
    ids=["raised", "as-far-as-it-goes", "enough"],
)
def test_prepare_process(soft: int, hard: int, connections: int, expected: int) -> None:
    """There are descriptors for both sides of each connection, where the system lets; and no core dumps."""
    arguments = [str(number) for number in (soft, hard, connections)]
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split() == [str(expected), str(hard), "0", "0"]


CLOSED = """
import os
from tentaculo.config.settings import Settings
from tentaculo.serving import prepare_process
shown = os.dup(1)
for descriptor in (0, 1, 2):
    os.close(descriptor)
prepare_process(Settings(principals=(), upstreams=(), routes=()))
names = [os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in (0, 1, 2)]
os.write(shown, " ".join(names).encode())
"""


def test_closed_standard_descriptors() -> None:
    """No socket gets the number of a standard descriptor, where a stray print would reach a client."""
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, check=True, timeout=20)
    assert done.stdout.split() == [b"/dev/null"] * 3


def test_descriptors_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no bound of its own, the limits alone decide; a refusal is no fault."""
    asked: list[tuple[int, tuple[int, int]]] = []

    def refuse(what: int, limits: tuple[int, int]) -> None:
        asked.append((what, limits))
        if what == resource.RLIMIT_NOFILE:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda what: (100, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    gateway.prepare_process(settings_of())
    assert asked == [
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NOFILE, (20_064, resource.RLIM_INFINITY)),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_runs_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """As a process it serves until a signal, and then ends well."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(configuration(9))
    process = await GatewayProcess.launch(path)
    try:
        await process.started()
        assert (await process.call("/health")).status == 200
        process.signal(number)
        assert await process.ended() == 0
        assert json.loads(process.lines[-1])["event"] == "gateway.stopped"
    finally:
        await process.kill()
