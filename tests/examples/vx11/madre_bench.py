"""A madre that listens, for the tests of itself and of the services that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from examples.vx11.bus import Bus
from examples.vx11.madre import Madre
from examples.vx11.service import Service

TAKE = "/madre/groups/g/take"
ACK = "/madre/groups/g/ack"
WANTED = {"consumer": "one", "topics": ["a"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningMadre:
    """A madre that listens, and a client."""

    service: Service
    session: aiohttp.ClientSession

    @property
    def base(self) -> str:
        """Where it listens, as a URL."""
        host, port = self.service.address
        return f"http://{host}:{port}"

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return self.base + path

    def post(self, path: str, body: object, **headers: str) -> Any:
        """Post JSON."""
        return self.session.post(self.url(path), json=body, headers=headers)

    async def publish(self, body: Mapping[str, object], topic: str = "a", **headers: str) -> str:
        """Publish a message, and return its id."""
        async with self.post(f"/madre/topics/{topic}/messages", body, **headers) as response:
            answer = await response.json()
        assert (response.status, answer["topic"]) == (202, topic)
        return str(answer["message_id"])

    async def take(self, **wanted: object) -> list[dict[str, Any]]:
        """Take messages."""
        async with self.post(TAKE, WANTED | wanted) as response:
            assert response.status == 200
            return list((await response.json())["messages"])


@asynccontextmanager
async def running_madre(bus: Bus, *, port: int = 0, recheck: float = 60.0) -> AsyncIterator[RunningMadre]:
    """Run a madre on a bus, with room for two polls at once, for as long as the block."""
    service = Service(Madre(bus, recheck=recheck, most_polls=2).app(), "127.0.0.1", port)
    async with AsyncExitStack() as stack:
        await service.start()
        stack.push_async_callback(service.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield RunningMadre(service=service, session=session)
