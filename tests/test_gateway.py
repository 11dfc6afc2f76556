"""The gateway's life: it starts whole or not at all, and stops in order."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo import __version__, gateway
from tentaculo.config.loader import load_text
from tentaculo.config.settings import Address, Settings, StreamSettings
from tentaculo.gateway import Gateway
from tentaculo.listening import StartError
from tentaculo.relay.streams import Claim, Streams
from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.ports import free_port
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD, LogTap, RunningGateway

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
  - {name: stream, path: /sse, upstream: backend, stream: {}}
"""
HASTE = "drain: {time: 1ms, hard_cap: 50ms}\n"


def settings_of(port: int = 9) -> Settings:
    """Configure a gateway before an upstream."""
    return load_text(configuration(port, routes=ROUTES), source=Path("tentaculo.yaml"), environ={})


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    """A scripted upstream."""
    scripted = ScriptedUpstream(BEHAVIOURS)
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def running(upstream: ScriptedUpstream) -> AsyncIterator[RunningGateway]:
    """A started gateway before it."""
    started = RunningGateway(configuration(upstream.port, routes=ROUTES))
    await started.start()
    yield started
    await started.stop()
    started.check_log()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


@pytest.fixture
def free() -> int:
    """A port that nobody listens on."""
    return free_port()


