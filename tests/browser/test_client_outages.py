"""Backends and gateways that go away under the page: the client comes back and loses nothing, or is told."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, QUICK, events_route
from tests.browser.client_scene import HOST, Scene
from tests.browser.client_tabs import CLOSED, CONNECTING, Client
from tests.browser.conftest import StartCable
from tests.browser.stage import SSE_HEAD, Answer, Ending, streaming
from tests.browser.token_pages import LossyCable
from tests.fakes.behaviours import chunk
from tests.fakes.event_server import EventServer
from tests.fakes.ports import free_port
from tests.functional.editing import EditedGateway, write
from tests.functional.process import GatewayProcess
from tests.functional.tokens import revoke

SHARED = {
    "plain": "",
    "shared": "shared: true",
    "replay": "shared: true, replay: {}",
}


async def got(client: Client, count: int) -> None:
    """Fail unless a client has had every event up to a number, each once and in its order."""
    assert await client.data(count) == [f"event {number}" for number in range(1, count + 1)]


# The backend.


async def test_backend_dies_and_resumes(scene: Scene, server: EventServer) -> None:
    """What it would have sent while it was away comes after all, and nothing twice."""
    gateway = await scene.start(port=server.port)
    gateway.errors_expected = True
    client = await scene.client()
    await client.until("open")
    for number in (10, 30):
        await server.emit(10)
        await got(client, number)
        await server.kill()
        assert {error.ready_state for error in await client.until("error")} == {CONNECTING}
        server.emitted += 10
        await server.start()
        await got(client, number + 10)
    (asked,) = await server.requests()
    assert "Last-Event-ID: 30\r\n" in asked
    assert {code for code, _, _ in await client.errors()} <= {0, 502, 503}


@pytest.mark.parametrize("options", SHARED.values(), ids=SHARED)
async def test_backend_dies_behind_the_route(options: str, scene: Scene, server: EventServer) -> None:
    """Whatever the route does with its streams, each event comes once."""
    gateway = await scene.start(events_route(stream=f"{QUICK}, {options}"), port=server.port)
    gateway.errors_expected = True
    client = await scene.client()
    await client.until("open")
    await server.emit(20)
    await got(client, 20)
    await server.kill()
    server.emitted += 20
    await server.start()
    await got(client, 40)
    await server.emit(20)
    await got(client, 60)
    if options:
        assert [noted.kind for noted in await client.log()] == ["open", *["message"] * 60]


@pytest.mark.parametrize("ids", ["its own ids", "assigned ids"])
async def test_network_is_cut(
    ids: str, scene: Scene, server: EventServer, anonymous: EventServer, start_cable: StartCable
) -> None:
    """The route's own memory has what was missed, also for a backend that knows no ids."""
    backend = server if ids == "its own ids" else anonymous
    options = "shared: true, replay: {}" + ", assign_ids: true" * (backend is anonymous)
    gateway = await scene.start(events_route(stream=f"{QUICK}, {options}"), port=backend.port)
    cable = await start_cable(gateway.port)
    client = await (await scene.tab(f"http://{HOST}:{cable.port}/")).client(EVENTS, "resync")
    await client.until("open")
    await backend.emit(20)
    await got(client, 20)
    cable.unplug()
    await client.errors()
    await backend.emit(20)
    cable.plug_in()
    await got(client, 40)
    await backend.emit(20)
    await got(client, 60)
    assert len(await backend.requests()) == 1
    assert not [noted for noted in await client.log() if noted.kind == "resync"]


DEATHS = {
    "before the head": Answer(b"", (b"",), Ending.RESET),
    "in the head": Answer(SSE_HEAD[:30], (b"",), Ending.RESET),
    "in an event": streaming(b"id: 2\ndata: tw", ending=Ending.RESET),
    "between events": streaming(b": hello\n\n", ending=Ending.RESET),
    "in a chunk": Answer(SSE_HEAD + chunk(b"id: 2\ndata: two\n\n")[:12], (b"",), Ending.RESET),
    "in good order": streaming(b": hello\n\n", ending=Ending.END),
}


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
async def test_backend_dies_somewhere(death: Answer, scene: Scene) -> None:
    """No event comes in part, and the next connection asks for what comes after the last whole one."""
    one = streaming(b"id: 1\ndata: one\n\n", ending=Ending.END)
    scene.streams.answers["events"] = [one, death, streaming(b"id: 2\ndata: two\n\n")]
    gateway = await scene.start()
    gateway.errors_expected = True
    client = await scene.client()
    assert await client.data(2) == ["one", "two"]
    asked = [exchange.head.values("Last-Event-ID") for exchange in scene.streams.openings("events")]
    assert asked == [[], *[["1"]] * (len(asked) - 1)]
    assert {noted.ready_state for noted in await client.until("error")} == {CONNECTING}


async def test_network_loses_the_connection(scene: Scene) -> None:
    """The gateway still holds the old stream when the client comes back for more."""
    one, two = streaming(b"id: 1\ndata: one\n\n"), streaming(b"id: 2\ndata: two\n\n")
    scene.streams.answers["events"] = [one, two]
    gateway = await scene.start()
    cable = LossyCable(gateway.port)
    await cable.start()
    client = await (await scene.tab(f"http://{HOST}:{cable.port}/")).client()
    await client.data(1)
    cable.lose()
    assert await client.data(2) == ["one", "two"]
    assert len(gateway.logs.named("stream.opened")) == 2
    await cable.stop()


