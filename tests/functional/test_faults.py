"""Upstreams that are away, slow or broken: what the client gets, and what is counted."""

from __future__ import annotations

import pytest

from tests.fakes.client import request
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.backlog import FullBacklog
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

FAULTS = r".*upstream_faults"


async def code_of(gateway: RunningGateway) -> object:
    """The code of the first finished exchange."""
    return (await gateway.logs.wait_for("request.finished")).get("code")


async def test_unreachable(start_gateway: StartGateway) -> None:
    """Nobody listening is 502, with a code and a count."""
    gateway = await start_gateway(configuration(1))
    reply = await gateway.call("/echo")
    assert reply.status == 502
    assert b"upstream_unreachable" in reply.body
    assert await gateway.metric(FAULTS) == 1


async def test_unresolvable(start_gateway: StartGateway) -> None:
    """A name that does not resolve is 502."""
    gateway = await start_gateway(
        configuration(80).replace("http://127.0.0.1:80", "http://nowhere.invalid:80")
    )
    assert (await gateway.call("/echo", seconds=20)).status == 502


async def test_connect_timeout(start_gateway: StartGateway, full_backlog: FullBacklog) -> None:
    """An address that does not answer is 504 after `connect`."""
    gateway = await start_gateway(configuration(full_backlog.port, timeouts="connect: 300ms"))
    reply = await gateway.call("/echo")
    assert reply.status == 504
    assert b"upstream_timeout" in reply.body
    await eventually(lambda: full_backlog.attempts() == 0, 10)


async def test_response_timeout(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """No head within `response` is 504, and the upstream is let go."""
    gateway = await start_gateway(configuration(upstream.port, timeouts="response: 300ms"))
    reply = await gateway.call("/slow-head")
    assert reply.status == 504
    await upstream.exchanges[0].gone()
    assert await gateway.metric(FAULTS) == 1


async def test_idle_timeout(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A body that stops for longer than `idle` is cut, and seen as cut."""
    gateway = await start_gateway(configuration(upstream.port, timeouts="idle: 300ms"))
    reply = await gateway.call("/slow-body")
    assert (reply.status, reply.complete) == (200, False)
    assert await code_of(gateway) == "upstream_timeout"


async def test_route_timeout_overrides_the_upstreams(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A route's own `response` counts."""
    routes = "routes:\n  - {name: all, path: /*, upstream: backend, timeouts: {response: 300ms}}\n"
    gateway = await start_gateway(configuration(upstream.port, routes=routes, timeouts="response: 30s"))
    assert (await gateway.call("/slow-head", seconds=3)).status == 504


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_dropped_request_is_not_repeated(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A request that the upstream took and dropped is 502, and never sent twice."""
    gateway = await start_gateway(configuration(upstream.port))
    assert (await gateway.call("/drop", GOOD, b"x", method=method)).status == 502
    assert len(upstream.exchanges) == 1


async def test_dropped_get_on_a_fresh_connection_is_502(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A fresh connection that is dropped proves nothing stale: no second try."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/drop")
    assert reply.status == 502
    assert len(upstream.exchanges) == 1


@pytest.mark.parametrize(
    ("path", "code"), [("/bad-head", "upstream_protocol_error"), ("/101", "upstream_protocol_error")]
)
async def test_reply_that_is_not_http(
    path: str, code: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A reply that makes no sense is 502, and none of its bytes pass."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call(path)
    assert reply.status == 502
    assert code.encode() in reply.body
    assert b"banner" not in reply.body
    assert "banner" not in gateway.logs.text


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("how", ["&fin", ""], ids=["fin", "reset"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_cut_reply_is_seen_as_cut(
    framing: str, how: str, version: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A reply that breaks off upstream never looks whole to the client."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", f"/drop-mid?framing={framing}{how}", GOOD, version=version))
    await client.until(b"part\n\n")
    upstream.gates.open("drop")
    await client.ended(3)
    if version == "1.0" and framing == "chunked":
        assert client.wire.reset
    assert not client.wire.seen.endswith(b"0\r\n\r\n")
    assert await code_of(gateway) in ("upstream_protocol_error", "upstream_unreachable")
    assert await gateway.metric(FAULTS) == 1


async def test_reset_of_a_close_delimited_reply_is_seen(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Where only the connection's end ends a body, a reset is not taken for it."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/drop-mid?framing=close", GOOD))
    await client.until(b"part\n\n")
    upstream.gates.open("drop")
    await client.ended(3)
    assert not client.wire.seen.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_stale_connection_is_replaced_once(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A kept connection that the upstream closes under a repeatable request costs the client nothing."""
    gateway = await start_gateway(configuration(upstream.port))
    assert (await gateway.call("/echo")).status == 200
    reply = await gateway.call("/drop?times=1", method=method)
    assert reply.status == 200
    assert [e.path for e in upstream.exchanges] == ["/echo", "/drop", "/drop"]
    assert await gateway.metric(FAULTS) == 0


async def test_stale_connection_is_not_retried_twice(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A second loss is a fault."""
    gateway = await start_gateway(configuration(upstream.port))
    assert (await gateway.call("/echo")).status == 200
    assert (await gateway.call("/drop?times=9")).status == 502
    assert [e.path for e in upstream.exchanges] == ["/echo", "/drop", "/drop"]


async def test_post_after_the_upstream_closed(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A connection known to be closed is never used, so that even a POST succeeds."""
    gateway = await start_gateway(configuration(upstream.port))
    assert (await gateway.call("/reply-then-close")).status == 200
    upstream.gates.open("close")
    await upstream.exchanges[0].finished.wait()
    await eventually(upstream.wires[0].gone.is_set)
    assert (await gateway.call("/echo", GOOD, b"x", method="POST")).status == 200


async def test_close_in_reply_is_honoured(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A reply with `Connection: close` is the last on its connection."""
    upstream.canned["/last"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    gateway = await start_gateway(configuration(upstream.port))
    for _ in range(2):
        assert (await gateway.call("/last")).status == 200
    assert len(upstream.wires) == 2


async def test_kept_connections_are_closed_when_unused(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """An upstream connection is kept no longer than `keep_alive`."""
    gateway = await start_gateway(configuration(upstream.port, timeouts="keep_alive: 200ms"))
    assert (await gateway.call("/echo")).status == 200
    await upstream.exchanges[0].gone(3)
