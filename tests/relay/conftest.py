"""Fronts, upstreams and slow clients that end with the test."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tentaculo.relay.tls import ServerTls
from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import RawClient
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.certificates import SERVER_NAME, Authority, secure_client
from tests.functional.configuration import configuration
from tests.relay.carried import Carried, carried_configuration
from tests.relay.front import TIMES, Front, SlowClient
from tests.relay.parts import Upstream, open_upstream
from tests.relay.secure_parts import SecureSlowClient

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
  - {name: stream, path: /sse, upstream: backend, stream: {}}
  - {name: delegated, path: /redirect, upstream: backend, access: upstream, stream: {}}
"""
LIMITS = "streams: 1, body: 1MiB, body_timeout: 200ms"
TIMEOUTS = "connect: 1s, response: 30s, idle: 60s"
StartFront = Callable[[str], Awaitable[Front]]
Secure = Callable[[], Awaitable[RawClient]]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@asynccontextmanager
async def running_fronts(caplog: pytest.LogCaptureFixture) -> AsyncIterator[StartFront]:
    """Start fronts from YAML text; none may make a library complain, or forget an exchange."""
    async with AsyncExitStack() as stack:

        async def start(text: str) -> Front:
            front = Front(text)
            stack.callback(lambda: _check_over(front, caplog))
            await front.start()
            stack.push_async_callback(front.aclose)
            return front

        yield start


@pytest.fixture
async def start_front(caplog: pytest.LogCaptureFixture) -> AsyncIterator[StartFront]:
    """Start fronts, which end with the test."""
    async with running_fronts(caplog) as start:
        yield start


def _check_over(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert front.relay.open_exchanges == 0
    assert len(front.relay.streams) == 0


@pytest.fixture
async def slow_client() -> AsyncIterator[SlowClient]:
    """A client that takes no byte unless told to."""
    client = SlowClient()
    yield client
    client.close()


@pytest.fixture
async def backend() -> AsyncIterator[Upstream]:
    """An upstream connection whose other end is the test's."""
    with open_upstream() as opened:
        yield opened


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front before a scripted upstream."""
    return await start_front(configuration(upstream.port, routes=ROUTES, limits=LIMITS, timeouts=TIMEOUTS))


@pytest.fixture
async def source_front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with a credential of its own and shared streams before the upstream."""
    return await start_front(carried_configuration(upstream.port))


@pytest.fixture
async def carried(source_front: Front, upstream: ScriptedUpstream) -> Carried:
    """A shared stream's source that has begun."""
    return Carried(source_front, upstream)


# Under TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who issues the front's certificate."""
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ServerTls:
    """What clients are shown."""
    return ServerTls((authority.issue(f"DNS:{SERVER_NAME}"),))


@pytest.fixture
async def secured_front(start_front: StartFront, upstream: ScriptedUpstream, tls: ServerTls) -> Front:
    """A front under TLS, with ten seconds for a head and twenty for a client that takes nothing."""
    front = await start_front(configuration(upstream.port, limits=TIMES))
    front.listener.tls = tls
    return front


@pytest.fixture
async def secure(secured_front: Front, authority: Authority) -> AsyncIterator[Secure]:
    """Open connections under TLS, which end with the test."""
    clients: list[RawClient] = []

    async def connect() -> RawClient:
        clients.append(await secure_client(secured_front.port, authority.client_context()))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


@pytest.fixture
async def secure_slow_client(authority: Authority) -> AsyncIterator[SecureSlowClient]:
    """A client under TLS that takes no byte unless told to."""
    client = SecureSlowClient(authority.client_context())
    yield client
    client.close()
