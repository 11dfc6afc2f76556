"""Parts for tests of workers: settings, logs, and workers without a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from tentaculo.config.secret import Secret
from tentaculo.config.settings import Address, LogSettings, Settings, TokenStoreSettings
from tentaculo.telemetry.logs import Logs
from tentaculo.workers.asking import Answer
from tentaculo.workers.member import Member
from tests.relay.parts import settings_of

ANY = Address("127.0.0.1", 0)


def worker_settings(**changes: Any) -> Settings:
    """Configure a gateway that several workers may serve."""
    store = TokenStoreSettings(url=Secret("redis://:hush-hush@127.0.0.1:1"))
    return replace(settings_of(listen=ANY, admin=ANY, token_store=store), **changes)


class Log:
    """A log whose events a test looks at."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.logs = Logs(LogSettings(format="json"), self.lines.append)

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the events of this name."""
        return [line for line in map(json.loads, self.lines) if line["event"] == event]


class FakeAsking:
    """Answers by method and target; what is not there is not answered."""

    def __init__(self, answers: dict[tuple[str, str], Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    async def ask(self, method: str, target: str, *, seconds: float = 1.0) -> Answer | None:
        """Answer what is known."""
        self.asked.append((method, target))
        return self.answers.get((method, target))


class FakeMember:
    """A worker that starts, ends and answers when the test says so."""

    pid = 4711

    def __init__(self, answers: dict[tuple[str, str], Answer] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.asking = FakeAsking(answers or {})
        self.started: asyncio.Future[str | None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.gone = asyncio.Event()
        self.is_leaving = False
        self.counts = {"streams_ended": 0, "exchanges_cut": 0}
        self.exposition = b""
        self.orders: list[str] = []
        self.replaced: list[bool] = []
        self.reloads: list[list[int]] = []
        self.problems: tuple[str, ...] | None = ()

    @property
    def serves(self) -> bool:
        """Whether it has started, and not ended."""
        return self.started.done() and self.started.result() is None and not self.ended.done()

    def send(self, message: dict[str, Any]) -> bool:
        """Take an order; drain at once."""
        self.orders.append(message["do"])
        if message["do"] == "drain":
            self.end(0)
        return True

    def replace(self, *, at_once: bool) -> None:
        """Take a signal."""
        self.replaced.append(at_once)
        self.end(-9 if at_once else 0)

    def end(self, code: int) -> None:
        """End."""
        if not self.ended.done():
            self.ended.set_result(code)

    async def watch(self) -> int:
        """Wait for the end."""
        code = await self.ended
        if not self.started.done():
            self.started.set_result("")
        self.gone.set()
        return code

    async def reload(self, packed: int, sockets: list[int], seconds: float) -> tuple[str, ...] | None:
        """Take settings."""
        self.reloads.append(sockets)
        return self.problems


def as_member(fake: FakeMember) -> Member:
    """Return a fake as what it stands for."""
    return cast(Member, fake)


async def settled(holds: Callable[[], bool]) -> None:
    """Let everything go on until it holds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")