def is_open(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def foreign_handlers() -> list[logging.Handler]:
    """The root logger's handlers, of which the gateway adds one."""
    return list(logging.getLogger().handlers)


# Starting.


async def test_starts_both_listeners(running: RunningGateway) -> None:
    """It serves on both, and says where."""
    assert (await running.call("/echo")).status == 200
    assert (await running.admin("/ready")).status == 200
    assert await running.metric(r'tentaculo_requests_total\{.*"everything"') == 1
    (event,) = running.logs.named("gateway.started")
    assert event["address"] == f"127.0.0.1:{running.port}"
    assert event["admin"] == f"127.0.0.1:{running.admin_port}"
    assert event["version"] == __version__


@pytest.mark.parametrize("which", ["listen", "admin"])
async def test_taken_port(which: str, taken: int, free: int) -> None:
    """It does not start, says why in one sentence, and leaves nothing open behind."""
    good, bad = Address("127.0.0.1", free), Address("127.0.0.1", taken)
    listen, admin = (bad, good) if which == "listen" else (good, bad)
    handlers, tasks, logs = foreign_handlers(), asyncio.all_tasks(), LogTap()
    failing = Gateway(replace(settings_of(), listen=listen, admin=admin), log_sink=logs)
    with pytest.raises(StartError) as caught:
        await failing.start()
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{taken}: Address already in use"
    assert not is_open(free)
    assert foreign_handlers() == handlers
    assert asyncio.all_tasks() == tasks
    assert logs.named("gateway.started") == []
    await failing.stop()
    assert logs.lines == []


@pytest.mark.parametrize(
    ("host", "shown"),
    [("nowhere.invalid", "nowhere.invalid:1"), ("2001:db8::1", "[2001:db8::1]:1")],
    ids=["name", "address"],
)
async def test_address_of_somewhere_else(host: str, shown: str) -> None:
    """An address that can't be listened on is named as it is written, with a reason in words."""
    failing = Gateway(replace(settings_of(), listen=Address(host, 1)), log_sink=LogTap())
    with pytest.raises(StartError) as caught:
        await failing.start()
    start, _, reason = str(caught.value).partition(f" {shown}: ")
    assert start == "cannot listen on"
    assert reason[0].isalpha()
    assert "Errno" not in reason


async def test_standard_library_logs_through_the_gateway() -> None:
    """While it runs, others' records pass its sanitizer; after that they are as before."""
    handlers, logs = foreign_handlers(), LogTap()
    started = Gateway(settings_of(), log_sink=logs)
    await started.start()
    logging.getLogger("somebody").warning("at http://a/?token=my-own-secret")
    await started.stop()
    assert foreign_handlers() == handlers
    assert "token=***" in logs.text
    assert "my-own-secret" not in logs.text


async def test_open_streams_are_settled_before_a_scrape(running: RunningGateway) -> None:
    """What they have relayed so far is in the metrics, not only once they end."""
    relay = running.gateway._relay
    assert relay is not None
    stream = SettledStream(relay.streams)
    await running.metrics()
    await running.metrics()
    assert stream.settled == 2


class SettledStream:
    """An open stream that knows how often it was settled."""

    def __init__(self, streams: Streams) -> None:
        self.settled = 0
        self._streams = streams
        streams.opened(self, Claim("stream", StreamSettings(), None, None, "127.0.0.1"))

    def end_stream(self, reason: str) -> None:
        """End."""
        self._streams.ended(self)

    def settle(self) -> None:
        """Count."""
        self.settled += 1


# Stopping.


async def test_stops_in_order(running: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Not ready, no new connections, streams end, exchanges finish, and then all closes."""
    stream, slow, idle = [await running.client() for _ in range(3)]
    await stream.send(request("GET", "/sse", GOOD))
    assert (await stream.head()).status == 200
    await slow.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    await upstream.next()
    await idle.send(request("GET", "/health"))
    assert (await idle.reply()).status == 200
    port = running.port
    stopping = asyncio.ensure_future(running.shut_down())
    assert await stream.until(b"0\r\n\r\n")
    assert (await running.logs.wait_for("stream.ended"))["end_reason"] == "draining"
    assert not is_open(port)
    assert (await running.admin("/ready")).status == 503
    assert (await running.admin("/live")).status == 200
    await idle.send(request("GET", "/health"))
    assert (await idle.reply()).status == 503
    assert not stopping.done()
    upstream.gates.open("head")
    assert (await slow.reply()).status == 200
    await soon(stopping)
    for client in (stream, slow, idle):
        assert await client.ended()
    assert [event["event"] for event in running.logs.events][-3:] == [
        "request.finished",
        "request.finished",
        "gateway.stopped",
    ]


@pytest.mark.parametrize("warm", [True, False])
async def test_cuts_what_does_not_finish(warm: bool, upstream: ScriptedUpstream) -> None:
    """An exchange that lasts longer than it may is refused after all, and its upstream's work ended."""
    running = RunningGateway(configuration(upstream.port, routes=ROUTES, extra=HASTE))
    await running.start()
    if warm:
        await running.call("/echo")
        await upstream.next()
    client = await running.client()
    await client.send(request("GET", "/slow-head", GOOD))
    exchange = await upstream.next()
    assert not await soon(running.gateway.stop())
    reply = await client.reply()
    assert (reply.status, told(reply)["code"], reply.head.value("Retry-After")) == (503, "draining", "1")
    assert reply.head.value("Connection") == "close"
    assert await client.ended()
    await exchange.gone()
    finished, stopped = running.logs.events[-2:]
    assert (finished["status"], finished["code"]) == (503, "draining")
    assert (stopped["event"], stopped["streams_ended"], stopped["exchanges_cut"]) == ("gateway.stopped", 0, 1)
    assert stopped["seconds"] >= 0.05
    await running.stop()
    running.check_log()


async def test_hurry_cuts_at_once(running: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Who is told twice does not wait for the cap."""
    client = await running.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    stopping = asyncio.ensure_future(running.gateway.stop())
    running.gateway.hurry()
    assert not await soon(stopping)
    assert (await client.reply()).status == 503
    assert running.logs.named("gateway.stopped")[0]["exchanges_cut"] == 1


async def test_malformed_request_to_the_admin_listener_stays_out_of_the_log(running: RunningGateway) -> None:
    """Neither its line nor a token in it is written, and it is no error of the gateway's."""
    client = await RawClient.connect("127.0.0.1", running.admin_port)
    await client.send(b"GET /live?token=my-own-secret HTTP/1.1\r\nmy-own-secret\r\n\r\n")
    assert (await client.reply()).status == 400
    await client.aclose()
    assert "my-own-secret" not in running.logs.text
    assert not [event for event in running.logs.events if event["level"] == "error"]


async def test_stops_idle_connections_upstream(running: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Connections that were kept for later are closed."""
    assert (await running.call("/echo")).status == 200
    await running.shut_down()
    await eventually(upstream.wires[0].gone.is_set)


async def test_idle_connections_do_not_hold_it_up(
    running: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is at work may take the time that there is for an orderly end."""
    monkeypatch.setattr(gateway, "PATIENCE_SECONDS", 60)
    silent, used = [await running.client() for _ in range(2)]
    await used.send(request("GET", "/health"))
    assert (await used.reply()).status == 200
    await soon(running.shut_down(), 3)
    assert await silent.ended()
    assert await used.ended()


async def test_stops_once() -> None:
    """Stopping again is nothing."""
    logs = LogTap()
    started = Gateway(settings_of(), log_sink=logs)
    await started.start()
    assert await started.stop()
    assert await started.stop()
    assert [event["event"] for event in logs.events] == ["gateway.started", "gateway.stopped"]


async def test_stops_without_having_started() -> None:
    """What never started stops as well."""
    logs = LogTap()
    assert await Gateway(settings_of(), log_sink=logs).stop()
    assert logs.named("gateway.started") == []
