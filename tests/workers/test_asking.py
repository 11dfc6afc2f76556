"""Calls to a worker over connections that are handed to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tentaculo.workers.asking import Asking
from tentaculo.workers.channel import Channel, Message, make_pair


async def answer(request: web.Request) -> web.Response:
    """Tell what came."""
    return web.json_response({"path": request.path, "token": request.headers["Authorization"]})


async def never(request: web.Request) -> web.Response:
    """Answer nothing."""
    await asyncio.Event().wait()
    raise AssertionError


class Worker:
    """The other end of a channel, which serves the connections that it gets."""

    def __init__(self, end: Channel, server: web.Server) -> None:
        self.channel = end
        self.connections = 0
        self._server = server
        self._tasks: list[asyncio.Task[object]] = []
        end.listen(self._heard, lambda: None)

    def _heard(self, message: Message, descriptors: list[int]) -> None:
        assert message == {"do": "admin"}
        self.connections += 1
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        serving = loop.connect_accepted_socket(self._server, connection)
        self._tasks.append(loop.create_task(serving))


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Asking, Worker]]:
    """Who asks, and a worker."""
    app = web.Application()
    app.router.add_get("/never", never)
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    ours, theirs = make_pair()
    ours.setblocking(False)
    channel = Channel(ours)
    worker, asking = Worker(Channel(theirs), runner.server), Asking(channel, "the-token")
    yield asking, worker
    await asking.aclose()
    channel.close()
    worker.channel.close()
    await runner.cleanup()


async def test_calls(pair: tuple[Asking, Worker]) -> None:
    """They are answered, with the token, and share a connection one after another."""
    asking, worker = pair
    for _ in range(2):
        found = await asking.ask("GET", "/live?a=b")
        assert found is not None
        assert (found.status, found.json()) == (200, {"path": "/live", "token": "Bearer the-token"})
    assert worker.connections == 1


async def test_no_answer_in_time(pair: tuple[Asking, Worker]) -> None:
    """It is none."""
    asking, _ = pair
    assert await asking.ask("GET", "/never", seconds=0.05) is None


async def test_worker_that_is_gone(pair: tuple[Asking, Worker]) -> None:
    """Nobody answers."""
    asking, worker = pair
    worker.channel.close()
    assert await asking.ask("GET", "/live") is None


async def test_endless_answer(pair: tuple[Asking, Worker]) -> None:
    """It is read as it comes, with fields of its own."""
    asking, _ = pair
    async with asking.open("/live", {"Authorization": "Bearer another"}) as reply:
        assert (await reply.json())["token"] == "Bearer another"
