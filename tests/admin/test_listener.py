"""The admin listener among clients that mean no good: what they are told, and when they are cut."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
from aiohttp import web

from tentaculo.admin import listener
from tentaculo.admin.api import AdminApi
from tentaculo.admin.app import build_app
from tentaculo.admin.listener import AdminRunner
from tentaculo.relay.reloading import Reloaded
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import soon

SECRET = b"my-own-secret"
BIG = b"x" * 1_000_000


async def exposition() -> tuple[bytes, str]:
    """Much to read."""
    return BIG, "text/plain"


def broken() -> NoReturn:
    """Fail."""
    raise LookupError


async def answers() -> bool:
    """Say that the token store is there."""
    return True


async def revoke(name: str, seconds: float) -> None:
    """Do nothing."""


async def nothing() -> Reloaded:
    """Reload nothing."""
    return Reloaded(None)


def app() -> web.Application:
    """An application whose metrics are long and whose readiness can't be told."""
    return build_app(
        is_ready=broken,
        is_rejected=bool,
        store_answers=answers,
        exposition=exposition,
        api=AdminApi(lambda: None, revoke=revoke, is_principal=bool, reload=nothing, outline=broken),
    )


class Clients:
    """Connects to a listener; its connections end with the test."""

    def __init__(self) -> None:
        self._all: list[RawClient] = []

    async def connect(self, runner: AdminRunner) -> RawClient:
        """Open a connection."""
        client = await RawClient.connect(*runner.addresses[0])
        self._all.append(client)
        return client

    async def aclose(self) -> None:
        """Close them all."""
        for client in self._all:
            await client.aclose()


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Clients of the listener."""
    clients = Clients()
    yield clients
    await clients.aclose()


@pytest.fixture
async def runner() -> AsyncIterator[AdminRunner]:
    """An admin listener whose metrics are long and whose readiness can't be told."""
    runner = AdminRunner(app(), patience=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner
    await runner.cleanup()


MALFORMED = {
    "line": b"GET /live?token=%b HTTP/1.1 x\r\n\r\n" % SECRET,
    "method": b"%b\x00 / HTTP/1.1\r\n\r\n" % SECRET,
    "field": b"GET /live HTTP/1.1\r\nX-VX11-Token %b\r\n\r\n" % SECRET,
    "long": b"GET /live?token=%b HTTP/1.1\r\n\r\n" % (SECRET * 1000),
    "length": b"GET /live HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % SECRET,
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_request_is_not_repeated(
    sent: bytes, runner: AdminRunner, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the reply nor the log shows anything of it."""
    caplog.set_level(logging.DEBUG)
    client = await clients.connect(runner)
    await client.send(sent)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (400, "bad_request")
    assert reply.head.value("Content-Type") == "application/problem+json"
    assert reply.head.value("X-Request-Id") == told(reply)["request_id"]
    assert SECRET not in reply.body
    assert SECRET.decode() not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_fault_of_our_own_is_logged(
    runner: AdminRunner, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault behind a good request is an internal error, found in the log by its id."""
    client = await clients.connect(runner)
    await client.send(request("GET", "/ready"))
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (500, "internal_error")
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert told(reply)["request_id"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


async def test_oldest_makes_room(
    runner: AdminRunner, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only holds connections open does not keep a probe out."""
    monkeypatch.setattr(listener, "CONNECTIONS", 2)
    first, second = await clients.connect(runner), await clients.connect(runner)
    for _ in range(2):
        probe = await clients.connect(runner)
        await probe.send(request("GET", "/live"))
        assert (await probe.reply()).status == 200
        assert await first.ended()
        first, second = second, probe
    await first.send(request("GET", "/live"))
    await second.send(request("GET", "/live"))
    assert (await second.reply()).status == 200


async def test_ends_although_nobody_reads(runner: AdminRunner, clients: Clients) -> None:
    """A client that asks much and takes nothing is cut once there was time enough."""
    with socket.socket() as scraper:
        scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        scraper.setblocking(False)
        await asyncio.get_running_loop().sock_connect(scraper, runner.addresses[0])
        scraper.send(request("GET", "/metrics") * 2000)
        other = await clients.connect(runner)
        await other.send(request("GET", "/live"))
        assert (await other.reply()).status == 200
        await soon(runner.cleanup(), 2)
        assert await other.ended()


async def test_ends_without_having_started() -> None:
    """What was never set up ends as well."""
    await AdminRunner(app(), patience=1).cleanup()
