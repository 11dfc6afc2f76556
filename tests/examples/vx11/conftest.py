"""The operator backend and madre, each on a port of its own, with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.vx11.admission import CREDENTIAL_HEADER
from examples.vx11.events import EventFeed
from examples.vx11.figures import ProcessMeter
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.operator import (
    ISSUE_PATH,
    STATUS_PATH,
    STREAM_PATH,
    Operator,
    OperatorOptions,
)
from examples.vx11.principal import PrincipalToken
from examples.vx11.rules import Rules, load_rules
from examples.vx11.service import Service
from examples.vx11.tokens import StreamTokens
from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.store import (
    Census,
    Client,
    Grant,
    Redeemed,
    Terms,
    TokenStore,
    TokenStoreUnavailable,
)
from tests.examples.vx11.flow_scene import Flow
from tests.examples.vx11.madre_bench import RunningMadre, running_madre
from tests.examples.vx11.switch_bench import RULES
from tests.fakes.clock import Clock

TOKEN = "principal-of-the-test"
CREDENTIAL = {CREDENTIAL_HEADER: TOKEN}
FIGURES = {"cpu_seconds", "rss_bytes", "uptime_seconds", "open_streams", "events", "ephemeral_tokens"}


class AwayStore(MemoryStore):
    """A store that is away."""

    async def issue(self, digest: bytes, grant: Grant, terms: Terms) -> None:
        raise TokenStoreUnavailable

    async def redeem(self, digest: bytes, route: str, client: Client) -> Redeemed:
        raise TokenStoreUnavailable

    async def census(self) -> Census:
        raise TokenStoreUnavailable


async def problem_of(response: aiohttp.ClientResponse) -> tuple[int, str]:
    """Return status and code of an answer that is problem details."""
    assert response.content_type == "application/problem+json"
    body = json.loads(await response.text())
    assert body["status"] == response.status
    return response.status, body["code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningOperator:
    """A backend that listens, its parts, and a client."""

    backend: Operator
    service: Service
    clock: Clock
    feed: EventFeed
    session: aiohttp.ClientSession
    stack: AsyncExitStack

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        host, port = self.service.address
        return f"http://{host}:{port}{path}"

    async def issue(self) -> str:
        """Issue an ephemeral token."""
        async with self.session.post(self.url(ISSUE_PATH), headers=CREDENTIAL) as response:
            assert response.status == 200
            return str((await response.json())["sse_token"])

    async def open(self, token: str, **headers: str) -> aiohttp.ClientResponse:
        """Open the stream with an ephemeral token; it is closed after the test at the latest."""
        stream = await self.session.get(self.url(STREAM_PATH), params={"token": token}, headers=headers)
        self.stack.callback(stream.close)
        return stream

    async def status(self) -> dict[str, Any]:
        """Return the figures."""
        async with self.session.get(self.url(STATUS_PATH)) as response:
            return dict(await response.json())


@pytest.fixture
def clock() -> Clock:
    """The clock of the operator, or of the bus."""
    return Clock()


@pytest.fixture
def options() -> OperatorOptions:
    """Options that let nothing happen by itself but the first sample."""
    return OperatorOptions(heartbeat=3600, sample_every=3600)


@pytest.fixture
def store(clock: Clock) -> TokenStore:
    """Where the operator keeps its tokens."""
    return MemoryStore(clock=clock)


@pytest.fixture
async def operator(
    clock: Clock, store: TokenStore, options: OperatorOptions
) -> AsyncIterator[RunningOperator]:
    """A running backend; replace the fixtures above to change it."""
    feed = EventFeed(keep=20, queue=4)
    meter = ProcessMeter(clock=clock)
    backend = Operator(
        PrincipalToken(TOKEN), tokens=StreamTokens(store), feed=feed, meter=meter, options=options
    )
    service = Service(backend.app(), "127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        await service.start()
        stack.push_async_callback(service.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield RunningOperator(
            backend=backend, service=service, clock=clock, feed=feed, session=session, stack=stack
        )


@pytest.fixture
def bus(clock: Clock) -> MemoryBus:
    """Where madre keeps its messages."""
    return MemoryBus(clock=clock)


@pytest.fixture
async def madre(bus: MemoryBus) -> AsyncIterator[RunningMadre]:
    """A running madre; replace the bus to change it."""
    async with running_madre(bus) as madre:
        yield madre


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    """The switch's rules in a test."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return load_rules(file)


@pytest.fixture
async def flow(tmp_path: Path) -> AsyncIterator[Flow]:
    """The whole system, running."""
    flow = Flow(tmp_path)
    await flow.start()
    yield flow
    await flow.stop()
