"""Upstream processes that are killed or stopped under calls and streams, and come back."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

from tests.fakes.client import RawClient, request
from tests.fakes.event_server import EventServer
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

CALLERS = 8
STREAMS = 20
ROUTES = """
routes:
  - {name: calls, path: /control/*, upstream: backend}
  - {name: events, path: /*, upstream: backend, stream: {last_event: false}}
"""
CALL = request("GET", "/control/state", GOOD)
POST = request("POST", "/control/state", GOOD, b"x")


def before(server: EventServer, timeouts: str = "") -> str:
    """Configure a gateway that soon tries again."""
    text = configuration(server.port, routes=ROUTES, timeouts=timeouts)
    return text.replace("timeouts:", "breaker: {open_for: 1s}, timeouts:")


class Callers:
    """Clients that call one after the other; `seen` counts what they got by status, 0 for a cut."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.seen: Counter[int] = Counter()
        self._gateway = gateway
        self._stopping = False

    async def call_on(self, raw: bytes) -> None:
        """Call until told to stop; every call has an end."""
        client = await self._client()
        while not self._stopping:
            await client.send(raw)
            try:
                reply = await client.reply(raw.partition(b" ")[0].decode(), 5)
            except Cut:
                self.seen[0] += 1
                client.leave()
                client = await self._client()
                continue
            self.seen[reply.status if reply.complete else 0] += 1
            await asyncio.sleep(0)
        client.leave()

    async def _client(self) -> RawClient:
        return await self._gateway.client()

    def stop(self) -> None:
        """Let each finish its call."""
        self._stopping = True

    async def until(self, status: int, more: int) -> None:
        """Wait until so many more had this status."""
        wanted = self.seen[status] + more
        await eventually(lambda: self.seen[status] >= wanted, 20)


async def test_calls(start_gateway: StartGateway, server: EventServer) -> None:
    """While an upstream is dead calls fail at once and cleanly; when it is back they succeed."""
    gateway = await start_gateway(before(server, "response: 5s"))
    callers = Callers(gateway)
    async with asyncio.TaskGroup() as tasks:
        for number in range(CALLERS):
            tasks.create_task(callers.call_on(POST if number % 2 else CALL))
        for _ in range(3):
            await callers.until(200, 50)
            await server.kill()
            await callers.until(502, 10)
            await server.start()
        await callers.until(200, 50)
        callers.stop()
    assert set(callers.seen) <= {0, 200, 502, 503}
    assert callers.seen[0] <= 3 * CALLERS
    await comes_to_rest(gateway)


async def test_streams(start_gateway: StartGateway, server: EventServer) -> None:
    """Streams of a killed upstream are cut, none looks whole, and clients that come back are served."""
    gateway = await start_gateway(before(server))
    for life in (1, 2):
        clients = [await gateway.client() for _ in range(STREAMS)]
        for client in clients:
            await client.send(request("GET", "/events", GOOD))
            await client.head()
        await server.was_asked(STREAMS)
        await server.emit(1)
        for client in clients:
            await client.until(b"data: event %d\n\n" % server.emitted)
        await server.kill()
        for client in clients:
            await client.ended()
            assert not client.wire.seen.endswith(b"0\r\n\r\n")
        await gateway.logs.wait_for("stream.ended", count=life * STREAMS)
        assert {line["end_reason"] for line in gateway.logs.named("stream.ended")} == {"upstream_error"}
        assert (await gateway.call("/control/state")).status in (502, 503)
        await server.start()
    await comes_to_rest(gateway)


async def test_stopped(start_gateway: StartGateway, server: EventServer) -> None:
    """An upstream that hangs, its system still accepting, costs each call its `response` time and no more."""
    gateway = await start_gateway(before(server, "response: 500ms"))
    assert (await gateway.call("/control/state")).status == 200
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    replies = await asyncio.gather(*(gateway.call("/control/state", seconds=5) for _ in range(20)))
    assert {reply.status for reply in replies} <= {503, 504}
    process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(20):
        while (await gateway.call("/control/state")).status != 200:  # noqa: ASYNC110 - it may have been ejected
            await asyncio.sleep(0.05)
    await comes_to_rest(gateway)