# The gateway.


async def launched(file: Path, text: str) -> GatewayProcess:
    """Start a gateway in a process of its own."""
    write(file, text)
    process = await GatewayProcess.launch(file)
    await process.started()
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_gateway_is_restarted(
    number: signal.Signals, scene: Scene, server: EventServer, tmp_path: Path
) -> None:
    """The page stays, and its stream goes on where it was; tokens of before are not needed."""
    first = await launched(tmp_path / "first.yaml", scene.file(port=server.port, listen=free_port()))
    client = await (await scene.tab(f"http://{HOST}:{first.port}/")).client(EVENTS, "draining")
    await client.until("open")
    await server.emit(10)
    await got(client, 10)
    first.signal(number)
    await first.ended()
    assert {error[1:] for error in await client.errors()} == {("", CONNECTING)}
    await server.emit(10)
    second = await launched(tmp_path / "second.yaml", scene.file(port=server.port, listen=first.port))
    await got(client, 20)
    await server.emit(10)
    await got(client, 30)
    said = [noted.data for noted in await client.log() if noted.kind == "draining"]
    assert said == ['{"reason": "draining"}'] * (number == signal.SIGTERM)
    await second.kill()


async def test_drained(scene: Scene, server: EventServer) -> None:
    """Its stream says goodbye; it comes back after the time it was told, to whoever listens there then."""
    port = free_port()
    drained = await scene.start(events_route(stream="retry: 30s"), port=server.port, listen=port)
    tab = await scene.timeless()
    client = await tab.client(EVENTS, "draining")
    await client.until("open")
    await server.emit(10)
    await got(client, 10)
    await drained.shut_down()
    (said,) = await client.until("draining")
    assert (said.data, said.last_event_id) == ('{"reason": "draining"}', "10")
    assert await client.errors() == [(0, "", CONNECTING)]
    await scene.start(port=server.port, listen=port)
    await server.emit(10)
    await tab.pass_time(29)
    await tab.round_trip()
    assert len(tab.urls(ISSUE_PATH)) == 1
    await tab.pass_until(lambda: len(tab.openings()) == 2)
    await got(client, 20)
    (error,) = await client.until("error")
    assert 30 <= (await client.asked())[1] - error.at <= 60 + 60


async def test_revoked(scene: Scene, server: EventServer) -> None:
    """Where its principal still may, it comes back with a token of its own; nothing is lost."""
    gateway = await scene.start(port=server.port)
    client = await scene.client(EVENTS, "revoked")
    await client.until("open")
    await server.emit(10)
    await got(client, 10)
    assert (await revoke(gateway, "operator-ui")).status == 200
    await server.emit(10)
    await got(client, 20)
    assert [noted.data for noted in await client.until("revoked")] == ['{"reason": "revoked"}']
    assert await client.errors() == [(0, "", CONNECTING)]
    assert len(client.tab.urls(ISSUE_PATH)) == 2


async def test_revoked_and_blocked(scene: Scene, server: EventServer) -> None:
    """Where its principal may not any more, it is told so and gives up."""
    gateway = await scene.start(port=server.port)
    client = await scene.client(EVENTS, "revoked")
    await client.until("open")
    assert (await revoke(gateway, "operator-ui", query="?block=1h")).status == 200
    assert await client.errors(2) == [(0, "", CONNECTING), (403, "forbidden", CLOSED)]
    assert [noted.kind for noted in await client.log()] == ["open", "revoked", "error", "error"]
    assert len(client.tab.openings()) == 1


@pytest.fixture
async def edited(scene: Scene, server: EventServer, tmp_path: Path) -> AsyncIterator[EditedGateway]:
    """A gateway whose file may be edited."""
    gateway = EditedGateway(tmp_path / "tentaculo.yaml", scene.file(port=server.port))
    await gateway.start()
    scene.gateway = gateway
    yield gateway
    await gateway.stop()
    gateway.check_log()


@pytest.mark.slow
async def test_route_is_removed(scene: Scene, server: EventServer, edited: EditedGateway) -> None:
    """A reload that takes the route away ends the stream, and then the client, which is told why."""
    client = await scene.client(EVENTS, "route_removed")
    await client.until("open")
    await server.emit(10)
    await got(client, 10)
    other = events_route(name="other", path="/other").replace(ISSUE_PATH, "/other-token")
    assert (await edited.edit(scene.file(other, port=server.port)))["event"] == "config.reloaded"
    assert await client.errors(2) == [(0, "", CONNECTING), (404, "route_not_found", CLOSED)]
    assert [e["end_reason"] for e in edited.logs.named("stream.ended")] == ["route_removed"]
    assert len(client.tab.openings()) == 1


@pytest.mark.slow
async def test_route_comes_back(scene: Scene, server: EventServer, edited: EditedGateway) -> None:
    """A route that is switched off and on again under the page costs nothing but time."""
    client = await scene.client()
    await client.until("open")
    await server.emit(10)
    await got(client, 10)
    await edited.edit(scene.file(events_route(more="enabled: false"), port=server.port))
    assert (await client.errors(2))[1] == (503, "route_disabled", CONNECTING)
    await server.emit(10)
    await edited.edit(scene.file(port=server.port))
    await got(client, 20)
