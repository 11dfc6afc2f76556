"""What instances tell each other: reading messages, and reading on after a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tentaculo.access import redis_events
from tentaculo.access.redis_client import RedisClient, make_client
from tentaculo.access.redis_events import EventReader, read_message
from tentaculo.access.redis_url import read_url
from tentaculo.access.store import Lease, Revoked, Standing, StoreEvent, Superseded
from tests.fakes.gates import eventually
from tests.fakes.redis_server import RedisServer, running_redis

DIGEST = bytes(range(32))


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (b"revoked 7 1500000 one", Revoked("one", Standing(7, 1.5))),
        (b"revoked 7 0 two words\n", Revoked("two words\n", Standing(7, 0))),
        (b"revoked 7 0 ", Revoked("", Standing(7, 0))),
        (b"superseded " + DIGEST.hex().encode() + b" 3", Superseded((Lease(DIGEST, 3),))),
        (
            b"superseded " + DIGEST.hex().encode() + b" 3 12",
            Superseded((Lease(DIGEST, 3), Lease(DIGEST, 12))),
        ),
        (b"", None),
        (b"revoked", None),
        (b"revoked 7 0", None),
        (b"revoked x 0 one", None),
        (b"revoked 7 0 \xff", None),
        (b"superseded", None),
        (b"superseded zz 1", None),
        (b"superseded \xff 1", None),
        (b"superseded 00 x", None),
        (b"something else 1 2", None),
    ],
    ids=lambda value: ascii(value)[:30] if isinstance(value, bytes) else "",
)
def test_read_message(message: bytes, event: StoreEvent | None) -> None:
    """A message of a store is an event, anything else is passed over."""
    assert read_message(message) == event


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be killed."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[RedisClient]:
    """A client of the server."""
    client = make_client(read_url(server.url), timeout=5)
    yield client
    await client.close()


def listeners(server: RedisServer) -> int:
    """Return how many are subscribed."""
    return int(server.command("PUBSUB", "NUMSUB", "events")[1])


async def test_reading_goes_on(server: RedisServer, client: RedisClient) -> None:
    """Neither foreign messages, a listener that raises nor the loss of the server ends the reading."""
    told: list[StoreEvent] = []
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def listen(event: StoreEvent) -> None:
        told.append(event)
        raise RuntimeError("a listener's own fault")

    reader = EventReader(client, "events", timeout=5)
    reader.start(listen)
    for expected in (1, 2):
        await eventually(lambda: listeners(server) == 1)
        server.command("PUBLISH", "events", "no message of ours")
        server.command("PUBLISH", "events", b"revoked 7 0 one")
        await eventually(lambda: len(told) == expected)  # noqa: B023 - awaited within the turn
        assert len(faults) == expected
        server.kill()
        server.start()
    await reader.stop()
    await eventually(lambda: listeners(server) == 0)


async def test_a_server_that_comes_later(server: RedisServer, client: RedisClient) -> None:
    """Reading begins when the server is there, however often it was not."""
    server.kill()
    told: list[StoreEvent] = []
    reader = EventReader(client, "events", timeout=1, jitter=lambda: 0.0)
    reader.start(told.append)
    for _ in range(5):
        await asyncio.sleep(0)
    server.start()
    await eventually(lambda: listeners(server) == 1)
    server.command("PUBLISH", "events", b"revoked 7 0 one")
    await eventually(lambda: len(told) == 1)
    await reader.stop()


async def test_a_silent_server_is_given_up(
    server: RedisServer, client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection over which nothing comes is asked whether it lives, and made anew when no answer comes."""
    monkeypatch.setattr(redis_events, "SILENCE", 0.05)
    reader = EventReader(client, "events", timeout=1, jitter=lambda: 0.0)
    reader.start(lambda _: None)
    await eventually(lambda: listeners(server) == 1)
    subscriber = _subscriber(server)
    await eventually(lambda: pings(server) > 3)
    assert _subscriber(server) == subscriber
    with server.hung():
        await eventually(lambda: reader._pause > redis_events.FIRST_PAUSE)
    await eventually(lambda: _subscriber(server) not in ("", subscriber))
    await reader.stop()


async def test_stop_before_start(client: RedisClient) -> None:
    """A reader that never began can be stopped."""
    await EventReader(client, "events", timeout=1).stop()


def pings(server: RedisServer) -> int:
    """Return how often the server was asked whether it lives, by the fixture once."""
    stats = server.command("INFO", "commandstats").decode()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in stats.split() if "cmdstat_ping" in line)


def _subscriber(server: RedisServer) -> str:
    lines = server.command("CLIENT", "LIST", "TYPE", "pubsub").decode().splitlines()
    return lines[-1].split()[0] if lines else ""
