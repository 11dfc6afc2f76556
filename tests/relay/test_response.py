"""The responses that tell aiohttp nothing but whether to keep the connection, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tentaculo.relay.response import CLOSE, KEEP_OPEN, RelayedResponse
from tests.fakes.client import RawClient, request
from tests.fakes.gates import soon

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


async def answer(incoming: web.BaseRequest) -> web.StreamResponse:
    """Write raw bytes, and let the path say what becomes of the connection."""
    assert incoming.transport is not None
    incoming.transport.write(ANSWER + b"hi")
    return KEEP_OPEN if incoming.path == "/keep" else CLOSE


@pytest.fixture
async def client() -> AsyncIterator[RawClient]:
    """A client of an aiohttp server that answers with raw bytes."""
    handling = web.Server(answer, access_log=None)
    server = await asyncio.get_running_loop().create_server(handling, "127.0.0.1", 0)
    client = await RawClient.connect("127.0.0.1", server.sockets[0].getsockname()[1])
    yield client
    await client.aclose()
    server.close()
    await handling.shutdown(1)


async def test_aiohttp_adds_nothing(client: RawClient) -> None:
    """The client gets exactly the bytes that were written, on one connection, until it is to be closed."""
    for _ in range(2):
        await client.send(request("GET", "/keep"))
        assert (await client.reply()).body == b"hi"
    await client.send(request("GET", "/close"))
    await soon(client.wire.gone.wait())
    assert client.wire.seen == (ANSWER + b"hi") * 3


@pytest.mark.parametrize(("response", "keep_alive"), [(KEEP_OPEN, True), (CLOSE, False)])
def test_what_aiohttp_asks(response: RelayedResponse, keep_alive: bool) -> None:
    """The two responses differ in whether the connection stays open, and in nothing else."""
    assert response.keep_alive is keep_alive
