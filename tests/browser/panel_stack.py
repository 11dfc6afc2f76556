"""The example stack under test: the panel's build, the operator backend, and a gateway before both.

The gateway can go away and come back at its port. Nothing here knows how the panel works.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from examples.vx11.events import Event, EventFeed
from examples.vx11.figures import ProcessMeter
from examples.vx11.operator import Operator, OperatorOptions
from examples.vx11.panel import PANEL_PATH, build_panel
from examples.vx11.principal import PrincipalToken
from examples.vx11.service import Service
from examples.vx11.tokens import StreamTokens
from tentaculo.access.memory_store import MemoryStore
from tests.clients.node import NODE
from tests.fakes.ports import free_address
from tests.functional.running import RunningGateway

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "examples" / "vx11" / "frontend"
TOKEN = "principal-of-the-panel"
NARROW_TOKEN = "principal-of-less-than-all"
PRINCIPAL = "    token: ${VX11_TOKEN}"
NARROW = f"\n  - {{name: narrow, token: {NARROW_TOKEN}, routes: [operator-api]}}"


class HeldOperator(Operator):
    """An operator backend whose tokens are issued once the gate `issuing` is open."""

    def __init__(self, feed: EventFeed) -> None:
        super().__init__(
            PrincipalToken(TOKEN),
            tokens=StreamTokens(MemoryStore(clock=time.monotonic)),
            feed=feed,
            meter=ProcessMeter(),
            options=OperatorOptions(sample_every=3600, retry_ms=100),
        )
        self.feed = feed
        self.issuing = asyncio.Event()
        self.issuing.set()

    async def issue(self, request: web.Request) -> web.Response:
        await self.issuing.wait()
        return await super().issue(request)


class PanelStack:
    """Everything behind one origin.

    `replaced` has texts of config/tentaculo.yaml, and what stands in their place.
    """

    def __init__(self, dist: Path) -> None:
        self.operator = HeldOperator(EventFeed(keep=2_000, queue=20_000))
        self.replaced = {"stream: {}": "stream: {retry: 100ms}", "enabled: ${": "#"}
        self.gateway: RunningGateway
        self._dist = dist
        self._services: list[Service] = []
        self._environ: dict[str, str] = {}
        self._numbers = itertools.count(1)

    async def start(self, **environ: str) -> None:
        """Serve; `environ` is added to what the file's variables are taken from."""
        apps = {"OPERATOR": self.operator.app(), "FRONTEND": build_panel(self._dist)}
        for name, app in apps.items():
            service = Service(app, "127.0.0.1", 0)
            await service.start()
            self._services.append(service)
            self._environ[f"{name}_ADDRESS"] = "{}:{}".format(*service.address)
        self._environ |= {
            "TENTACULO_LISTEN": free_address(),
            "TENTACULO_ADMIN": "127.0.0.1:0",
            "VX11_TOKEN": TOKEN,
        }
        await self.bring_gateway(**environ)

    async def bring_gateway(self, **environ: str) -> None:
        """Start a gateway; it has the port of the one before."""
        self._environ |= environ
        text = (ROOT / "config" / "tentaculo.yaml").read_text(encoding="utf-8")
        for old, new in self.replaced.items():
            assert old in text, old
            text = text.replace(old, new)
        text += "\nlog: {format: json}\ndrain: {time: 50ms, hard_cap: 1s}\n"
        self.gateway = RunningGateway(text, self._environ)
        await self.gateway.start()

    async def stop(self) -> None:
        """End all of it."""
        self.operator.issuing.set()
        await self.gateway.stop()
        for service in self._services:
            await service.stop()

    @property
    def url(self) -> str:
        """Where the panel is; its origin is one that browsers trust with locks."""
        return f"http://127.0.0.1:{self.gateway.port}{PANEL_PATH}"

    @property
    def streams(self) -> int:
        """How many streams the operator has open."""
        return self.operator.feed.stream_count

    def tell(self, count: int = 1) -> None:
        """Publish events with the summaries `event 1`, `event 2` …, numbered on from call to call."""
        for number in itertools.islice(self._numbers, count):
            self.publish(f"event {number}")

    def publish(
        self,
        summary: str,
        payload: Mapping[str, object] | None = None,
        *,
        event_type: str = "test",
        module: str = "operator",
        severity: str = "info",
    ) -> Event:
        """Publish one event."""
        feed = self.operator.feed
        return feed.publish(event_type, summary, payload or {}, module=module, severity=severity)


def run_node(program: str, *arguments: str, seconds: float = 120) -> str:
    """Run a program of the panel's npm packages in its folder; fail with what it said."""
    path = FRONTEND / "node_modules" / program
    assert path.is_file(), f"no {path}: scripts/setup could not install the panel's npm packages"
    done = subprocess.run(
        [NODE, path, *arguments],
        cwd=FRONTEND,
        env={"PATH": str(NODE.parent), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def build(folder: Path) -> Path:
    """Build the panel into a folder, and return it."""
    run_node("vite/bin/vite.js", "build", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "warn")
    return folder
