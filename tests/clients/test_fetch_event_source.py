"""`@microsoft/fetch-event-source`: streams that a POST asks for."""

from __future__ import annotations

from typing import Any

from tests.clients.calls import Call, Calls
from tests.clients.conftest import StartNode
from tests.clients.hosting import Hosted
from tests.clients.node import NodeProcess
from tests.clients.routes import EVENTS, url
from tests.fakes.gates import soon
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import TOKEN

PROGRAM = "fetch_event_source.mjs"
BODY = '{"ask": "¿qué?"}'
OPEN = {"status": 200, "type": "text/event-stream"}


async def ask(
    start_gateway: StartGateway, start_node: StartNode, backend: Hosted, token: str = TOKEN
) -> NodeProcess:
    """Post to the stream's route of a gateway."""
    gateway = await start_gateway(configuration(backend.port, routes=EVENTS))
    headers = {"X-VX11-Token": token, "X-Mine": "passes"}
    return await start_node(PROGRAM, url=url(gateway, "/events"), headers=headers, body=BODY)


def check_request(call: Call, last: str | None) -> None:
    """It came as the client sent it, without the gateway's credential."""
    assert (call.method, call.body.decode()) == ("POST", BODY)
    names = ("Content-Type", "X-Mine", "X-VX11-Token", "Accept", "Last-Event-ID")
    values = [call.fields.get(name) for name in names]
    assert values == ["application/json", "passes", None, "text/event-stream", last]


def event(data: str, *, type_: str = "", id_: str = "") -> dict[str, Any]:
    """What the program says of an event."""
    return {"event": type_, "data": data, "id": id_}


async def test_post(
    start_gateway: StartGateway, start_node: StartNode, backend: Hosted, calls: Calls
) -> None:
    """Each event comes when it was sent; after a cut the client asks again, by the last id."""
    program = await ask(start_gateway, start_node, backend)
    call = await calls.next()
    check_request(call, None)
    await call.start()
    assert await program.said() == OPEN
    await call.write("retry: 10\nid: 7\nevent: part\ndata: uno\n\n")
    assert await program.said() == event("uno", type_="part", id_="7")
    await call.write("data: dos\ndata: más\n\n")
    assert await program.said() == event("dos\nmás")
    backend.drop()
    assert "error" in await program.said()
    again = await calls.next()
    check_request(again, "7")
    await again.start()
    assert await program.said() == OPEN
    await again.write("data: tres\n\n")
    assert await program.said() == event("tres")
    await again.finish()
    assert [await program.said(), await program.said()] == [{"closed": True}, {"done": True}]
    await program.close()


async def test_abort(
    start_gateway: StartGateway, start_node: StartNode, backend: Hosted, calls: Calls
) -> None:
    """Its AbortController stops the upstream."""
    program = await ask(start_gateway, start_node, backend)
    call = await calls.next()
    await call.start()
    assert await program.said() == OPEN
    await program.close()
    await soon(call.gone.wait())


async def test_refused(
    start_gateway: StartGateway, start_node: StartNode, backend: Hosted, calls: Calls
) -> None:
    """It is shown the gateway's 401 and why."""
    program = await ask(start_gateway, start_node, backend, token="not a token of anyone")
    assert await program.said() == {"status": 401, "type": "application/problem+json"}
    assert calls.seen == []
