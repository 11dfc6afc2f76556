"""A service's listener and the signals that end it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket

import pytest
from aiohttp import web

from examples.vx11.service import Service, stop_signals
from tests.fakes.gates import soon


async def test_it_listens_between_start_and_stop() -> None:
    """The address it names takes connections while it runs, and none afterwards."""
    service = Service(web.Application(), "127.0.0.1", 0)
    await service.start()
    address = service.address
    _, writer = await asyncio.open_connection(*address)
    writer.close()
    await service.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_an_address_in_use_is_an_error_and_leaves_nothing_behind() -> None:
    """Start raises and runs the application's clean-up."""
    ended: list[web.Application] = []

    async def end(app: web.Application) -> None:
        ended.append(app)

    app = web.Application()
    app.on_cleanup.append(end)
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(OSError, match="address already in use"):
        await Service(app, "127.0.0.1", taken.getsockname()[1]).start()
    assert ended == [app]


async def test_a_malformed_request_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A broken request line, which may hold a token, reaches no log."""
    caplog.set_level(logging.DEBUG)
    service = Service(web.Application(), "127.0.0.1", 0)
    await service.start()
    reader, writer = await asyncio.open_connection(*service.address)
    writer.write(b"GET /?token=planted-secret HTTP/9.9.9\r\n\r\n")
    assert (await soon(reader.readline())).startswith(b"HTTP/1.0 400")
    writer.close()
    await service.stop()
    assert "planted-secret" not in caplog.text
    assert "aiohttp" not in {record.name.partition(".")[0] for record in caplog.records}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    """SIGINT and SIGTERM set the event, and afterwards mean what they meant by default."""
    with stop_signals() as signalled:
        assert not signalled.is_set()
        os.kill(os.getpid(), number)
        await soon(signalled.wait())
    assert signal.getsignal(number) in {signal.default_int_handler, signal.SIG_DFL}
