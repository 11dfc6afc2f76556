"""The whole system on loopback: every service on a port of its own, the gateway in front, and a client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from examples.vx11.admission import CREDENTIAL_HEADER
from examples.vx11.bus_client import BusClient
from examples.vx11.panel import DIST, build_panel
from examples.vx11.service import Service
from examples.vx11.stack import build_services
from tentaculo.config.settings import Address
from tests.examples.vx11.services import fields
from tests.fakes.ports import free_port
from tests.functional.running import RunningGateway

FILE = Path(__file__).parents[3] / "config" / "vx11.yaml"
TOKEN = "principal-of-the-test"
CREDENTIAL = {CREDENTIAL_HEADER: TOKEN}
SERVICES = ("madre", "switch", "hermes", "operator", "frontend")
MODES = {
    "delegated": ("/operator/api/events/sse-token", "/operator/api/events/stream"),
    "gateway": ("/events/sse-token", "/events/stream"),
}


class Flow:
    """All services and the gateway, each of which but the gateway can go and come back."""

    def __init__(self, folder: Path, dist: Path = DIST) -> None:
        self.addresses = {name: Address("127.0.0.1", free_port()) for name in SERVICES}
        self.environ = {"HERMES_DB": str(folder / "events.db")}
        self.dist = dist
        self.services: dict[str, Service] = {}
        self.stack = AsyncExitStack()
        self.session: aiohttp.ClientSession
        self.gateway: RunningGateway
        self.publisher: BusClient

    async def start(self) -> None:
        """Start all of it."""
        for name in SERVICES:
            await self.bring(name)
        given = {"TENTACULO_LISTEN": "127.0.0.1:0", "TENTACULO_ADMIN": "127.0.0.1:0", "VX11_TOKEN": TOKEN}
        given |= {f"{name.upper()}_ADDRESS": f"127.0.0.1:{self.addresses[name].port}" for name in SERVICES}
        text = FILE.read_text(encoding="utf-8") + "log: {format: json}\n"
        self.gateway = RunningGateway(text, given)
        await self.gateway.start()
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession())
        madre = f"http://127.0.0.1:{self.addresses['madre'].port}"
        self.publisher = await self.stack.enter_async_context(BusClient(madre, "test", "test"))

    async def bring(self, name: str) -> None:
        """Start a service, at the address of the one before."""
        if name == "frontend":
            app = build_panel(self.dist)
        else:
            app = build_services(TOKEN, self.addresses, self.environ)[name]
        self.services[name] = Service(app, "127.0.0.1", self.addresses[name].port)
        await self.services[name].start()

    async def take_away(self, name: str) -> None:
        """Stop a service."""
        await self.services.pop(name).stop()

    async def stop(self) -> None:
        """End all of it, from the client on."""
        await self.stack.aclose()
        await self.gateway.stop()
        for name in reversed(SERVICES):
            if name in self.services:
                await self.take_away(name)
        self.gateway.check_log()

    async def open(self, mode: str, **headers: str) -> aiohttp.ClientResponse:
        """Open the gateway's stream with a fresh ephemeral token."""
        issue, path = MODES[mode]
        async with self.session.post(self._url(issue), headers=CREDENTIAL) as response:
            token = (await response.json())["sse_token"]
        stream = await self.session.get(self._url(path), params={"token": token}, headers=headers)
        self.stack.callback(stream.close)
        return stream

    async def command(
        self, body: Mapping[str, Any], correlation_id: str = "order-66", **headers: str
    ) -> tuple[int, Any]:
        """Post a command at the gateway; return status and answer."""
        headers = {**CREDENTIAL, "X-Correlation-Id": correlation_id, **headers}
        async with self.session.post(
            self._url("/operator/api/commands"), json=body, headers=headers
        ) as response:
            assert response.headers["X-Correlation-Id"] == correlation_id
            return response.status, json.loads(await response.read())

    async def say(self, *event_ids: str) -> None:
        """Publish events as any service may."""
        for event_id in event_ids:
            await self.publisher.publish("events", fields(event_id))

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.gateway.port}{path}"
