"""The source of a shared stream, under way before a scripted upstream, with pauses that the test ends."""

from __future__ import annotations

import asyncio

from tentaculo.errors import GatewayError, NotAnEventStream, UpstreamProtocolError, UpstreamRedirect
from tentaculo.relay.shared_source import SharedSource
from tentaculo.relay.sharing import Wanted
from tentaculo.wire.target import parse_target
from tests.fakes.behaviours import SSE_HEAD
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.relay.front import Front
from tests.relay.shared_parts import Stage, shared_configuration, shared_route

URL = "/sse?a=b&api_key=secret"
ROUTES = (shared_route("idle_timeout: 40s", name="sse"), shared_route(name="late-sse"))


def reply(status: str, fields: bytes = b"", body: bytes = b"") -> bytes:
    """Write a whole reply."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status.encode(), fields, len(body), body)


REFUSALS: dict[str, tuple[bytes, type[GatewayError]]] = {
    "another type": (reply("200 OK", b"Content-Type: text/html\r\n", b"hi"), NotAnEventStream),
    "no type": (reply("200 OK"), NotAnEventStream),
    "redirect": (reply("302 Found", b"Location: /x\r\n"), UpstreamRedirect),
    "encoded": (SSE_HEAD + b"Content-Encoding: gzip\r\n\r\n", UpstreamProtocolError),
    "no HTTP": (b"SSH-2.0\r\n\r\n", UpstreamProtocolError),
}


def carried_configuration(port: int) -> str:
    """Write a file with a credential of the gateway's own."""
    return shared_configuration(port, *ROUTES).replace(
        "timeouts: {}", "timeouts: {response: 5s}, credential: {header: X-Backend, value: the-own-secret}"
    )


class Carried:
    """A source under way before a scripted upstream; each of its pauses lasts until the test goes on."""

    def __init__(self, front: Front, upstream: ScriptedUpstream, url: str = URL) -> None:
        self.front = front
        self.upstream = upstream
        self.pauses: list[float] = []
        self._paused = asyncio.Event()
        self._go_on = asyncio.Event()
        target = parse_target(url, "gateway.test")
        self.stage = Stage(front, target.path)
        self.hearer = self.stage.join()
        plan = self.stage.plan
        assert plan.sharing is not None
        wanted = Wanted(("", url, b"", ""), url, target, b"", None)
        self.source = SharedSource(
            front.relay, plan, plan.sharing, wanted, self.stage.stream, pause=self._pause
        )
        self.run = asyncio.ensure_future(self.source.run())

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._go_on.clear()
        self._paused.set()
        await self._go_on.wait()

    async def paused(self) -> float:
        """Wait until it pauses, and return for how long."""
        await soon(self._paused.wait())
        self._paused.clear()
        return self.pauses[-1]

    def goes_on(self, seconds: float = 0.0) -> None:
        """End the pause, after so many seconds of the clock."""
        self.front.pass_time(seconds)
        self._go_on.set()

    async def asked(self) -> Exchange:
        """Wait for the next request."""
        return await self.upstream.next()

    async def hears(self, data: bytes) -> None:
        """Wait until the client has had all of this."""
        await eventually(lambda: self.hearer.raw != b"" and self.hearer.body == data)

    async def opened(self, data: bytes = b"") -> Exchange:
        """Wait for the first request, and for the first events."""
        exchange = await self.asked()
        await eventually(lambda: self.stage.stream.is_open)
        if data:
            self.upstream.events.put_nowait(data)
            await self.hears(data)
        return exchange

    async def over(self) -> GatewayError | None:
        """Wait for the end, and return what is wrong."""
        return await soon(self.run)

    async def cancelled(self) -> None:
        """Stop it."""
        self.run.cancel()
        await asyncio.wait([self.run])
