"""What a reload does to the gateway's listeners, and what starts one."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tentaculo.relay.reloading import Reloaded
from tests.fakes.client import request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.ports import free_port
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.editing import EditedGateway, edited, write
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD
from tests.test_gateway import is_open, upstream

__all__ = ["upstream"]


@pytest.fixture
async def running(upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[EditedGateway]:
    """A gateway that reads a file."""
    gateway = EditedGateway(tmp_path / "tentaculo.yaml", edited(upstream.port))
    await gateway.start()
    yield gateway
    await gateway.stop()
    gateway.check_log()


@pytest.fixture
def free() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    return free_port(), free_port()


async def test_other_address(
    running: EditedGateway, upstream: ScriptedUpstream, free: tuple[int, int]
) -> None:
    """Both listeners move; connections to where they were go on."""
    before, admin_before = running.port, running.admin_port
    client = await running.client()
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200
    listen, admin = (f"127.0.0.1:{port}" for port in free)
    await running.edit(edited(upstream.port, listen=listen, admin=admin))
    assert (running.port, running.admin_port) == free
    assert (await running.call("/echo")).status == 200
    assert (await running.admin("/live")).status == 200
    await eventually(lambda: not is_open(before) and not is_open(admin_before))
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200


async def test_same_address_is_not_left(running: EditedGateway, upstream: ScriptedUpstream) -> None:
    """Where nothing is said of it the listener stays, though its port was the system's choice."""
    before = running.port
    await running.edit(edited(upstream.port, extra="limits: {streams: 7}\n"))
    assert running.port == before


@pytest.mark.parametrize("which", ["listen", "admin"])
async def test_taken_address(
    which: str, running: EditedGateway, upstream: ScriptedUpstream, free: tuple[int, int]
) -> None:
    """The edit is rejected with a sentence, and neither listener has moved."""
    running.errors_expected = True
    before = running.port, running.admin_port
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        listen, admin = f"127.0.0.1:{free[0]}", f"127.0.0.1:{free[1]}"
        where = (taken, admin) if which == "listen" else (listen, taken)
        event = await running.edit(edited(upstream.port, listen=where[0], admin=where[1]))
    assert event["problems"] == [f"cannot listen on {taken}: Address already in use"]
    assert (running.port, running.admin_port) == before
    assert (await running.call("/echo")).status == 200
    assert told(await running.admin("/ready"))["config"] == "rejected"
    assert not any(map(is_open, free))


async def test_reload_at_the_end(
    running: EditedGateway, upstream: ScriptedUpstream, free: tuple[int, int]
) -> None:
    """While the gateway stops it listens nowhere else."""
    running.errors_expected = True
    reloader = running.gateway._reloader
    assert reloader is not None
    client = await running.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    stopping = asyncio.ensure_future(running.shut_down())
    await eventually(lambda: running.gateway._stopped)
    write(running.file, edited(upstream.port, listen=f"127.0.0.1:{free[0]}"))
    assert await reloader.reload() == Reloaded(None, ("the gateway is stopping",))
    assert not is_open(free[0])
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    await soon(stopping)


async def test_nothing_is_reloaded_after_the_end(running: EditedGateway) -> None:
    """Neither a signal nor an edit does anything to what has ended."""
    await running.shut_down()
    before = set(running.gateway._reloads)
    running.gateway.reload_soon()
    assert running.gateway._reloads == before


async def test_reload_is_given_up_at_the_end(running: EditedGateway) -> None:
    """A reload that was just asked for does not hold up the end."""
    running.gateway.reload_soon()
    await running.shut_down()
    assert running.logs.events[-1]["event"] == "gateway.stopped"


async def test_hangup(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    """The process reads its file again when it is told to by the usual signal."""
    file = tmp_path / "tentaculo.yaml"
    write(file, edited(upstream.port))
    process = await GatewayProcess.launch(file)
    try:
        await process.started()
        process.signal(signal.SIGHUP)
        await process.logged("config.reloaded")
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    finally:
        await process.kill()
