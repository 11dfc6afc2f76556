"""The real process: `python -m tentaculo serve`, started for one test and ended with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import soon
from tests.fakes.messages import Message

STARTED = "gateway.started"


class GatewayProcess:
    """One gateway process; its log is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[bytes] = []
        self._clients: list[RawClient] = []
        self.port = 0
        self.admin_port = 0

    @classmethod
    async def launch(cls, configuration: Path, *arguments: str) -> GatewayProcess:
        """Start the process, without waiting for anything."""
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tentaculo",
            "serve",
            "--config",
            str(configuration),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def started(self) -> dict[str, Any]:
        """Wait for the line that tells the addresses."""
        while True:
            line = await soon(self._next_line(), 20)
            event: dict[str, Any] = json.loads(line)
            if event["event"] == STARTED:
                self.port = _port(event["address"])
                self.admin_port = _port(event["admin"])
                return event

    async def _next_line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the process ended: {(await self.stderr()).decode()}")
        self.lines.append(line)
        return line

    async def logged(self, event: str, *, count: int = 1, **fields: object) -> dict[str, Any]:
        """Read the log until an event with these fields stands in it `count` times."""
        while len(found := [e for e in map(json.loads, self.lines) if _is(e, event, fields)]) < count:
            await soon(self._next_line())
        return dict(found[count - 1])

    async def call(self, target: str, fields: Fields = (), *, admin: bool = False) -> Message:
        """Make one call."""
        client = await self.client(admin=admin)
        await client.send(request("GET", target, [*fields, ("Connection", "close")]))
        reply = await client.reply()
        await client.aclose()
        return reply

    async def client(
        self, *, admin: bool = False, limit: int = 4 * 1024 * 1024, keep: bool = True
    ) -> RawClient:
        """Open a connection."""
        port = self.admin_port if admin else self.port
        client = await RawClient.connect("127.0.0.1", port, limit=limit, keep=keep)
        self._clients.append(client)
        return client

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def ended(self, seconds: float = 10.0) -> int:
        """Wait for the end and give back the exit code."""
        rest = asyncio.ensure_future(self._rest())
        code = await soon(self._process.wait(), seconds)
        self.lines += (await soon(rest)).splitlines(keepends=True)
        return code

    async def _rest(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.read()

    async def stderr(self) -> bytes:
        """Read what the process wrote to stderr."""
        assert self._process.stderr is not None
        return await self._process.stderr.read()

    async def kill(self) -> None:
        """End it whatever it does, and drop every client."""
        for client in self._clients:
            client.leave()
        if self._process.returncode is None:
            self._process.kill()
            await self.ended()


def _is(line: dict[str, Any], event: str, fields: dict[str, object]) -> bool:
    return line["event"] == event and all(line.get(name) == value for name, value in fields.items())


def _port(address: str) -> int:
    match = re.search(r":(\d+)$", address)
    assert match is not None, address
    return int(match[1])
