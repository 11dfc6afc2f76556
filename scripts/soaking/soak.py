"""One soak: a gateway under all of the load, measured when it rests before and after."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from scripts.benchmarks.machine import free_ports
from scripts.soaking.configuration import Plan, configuration, edit_file
from scripts.soaking.levels import Level, compare, open_things, read_level
from scripts.soaking.load import Load
from scripts.soaking.outcomes import Outcomes
from scripts.soaking.report import Result

EDIT_SECONDS = 1.5
RESTART_SECONDS = 9.0
DOWN_SECONDS = 0.5
WARM_UP_SECONDS = 60.0
REST_SECONDS = 30.0
SETTLE_SECONDS = 3.0
START_SECONDS = 20.0
END_SECONDS = 15.0


class SoakFailed(Exception):
    """The soak could not be run; the text says why."""


class Soak:
    """A gateway and its upstream, as processes; `folder` holds the file and the log."""

    def __init__(self, folder: Path) -> None:
        self.outcomes = Outcomes(time.monotonic)
        self._folder = folder
        self._file = folder / "tentaculo.yaml"
        self._edits = 0
        port, admin_port, backend_port = itertools.islice(free_ports(), 3)
        self._plan = Plan(port, admin_port, backend_port, secrets.token_urlsafe(), secrets.token_urlsafe())
        self._backend: subprocess.Popen[bytes] | None = None

    async def run(self, seconds: float) -> Result:
        """Warm up, measure, load, measure."""
        warm_up = min(WARM_UP_SECONDS, seconds / 2)
        self._file.write_text(configuration(self._plan, 0))
        self._start_backend()
        try:
            with self._gateway() as pid:
                await self._answers(self._plan.port)
                await self._load(warm_up)
                before = await self._rested(pid)
                await self._load(seconds - warm_up)
                after = await self._rested(pid)
                reloads = await self._reloads()
        finally:
            self._kill_backend()
        return Result(compare(before, after), self.outcomes, reloads, self._complaints())

    async def _load(self, seconds: float) -> None:
        load = Load(self._plan, self.outcomes, seed=self._edits)
        async with asyncio.TaskGroup() as tasks:
            loading = tasks.create_task(load.run())
            meddling = [tasks.create_task(self._edit()), tasks.create_task(self._restart())]
            await asyncio.wait({loading}, timeout=seconds)
            for task in meddling:
                task.cancel()
            await asyncio.wait(meddling)
            await self._backend_up()
            load.stop()

    async def _edit(self) -> None:
        while True:
            await asyncio.sleep(EDIT_SECONDS)
            self._edits += 1
            edit_file(self._file, self._plan, self._edits)

    # The upstream.

    async def _restart(self) -> None:
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            self.outcomes.upstream_down()
            self._kill_backend()
            await asyncio.sleep(DOWN_SECONDS)
            await self._backend_up()

    async def _backend_up(self) -> None:
        if self._backend is None:
            self._start_backend()
            await self._answers(self._plan.backend_port)
            self.outcomes.upstream_up()

    def _start_backend(self) -> None:
        command = (sys.executable, "-m", "scripts.soaking.backend", str(self._plan.backend_port))
        self._backend = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _kill_backend(self) -> None:
        process, self._backend = self._backend, None
        if process is not None:
            process.kill()
            process.wait()

    # The gateway.

    @contextmanager
    def _gateway(self) -> Iterator[int]:
        command = (sys.executable, "-m", "tentaculo", "serve", "--config", str(self._file))
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            finally:
                process.kill()

    async def _answers(self, port: int) -> None:
        """Wait until a port takes connections."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except ConnectionError:
                        await asyncio.sleep(0.05)
                    else:
                        writer.close()
                        return
        except TimeoutError:
            raise SoakFailed(f"nothing listens on port {port}: {self._log()[-2000:]}") from None

    async def _rested(self, pid: int) -> Level:
        """Wait until nothing is open and a moment more, and read the level."""
        until = time.monotonic() + REST_SECONDS
        while open_things(await self._metrics()) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE_SECONDS)
        return read_level(pid, await self._metrics())

    async def _metrics(self) -> str:
        url = f"http://127.0.0.1:{self._plan.admin_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    async def _reloads(self) -> int:
        name = 'tentaculo_config_reloads_total{outcome="applied"} '
        lines = (await self._metrics()).splitlines()
        return sum(round(float(line[len(name) :])) for line in lines if line.startswith(name))

    def _log(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _complaints(self) -> list[str]:
        """Return the lines of the log that should not be there."""
        return [line[:500] for line in self._log().splitlines() if not _is_calm(line)][:10]


def _is_calm(line: str) -> bool:
    try:
        return json.loads(line)["level"] not in ("error", "critical")
    except (ValueError, KeyError, TypeError):
        return False


async def soak(seconds: float) -> Result:
    """Soak a gateway for so long, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tentaculo-soak-") as folder:
        return await Soak(Path(folder)).run(seconds)
