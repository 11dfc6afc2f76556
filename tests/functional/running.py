"""A gateway that runs inside the test's own event loop, with its log in hand."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from tentaculo.config.loader import load_text
from tentaculo.gateway import Gateway
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import soon
from tests.fakes.messages import Message

TOKEN = "Pr1ncipal-token-Of-operator"
OTHER_TOKEN = "0ther-Principal-s-own-token"
GOOD: Fields = (("X-VX11-Token", TOKEN),)


class LogTap:
    """Takes the gateway's log lines, and lets a test wait for one."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._waiters: list[asyncio.Event] = []

    def __call__(self, line: bytes) -> None:
        """Take one line; the gateway's log sink."""
        self.lines.append(line)
        for waiter in self._waiters:
            waiter.set()

    @property
    def text(self) -> str:
        """The whole log."""
        return b"".join(self.lines).decode("utf-8", "surrogateescape")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line, parsed."""
        return [json.loads(part) for line in self.lines for part in line.splitlines() if part.strip()]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.events if line["event"] == event]

    async def wait_for(self, event: str, *, count: int = 1, seconds: float = 15.0) -> dict[str, Any]:
        """Wait until an event was logged `count` times; the last of those comes back."""
        waiter = asyncio.Event()
        self._waiters.append(waiter)
        try:
            while len(self.named(event)) < count:
                waiter.clear()
                await soon(waiter.wait(), seconds)
        except TimeoutError:
            raise AssertionError(f"no {event!r} among {[e['event'] for e in self.events]}") from None
        finally:
            self._waiters.remove(waiter)
        return self.named(event)[count - 1]


class RunningGateway:
    """One started gateway; `errors_expected` lets its log hold lines of level error."""

    def __init__(self, text: str, environ: dict[str, str] | None = None) -> None:
        self.logs = LogTap()
        self.errors_expected = False
        self.settings = load_text(text, source=Path("tentaculo.yaml"), environ=environ or {})
        self.gateway = Gateway(self.settings, log_sink=self.logs)
        self._clients: list[RawClient] = []
        self._stopped = False

    async def start(self) -> None:
        """Listen."""
        await self.gateway.start()

    async def stop(self) -> None:
        """Drop the test's clients and stop."""
        for client in self._clients:
            client.leave()
        await self.shut_down()

    async def shut_down(self) -> None:
        """Stop the gateway under its clients, once, within a bound."""
        if not self._stopped:
            self._stopped = True
            await soon(self.gateway.stop(), 15)

    @property
    def host(self) -> str:
        """The main listener's host."""
        return self.gateway.address[0]

    @property
    def port(self) -> int:
        """The main listener's port."""
        return self.gateway.address[1]

    @property
    def admin_port(self) -> int:
        """The admin listener's port."""
        return self.gateway.admin_address[1]

    async def client(self, *, limit: int = 4 * 1024 * 1024, keep: bool = True) -> RawClient:
        """Open a connection to the main listener."""
        client = await RawClient.connect("127.0.0.1", self.port, limit=limit, keep=keep)
        self._clients.append(client)
        return client

    async def call(
        self,
        target: str,
        fields: Fields = GOOD,
        body: bytes = b"",
        *,
        method: str = "GET",
        seconds: float = 10.0,
    ) -> Message:
        """Make one call on a connection of its own."""
        client = await self.client()
        await client.send(request(method, target, [*fields, ("Connection", "close")], body))
        reply = await client.reply(method, seconds)
        await client.aclose()
        return reply

    async def admin(self, target: str, fields: Fields = ()) -> Message:
        """Make one call to the admin listener."""
        client = await RawClient.connect("127.0.0.1", self.admin_port)
        self._clients.append(client)
        await client.send(request("GET", target, [*fields, ("Connection", "close")]))
        reply = await client.reply()
        await client.aclose()
        return reply

    async def metrics(self) -> str:
        """Scrape the metrics."""
        return (await self.admin("/metrics")).body.decode()

    async def metric(self, pattern: str) -> float:
        """Sum the samples whose name and labels match a regular expression."""
        lines = [line for line in (await self.metrics()).splitlines() if not line.startswith("#")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(pattern, line))

    def check_log(self) -> None:
        """Fail when the log holds a traceback, or an error nobody expected."""
        assert "Traceback" not in self.logs.text, self.logs.text
        if not self.errors_expected:
            assert not [e for e in self.logs.events if e["level"] in ("error", "critical")], self.logs.text
