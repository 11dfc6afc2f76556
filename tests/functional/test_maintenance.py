"""A route under maintenance: everyone is told, in the operator's own words, and no backend is asked."""

from __future__ import annotations

import pytest

from tests.fakes.client import request
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD

ROUTES = """
routes:
  - {name: text, path: /echo/text, upstream: backend, maintenance: {body: "Back at noon."}}
  - {name: page, path: /echo/page, upstream: backend, maintenance: {body: "<h1>Soon</h1>"}}
  - {name: json, path: /echo/json, upstream: backend, maintenance: {status: 502, body: '{"why": "work"}'}}
  - {name: bare, path: /echo/bare, upstream: backend, maintenance: {}}
  - {name: stream, path: /sse/stream, upstream: backend, access: upstream, stream: {}, maintenance: {}}
  - {name: other, path: /echo/other, upstream: backend}
"""
ANSWERS = {
    "/echo/text": (503, b"Back at noon.", "text/plain; charset=utf-8"),
    "/echo/page": (503, b"<h1>Soon</h1>", "text/html; charset=utf-8"),
    "/echo/json": (502, b'{"why": "work"}', "application/json"),
    "/echo/bare": (503, b"", "text/plain; charset=utf-8"),
    "/sse/stream": (503, b"", "text/plain; charset=utf-8"),
}


@pytest.mark.parametrize(("path", "answer"), ANSWERS.items(), ids=ANSWERS)
@pytest.mark.parametrize("fields", [(), GOOD], ids=["nobody", "known"])
async def test_everyone_is_told(
    path: str,
    answer: tuple[int, bytes, str],
    fields: tuple[tuple[str, str], ...],
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
) -> None:
    """Whoever asks gets status and body of the operator's choice, and when to come again."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    reply = await gateway.call(path, fields)
    assert (reply.status, reply.body, reply.head.value("Content-Type")) == answer
    assert reply.head.value("Retry-After") == "60"
    assert reply.head.value("X-Request-Id")
    assert upstream.exchanges == []
    (event,) = gateway.logs.named("request.finished")
    assert (event["status"], event["route"]) == (answer[0], path.rpartition("/")[2])


async def test_bodies_and_methods(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """HEAD has no body, a body on its way is not waited for, and other routes go on."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    head = await gateway.call("/echo/text", GOOD, method="HEAD")
    assert (head.status, head.body, head.head.value("Content-Length")) == (503, b"", "13")
    client = await gateway.client()
    await client.send(request("POST", "/echo/text", [*GOOD, ("Content-Length", "1000000")]))
    reply = await client.reply("POST")
    assert (reply.status, reply.head.value("Connection")) == (503, "close")
    assert (await gateway.call("/echo/other")).status == 200
