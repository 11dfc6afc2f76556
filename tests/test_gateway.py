"""The gateway's life: it starts whole or not at all, and stops in order."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo import __version__, gateway
from tentaculo.config.loader import load_text
from tentaculo.config.settings import Address, Settings
from tentaculo.gateway import Gateway, StartError
from tests.fakes.behaviours import BEHAVIOURS
from tests.fakes.client import request
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD, LogTap, RunningGateway

ROUTES = """
routes:
  - {name: everything, path: /*, upstream: backend}
  - {name: stream, path: /sse, upstream: backend, stream: {}}
"""


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
    with socket.create_server(("127.0.0.1", 0)) as other:
        return int(other.getsockname()[1])


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
async def test_cuts_what_does_not_finish(
    warm: bool, running: RunningGateway, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange that lasts longer than it may is cut, on both sides."""
    monkeypatch.setattr(gateway, "FINISH_SECONDS", 0.05)
    monkeypatch.setattr(gateway, "CUT_SECONDS", 0.05)
    if warm:
        await running.call("/echo")
        await upstream.next()
    client = await running.client()
    await client.send(request("GET", "/slow-head", GOOD))
    exchange = await upstream.next()
    await soon(running.shut_down())
    assert await client.ended()
    await exchange.gone()
    assert running.logs.named("request.finished")[-1]["code"] == "client_gone"


async def test_stops_idle_connections_upstream(running: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Connections that were kept for later are closed."""
    assert (await running.call("/echo")).status == 200
    await running.shut_down()
    await eventually(upstream.wires[0].gone.is_set)


async def test_idle_connections_do_not_hold_it_up(
    running: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is at work may take the time that there is for an orderly end."""
    monkeypatch.setattr(gateway, "CUT_SECONDS", 60)
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
    await started.stop()
    await started.stop()
    assert [event["event"] for event in logs.events] == ["gateway.started", "gateway.stopped"]


async def test_stops_without_having_started() -> None:
    """What never started stops as well."""
    logs = LogTap()
    await Gateway(settings_of(), log_sink=logs).stop()
    assert logs.named("gateway.started") == []


# Standard output.


async def test_logs_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a sink the log goes to standard output, all of it before the end."""
    started = Gateway(settings_of())
    await started.start()
    await started.stop()
    lines = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["gateway.started", "gateway.stopped"]


async def test_logs_readably_to_a_terminal() -> None:
    """On a terminal it is for people."""
    ours, terminal = pty.openpty()
    kept = os.dup(1)
    os.dup2(terminal, 1)
    try:
        settings = settings_of()
        started = Gateway(replace(settings, log=replace(settings.log, format="auto")))
        await started.start()
        await started.stop()
        shown = os.read(ours, 65536).decode()
    finally:
        os.dup2(kept, 1)
        for descriptor in (ours, terminal, kept):
            os.close(descriptor)
    assert "gateway.started" in shown
    assert "\x1b[" in shown
    assert "{" not in shown


async def test_stalled_stdout_is_told_of() -> None:
    """Lines that a stalled standard output could not take are counted in the log once it goes on."""
    reading, writing = os.pipe()
    kept = os.dup(1)
    os.dup2(writing, 1)
    try:
        started = Gateway(settings_of())
        await started.start()
        for number in range(200):
            logging.getLogger("somebody").warning("%d%s", number, "x" * 100_000)
        lines = asyncio.ensure_future(asyncio.to_thread(_lines, reading))
        await started.stop()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(writing)
    events = [json.loads(line) for line in await soon(lines)]
    os.close(reading)
    (dropped,) = [event for event in events if event["event"] == "log.dropped"]
    assert dropped["dropped"] + len(events) == 200 + 3
    assert dropped["level"] == "warning"


def _lines(descriptor: int) -> list[bytes]:
    with os.fdopen(os.dup(descriptor), "rb") as source:
        return source.read().splitlines()


# The process.

PREPARE = """
import resource, sys
from dataclasses import replace
from tentaculo.config.settings import Limits, Settings
from tentaculo.gateway import prepare_process
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
limits = Limits(connections=connections)
prepare_process(Settings(principals=(), upstreams=(), routes=(), limits=limits))
print(*resource.getrlimit(resource.RLIMIT_NOFILE), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [(256, 1024, 100, 264), (256, 1024, 10_000, 1024), (512, 1024, 100, 512)],
    ids=["raised", "as-far-as-it-goes", "enough"],
)
def test_prepare_process(soft: int, hard: int, connections: int, expected: int) -> None:
    """There are descriptors for both sides of each connection, where the system lets; and no core dumps."""
    arguments = [str(number) for number in (soft, hard, connections)]
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split() == [str(expected), str(hard), "0", "0"]


def test_descriptors_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no bound of its own, the limits alone decide; a refusal is no fault."""
    asked: list[tuple[int, tuple[int, int]]] = []

    def refuse(what: int, limits: tuple[int, int]) -> None:
        asked.append((what, limits))
        if what == resource.RLIMIT_NOFILE:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda what: (100, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    gateway.prepare_process(settings_of())
    assert asked == [
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NOFILE, (20_064, resource.RLIM_INFINITY)),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_runs_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """As a process it serves until a signal, and then ends well."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(configuration(9))
    process = await GatewayProcess.launch(path)
    try:
        await process.started()
        assert (await process.call("/health")).status == 200
        process.signal(number)
        assert await process.ended() == 0
        assert json.loads(process.lines[-1])["event"] == "gateway.stopped"
    finally:
        await process.kill()
