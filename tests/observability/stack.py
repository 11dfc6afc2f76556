"""The seven services of the example, a process each, on ports of 127.0.0.1; and ways to lose one."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.gates import soon
from tests.fakes.ports import free_port
from tests.fakes.redis_server import RedisServer, becomes
from tests.observability.files import CONFIG
from tests.observability.prometheus import a_25th, with_its_parent

PROJECT = CONFIG.parent
GATEWAY, REDIS = "tentaculo_link", "redis"
UPSTREAMS = ("madre", "switch", "hermes", "operator", "frontend")
MODULES = {name: name for name in UPSTREAMS} | {"frontend": "panel"}
PASSWORD = "password-of-the-test"


class Stack:
    """All of them, on config/vx11.yaml and one Redis; health is checked 25 times as often as it says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in (GATEWAY, "admin", *UPSTREAMS, REDIS)}
        self._redis = RedisServer(folder, "--port", str(self._ports[REDIS]), password=PASSWORD)
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def admin_port(self) -> int:
        """The port of the gateway's admin listener."""
        return self._ports["admin"]

    async def start(self) -> None:
        """Start all of them."""
        self._redis.start()
        async with asyncio.TaskGroup() as group:
            for name in (*UPSTREAMS, GATEWAY):
                group.create_task(self._launch(name))

    async def stop(self) -> None:
        """End all of them."""
        for name in tuple(self._running):
            await self._kill(name)
        self._redis.kill()

    @asynccontextmanager
    async def without(self, name: str) -> AsyncIterator[None]:
        """Kill one with -9 for as long as the block; it comes back where it was."""
        if name == REDIS:
            self._redis.kill()
            yield
            self._redis.start()
        else:
            await self._kill(name)
            yield
            await self._launch(name)

    @asynccontextmanager
    async def hung_redis(self, name: str) -> AsyncIterator[None]:
        """Stop Redis for as long as the block, its connections open."""
        assert name == REDIS
        with self._redis.hung():
            yield

    async def _kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        await soon(process.wait())

    async def _launch(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *(*with_its_parent(), sys.executable, "-m", *self._command(name)),
                cwd=PROJECT,
                env=self._environ(),
                stdout=log,
                stderr=log,
            )
        await becomes(lambda: self._listens(name), 30)

    def _command(self, name: str) -> tuple[str, ...]:
        if name == GATEWAY:
            return ("tentaculo", "serve", "--config", str(self._configure()))
        return (f"examples.vx11.{MODULES[name]}", "--port", str(self._ports[name]))

    async def _listens(self, name: str) -> bool:
        assert self._running[name].returncode is None, (self._folder / f"{name}.log").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._ports[name])
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    def _configure(self) -> Path:
        text = (CONFIG / "vx11.yaml").read_text(encoding="utf-8")
        file = self._folder / "vx11.yaml"
        file.write_text(
            re.sub(r"(?<=interval: )\d+s", lambda found: a_25th(found[0]), text), encoding="utf-8"
        )
        return file

    def _environ(self) -> dict[str, str]:
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("VX11", "TENTACULO"))
        }
        redis = f"redis://:{PASSWORD}@127.0.0.1:{self._ports[REDIS]}/0"
        return {
            **own,
            **{f"{name.upper()}_ADDRESS": f"127.0.0.1:{self._ports[name]}" for name in UPSTREAMS},
            "TENTACULO_LISTEN": f"127.0.0.1:{self._ports[GATEWAY]}",
            "TENTACULO_ADMIN": f"127.0.0.1:{self._ports['admin']}",
            "VX11_TOKEN": "principal-of-the-test",
            "VX11_TOKEN_STORE": redis,
            "MADRE_REDIS_URL": redis,
            "MADRE_URL": f"http://127.0.0.1:{self._ports['madre']}",
            "HERMES_URL": f"http://127.0.0.1:{self._ports['hermes']}",
            "HERMES_DB": str(self._folder / "events.db"),
        }
