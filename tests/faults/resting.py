"""Whether a gateway has let go of everything: what it says, and what the system says."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.client import RawClient, request
from tests.fakes.messages import Cut
from tests.functional.running import RunningGateway
from tests.functional.tokens import Front

OPEN = ("tentaculo_streams_open{", "tentaculo_shared_streams_open{", "tentaculo_shared_stream_clients{")
CONNECTIONS = "tentaculo_connections_open "


async def still_open(front: Front, *, clients: int = 0) -> list[str]:
    """Return the samples of things that are open and should not be; one word while it can't be asked."""
    try:
        lines = (await _metrics(front)).splitlines()
    except (Cut, ConnectionError):
        return ["unanswered"]
    left = [line for line in lines if line.startswith(OPEN) and float(line.rsplit(" ", 1)[1])]
    return left + [
        line for line in lines if line.startswith(CONNECTIONS) and float(line[len(CONNECTIONS) :]) > clients
    ]


async def _metrics(front: Front) -> str:
    client = await RawClient.connect("127.0.0.1", front.admin_port)
    try:
        await client.send(request("GET", "/metrics", [("Connection", "close")]))
        return (await client.reply()).body.decode()
    finally:
        client.leave()


async def comes_to_rest(front: Front, *, clients: int = 0, seconds: float = 15.0) -> None:
    """Wait until nothing is open but so many connections of clients."""
    left: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while left := await still_open(front, clients=clients):  # noqa: ASYNC110 - it can't call back
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"still open: {left}") from None
    if isinstance(front, RunningGateway):
        relay = front.gateway._relay
        assert relay is not None
        assert relay.open_exchanges == 0


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
