"""Both listeners: opened, moved with what is connected, and closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tentaculo.config.settings import Address, Settings, TlsCertificate
from tentaculo.listening import Handed, Listening, StartError, open_log, shown
from tentaculo.relay.reloading import NotApplied
from tentaculo.telemetry.metrics import Metrics
from tests.fakes.client import RawClient
from tests.relay.conftest import running_fronts
from tests.relay.front import HEALTH, Front
from tests.relay.parts import settings_of

ANY = Address("127.0.0.1", 0)
TEXT = """
listen: 127.0.0.1:0
admin: 127.0.0.1:0
principals: []
upstreams: {backend: "http://127.0.0.1:1"}
routes: [{name: all, path: /*, upstream: backend, access: public}]
"""
SETTINGS = settings_of(listen=ANY, admin=ANY)


@pytest.fixture
async def front(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Front]:
    """A relay to listen for."""
    async with running_fronts(caplog) as start:
        yield await start(TEXT)


@pytest.fixture
async def listening(front: Front) -> AsyncIterator[Listening]:
    """Listeners that are closed at the end."""
    made = Listening(front.listener, web.Application(), patience=0.1)
    yield made
    await made.aclose()


async def is_served(address: tuple[str, int]) -> bool:
    """Whether a health check there is answered."""
    try:
        client = await RawClient.connect(*address)
    except ConnectionError:
        return False
    await client.send(HEALTH)
    status = (await client.reply()).status
    await client.aclose()
    return status in (200, 404)


def wanted() -> bool:
    """Say that the move is still asked for."""
    return True


async def test_both_open_and_close(listening: Listening) -> None:
    """Each has an address of its own, up to the end."""
    await listening.open(SETTINGS)
    places = listening.address, listening.admin_address
    assert [await is_served(place) for place in places] == [True, True]
    await listening.aclose()
    assert [await is_served(place) for place in places] == [False, False]


async def test_moving(listening: Listening) -> None:
    """The new addresses are served and the old ones are not; who is connected stays so."""
    await listening.open(SETTINGS)
    before, places = SETTINGS, (listening.address, listening.admin_address)
    client = await RawClient.connect(*listening.address)
    await client.send(HEALTH)
    assert (await client.reply()).status == 200
    after = replace(SETTINGS, listen=Address("localhost", 0), admin=Address("localhost", 0))
    await listening.move(before, after, is_wanted=wanted)
    assert [await is_served(place) for place in places] == [False, False]
    assert await is_served(listening.address)
    await client.send(HEALTH)
    assert (await client.reply()).status == 200
    await client.aclose()


async def test_same_addresses_stay(listening: Listening) -> None:
    """Nothing is opened anew where nothing changed."""
    await listening.open(SETTINGS)
    places = listening.address, listening.admin_address
    await listening.move(SETTINGS, replace(SETTINGS, health_path="/up"), is_wanted=wanted)
    assert places == (listening.address, listening.admin_address)


def bad_settings(port: int) -> dict[str, Settings]:
    """Return settings that can't be listened by, while `port` is taken."""
    nowhere = TlsCertificate(Path("/nowhere.pem"), Path("/nowhere.key"))
    return {
        "taken": replace(SETTINGS, listen=Address("127.0.0.1", port)),
        "admin taken": replace(SETTINGS, listen=Address("localhost", 0), admin=Address("127.0.0.1", port)),
        "certificate": replace(SETTINGS, tls=(nowhere,)),
    }


@pytest.mark.parametrize("fault", ["taken", "admin taken", "certificate"])
async def test_move_that_fails_changes_nothing(fault: str, listening: Listening, front: Front) -> None:
    """What was there goes on, and one sentence says why."""
    await listening.open(SETTINGS)
    places = listening.address, listening.admin_address
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotApplied) as told:
            await listening.move(SETTINGS, bad_settings(port)[fault], is_wanted=wanted)
    assert str(told.value)
    assert places == (listening.address, listening.admin_address)
    assert [await is_served(place) for place in places] == [True, True]
    assert front.listener.tls is None


async def test_move_that_comes_too_late(listening: Listening) -> None:
    """Whoever stops meanwhile wants no new listener."""
    await listening.open(SETTINGS)
    place = listening.address
    after = replace(SETTINGS, listen=Address("localhost", 0))
    with pytest.raises(NotApplied, match="stopping"):
        await listening.move(SETTINGS, after, is_wanted=lambda: False)
    assert listening.address == place


async def test_start_that_fails(listening: Listening) -> None:
    """It says where it could not listen, and closing afterwards is fine."""
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}"):
            await listening.open(replace(SETTINGS, listen=Address("127.0.0.1", port)))


def test_shown() -> None:
    """An IPv6 address has brackets."""
    assert (shown(("127.0.0.1", 80)), shown(("::1", 80))) == ("127.0.0.1:80", "[::1]:80")


async def test_who_is_connected_is_accepted(listening: Listening) -> None:
    """A connection that the system made, and nobody had accepted as the listener closed, is served."""
    await listening.open(SETTINGS)
    address = listening.address
    with socket.create_connection(address) as early:
        early.setblocking(False)
        await listening.close_main()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(early, HEALTH)
        assert (await loop.sock_recv(early, 100)).startswith(b"HTTP/1.1 200")
    assert not listening.is_open
    assert not await is_served(address)


def listening_socket() -> socket.socket:
    """Return a socket of a supervisor's."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


async def test_handed_sockets(front: Front) -> None:
    """They are served in place of addresses, and outlast whoever served them, with those who wait there."""
    theirs, later = listening_socket(), listening_socket()
    handed = Handed([theirs.dup()])
    listening = Listening(front.listener, web.Application(), patience=0.1, handed=handed)
    await listening.open(SETTINGS)
    assert listening.address == theirs.getsockname()
    assert await is_served(listening.address)
    elsewhere = replace(SETTINGS, listen=Address("localhost", 0), admin=Address("localhost", 0))
    await listening.move(SETTINGS, elsewhere, is_wanted=wanted)
    assert listening.address == theirs.getsockname()
    handed.hand([later.dup()])
    await listening.move(SETTINGS, SETTINGS, is_wanted=wanted)
    assert listening.address == later.getsockname()
    assert await is_served(listening.address)
    await listening.leave_main()
    assert not listening.is_open
    with socket.create_connection(later.getsockname()) as waiting:
        accepted, address = later.accept()
        assert address == waiting.getsockname()
        accepted.close()
    await listening.aclose()
    theirs.close()
    later.close()


def test_sockets_that_nobody_took() -> None:
    """They are closed, so that their owner's are the last."""
    unwanted = listening_socket()
    handed = Handed([unwanted])
    assert handed.is_full
    handed.hand(None)
    assert not handed.is_full
    assert unwanted.fileno() == -1
    assert handed.take() is None


async def test_connection_to_the_admin_application(front: Front) -> None:
    """One that was handed over is served; at the end it is closed."""
    app = web.Application()
    listening = Listening(front.listener, app, patience=0.1, handed=Handed([listening_socket()]))
    await listening.open(SETTINGS)
    loop = asyncio.get_running_loop()
    for is_open in (True, False):
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        await listening.serve_admin_on(theirs)
        with ours:
            if is_open:
                await loop.sock_sendall(ours, HEALTH)
                assert (await loop.sock_recv(ours, 100)).startswith(b"HTTP/1.1 404")
                await listening.aclose()
            else:
                assert await loop.sock_recv(ours, 100) == b""


def test_log_that_can_not_be_opened(tmp_path: Path) -> None:
    """One sentence names the file and says why."""
    settings = replace(SETTINGS, log=replace(SETTINGS.log, file=tmp_path))
    with pytest.raises(StartError, match=f"the log can't be written to {tmp_path}: Is a directory"):
        open_log(settings, Metrics(version="1"))
