"""A stack of containers under a name of its own: started, asked, its services stopped and started again.

It knows compose and the paths of the gateway, and nothing of what a test wants of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.fakes.ports import free_port

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "examples" / "vx11" / "compose.yaml"
MONITORING = COMPOSE.with_name("compose.monitoring.yaml")
SERVICES = ("redis", "madre", "switch", "hermes", "operator-backend", "frontend", "tentaculo_link")
PROMETHEUS_IMAGE = "vx11/prometheus-of-debian"
TOKEN_HEADER = "X-VX11-Token"


class Stack:
    """Containers of compose files, the gateway on a free port; `with` starts and removes them."""

    services: tuple[str, ...] = SERVICES

    def __init__(self, project: str, *files: Path, environ: Mapping[str, str] | None = None) -> None:
        self.project = project
        self.port = free_port()
        self.prometheus_port = free_port()
        self.environ = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": project,
            "COMPOSE_FILE": ":".join(map(str, files or (COMPOSE,))),
            "VX11_PUBLISH": f"127.0.0.1:{self.port}",
            "VX11_PUBLISH_PROMETHEUS": f"127.0.0.1:{self.prometheus_port}",
            "VX11_PROMETHEUS_IMAGE": PROMETHEUS_IMAGE,
            **(environ or {}),
        }
        self._token = ""

    @property
    def base_url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The principal token, as a person is told to read it."""
        if not self._token:
            command = ("exec", "-T", "operator-backend", "cat", "/run/secrets/principal/token")
            self._token = self.run(*command).strip()
        return self._token

    def run(self, *arguments: str, seconds: float = 300) -> str:
        """Run scripts/stack, and return what it printed; fail with it when it fails."""
        return run(["scripts/stack", *arguments], self.environ, seconds=seconds)

    async def runs(self, *arguments: str, seconds: float = 300) -> str:
        """Run scripts/stack while others go on."""
        return await asyncio.to_thread(self.run, *arguments, seconds=seconds)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all containers from images that are there, and return when they are healthy."""
        self.run("up", "--detach", "--no-build")
        run_until(lambda: set(self.health().values()) == {"healthy"}, 90)

    def stop(self) -> None:
        """Remove the containers and all that they kept."""
        self.run("down", "--volumes", "--remove-orphans")

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self.run("ps", "--quiet", service).strip()

    def health(self) -> dict[str, str]:
        """Tell the health of each of the seven: `starting`, `healthy`, `unhealthy` or `gone`."""
        containers = [self.container(service) for service in self.services]
        form = "{{if .State.Running}}{{if .State.Health}}{{.State.Health.Status}}{{end}}{{else}}gone{{end}}"
        found = run(["docker", "inspect", "--format", form, *containers], self.environ).split()
        return dict(zip(self.services, found, strict=True))

    async def becomes_healthy(self, seconds: float = 60) -> None:
        """Wait until all are."""
        await asyncio.to_thread(run_until, lambda: set(self.health().values()) == {"healthy"}, seconds)

    async def get(self, path: str, *, with_token: bool = True) -> tuple[int, bytes]:
        """Return status and body of a GET at the gateway."""
        headers = {TOKEN_HEADER: self.token} if with_token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.base_url + path, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives in Prometheus now, each with `metric` and `value`."""
        url = f"http://127.0.0.1:{self.prometheus_port}/api/v1/query"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, params={"query": expression}) as answer,
        ):
            told = await answer.json()
        assert told["status"] == "success", told
        found: list[dict[str, Any]] = told["data"]["result"]
        return found

    async def firing(self) -> list[dict[str, str]]:
        """Return the labels of the alerts that fire now."""
        return [series["metric"] for series in await self.query('ALERTS{alertstate="firing"}')]


def run(command: Sequence[str], environ: Mapping[str, str], *, seconds: float = 300) -> str:
    """Run a command in the project's folder; raise AssertionError with all that it said when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, (
        f"{json.dumps(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout


def run_until(holds: Any, seconds: float) -> None:
    """Ask again and again for what nothing announces; TimeoutError when it never holds."""
    asyncio.run(_until(holds, seconds))


async def _until(holds: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - the engine is asked by commands
            await asyncio.sleep(0.2)
