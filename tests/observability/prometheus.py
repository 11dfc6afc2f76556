"""A real Prometheus for a test: on 127.0.0.1, with its data in the test's folder."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.fakes.gates import soon
from tests.fakes.ports import free_port
from tests.fakes.redis_server import becomes
from tests.observability.files import PROMETHEUS, RULES

OFTEN = "200ms"  # instead of every 5 s
FASTER = 25
_TIMES = re.compile(r"(?<=for: )\d+[sm]|(?<=\[)\d+[sm](?=\])")


def program(name: str) -> str:
    """Return where a program of Prometheus is; without it the test fails."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: install it with `sudo apt-get install prometheus`")
    return path


class PrometheusServer:
    """Runs on the project's own scrape file and rules, but scrapes one port, and often.

    With `hurried` rules look back and wait a 25th as long too, so that they are as to scrapes as they stand.
    """

    def __init__(self, folder: Path, target: int, *, hurried: bool = False) -> None:
        self._folder = folder
        self._target = target
        self._hurried = hurried
        self._base = ""
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Start it, and wait until it has scraped: it first looks for its targets after five seconds."""
        port = free_port()
        self._base = f"http://127.0.0.1:{port}"
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        options = {
            "config.file": self._configure(),
            "storage.tsdb.path": self._folder / "data",
            "web.listen-address": f"127.0.0.1:{port}",
            "log.level": "warn",
        }
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *with_its_parent(),
                program("prometheus"),
                *(f"--{name}={value}" for name, value in options.items()),
                stdout=log,
                stderr=log,
            )
        await soon(self._answers(), 20)
        await becomes(self._scraped, 20)

    async def stop(self) -> None:
        """End it."""
        if self._session is not None:
            await self._session.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await soon(self._process.wait())

    async def query(self, expression: str) -> list[float]:
        """Return the values of all series that an expression gives now."""
        found = await self._ask("query", query=expression)
        return [float(series["value"][1]) for series in found["result"]]

    async def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values that a label has in the series of a selector."""
        found: list[str] = await self._ask(f"label/{label}/values", **{"match[]": selector})
        return found

    async def rules(self) -> list[dict[str, Any]]:
        """Return the state of every rule."""
        groups = (await self._ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def firing(self) -> list[dict[str, str]]:
        """Return the labels of the alerts that fire now."""
        found = (await self._ask("alerts"))["alerts"]
        return [alert["labels"] for alert in found if alert["state"] == "firing"]

    async def _ask(self, path: str, **parameters: str) -> Any:
        assert self._session is not None
        async with self._session.get(f"{self._base}/api/v1/{path}", params=parameters) as reply:
            told = await reply.json()
        assert told["status"] == "success", told
        return told["data"]

    async def _answers(self) -> None:
        assert self._session is not None
        assert self._process is not None
        while self._process.returncode is None:
            try:
                async with self._session.get(f"{self._base}/-/ready") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
        pytest.fail((self._folder / "prometheus.log").read_text(encoding="utf-8"))

    async def _scraped(self) -> bool:
        return await self.query("up") == [1]

    def _configure(self) -> Path:
        read = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
        read["global"] |= {"scrape_interval": OFTEN, "evaluation_interval": OFTEN}
        read["rule_files"] = [str(self._rules(name)) for name in RULES]
        read["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{self._target}"]}]
        file = self._folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(read), encoding="utf-8")
        return file

    def _rules(self, name: str) -> Path:
        if not self._hurried:
            return PROMETHEUS / name
        text = (PROMETHEUS / name).read_text(encoding="utf-8")
        file = self._folder / name
        file.write_text(hurried(text), encoding="utf-8")
        return file


def hurried(rules: str) -> str:
    """Return rules that look back and wait a 25th as long."""
    return _TIMES.sub(lambda found: a_25th(found[0]), rules)


def a_25th(duration: str) -> str:
    """Return a 25th of a duration in whole minutes or seconds."""
    seconds = int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]
    return f"{seconds * 1000 // FASTER}ms"


def with_its_parent() -> list[str]:
    """Return what a command begins with that ends when the test run is killed, where util-linux has that."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL"]
