"""A log file that is rotated under a running gateway: moved away, and opened again on SIGUSR1."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.fakes.gates import eventually
from tests.fakes.ports import free_ports
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.launching import accepts, launch
from tests.functional.configuration import configuration
from tests.functional.running import GOOD


def events_in(file: Path) -> list[str]:
    """Return the names of the events in a file, none where there is none."""
    if not file.exists():
        return []
    return [json.loads(line)["event"] for line in file.read_text().splitlines()]


def holds(file: Path, event: str, count: int) -> Callable[[], bool]:
    """Return what tells whether an event stands in a file so many times."""
    return lambda: events_in(file).count(event) == count


async def test_rotated_log(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """Every line is in one of the two files, whole; nothing goes to stdout."""
    log, moved, file = tmp_path / "gateway.log", tmp_path / "gateway.log.1", tmp_path / "tentaculo.yaml"
    port, admin_port = free_ports(2)
    text = configuration(upstream.port).replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}")
    text = text.replace("admin: 127.0.0.1:0", f"admin: 127.0.0.1:{admin_port}")
    file.write_text(text.replace("level: debug, format: json", f"level: info, format: json, file: {log}"))
    process = await launch(file)
    try:
        process.port, process.admin_port = port, admin_port
        await accepts(process)
        assert (await process.call("/echo", GOOD)).status == 200
        await eventually(holds(log, "request.finished", 1))
        log.rename(moved)
        os.kill(process.pid, signal.SIGUSR1)
        await eventually(log.exists)
        for _ in range(3):
            assert (await process.call("/echo", GOOD)).status == 200
        await eventually(holds(log, "request.finished", 3))
        assert events_in(moved)[0] == "gateway.started"
        assert events_in(moved).count("request.finished") == 1
        assert process.lines == []
    finally:
        await process.kill()
