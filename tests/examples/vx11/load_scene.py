"""A gateway as a load sees it: what it answers is the test's to say, what it was asked the test's to see."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from examples.vx11.bus_client import BackOff
from examples.vx11.load_target import Target
from tests.examples.vx11.services import listening

TOKEN = "planted-principal-token"


@dataclass(slots=True)
class FakeGateway:
    """Answers every kind of call; `streams` holds what each opening of the stream is sent before its end.

    A stream that none is left for stays open.  `refusals` is the status that each command is first refused
    with, one by one.
    """

    streams: Iterator[bytes] = field(default_factory=lambda: iter(()))
    refusals: list[int] = field(default_factory=list)
    issue_status: int = 200
    issue_text: str = ""
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        for prefix in ("/events", "/operator/api/events"):
            app.router.add_post(f"{prefix}/sse-token", self.issue)
            app.router.add_get(f"{prefix}/stream", self.stream)
        app.router.add_post("/operator/api/commands", self.command)
        return app

    async def issue(self, request: web.Request) -> web.Response:
        """Issue a token: its number."""
        self.asked.append(request)
        number = Counter(one.method == "POST" for one in self.asked)[True]
        return web.Response(
            status=self.issue_status,
            text=self.issue_text or f'{{"sse_token": "t{number}"}}',
            headers={"Location": "/events/sse-token"},
        )

    async def command(self, request: web.Request) -> web.Response:
        """Take a command in, or refuse it."""
        self.asked.append(request)
        self.bodies.append(await request.read())
        return web.Response(status=self.refusals.pop(0) if self.refusals else 202, text="{}")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send a stream."""
        self.asked.append(request)
        if request.query["token"] == "bad":
            return web.Response(status=401)
        response = web.StreamResponse()
        await response.prepare(request)
        sent = next(self.streams, None)
        await response.write(sent or b"id: 0\n\n")
        if sent is None:
            await self.news.wait()
        return response

    def headers(self, name: str) -> list[str | None]:
        """Return a header of everything that was asked."""
        return [request.headers.get(name) for request in self.asked]


@asynccontextmanager
async def faked(gateway: FakeGateway, mode: str = "gateway") -> AsyncIterator[Target]:
    """Run the gateway; yields it as a target."""
    async with listening(gateway.app()) as base, Target(base, TOKEN, mode) as target:
        try:
            yield target
        finally:
            gateway.news.set()


def hardly() -> BackOff:
    """Return pauses that hardly are any."""
    return BackOff(0.01, 0.05)
