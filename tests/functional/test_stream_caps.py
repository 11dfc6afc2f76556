"""How many streams may be open: of a route, a principal, an address; whoever is there stays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tentaculo.relay.delivery import chunk
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN, RunningGateway
from tests.functional.tokens import BROWSER, ELSE, issue, stream_route, token_configuration

OTHER: Fields = (("X-VX11-Token", OTHER_TOKEN),)
ELSEWHERE: Fields = (*GOOD, ("X-Forwarded-For", "192.0.2.9"))
EVENT = chunk(b"data: a\n\n")


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit of two streams, how it refuses, and who or what does not count towards it."""

    stream: str = ""
    principal: str = ""
    status: int = 429
    code: str = "stream_limit_reached"
    reason: str = ""
    apart: Fields = OTHER
    beside: bool = True
    """Whether a second route has room of its own."""


CAPS = {
    "route": Cap("max_streams: 2", status=503, code="too_many_streams", reason="max_streams", apart=()),
    "principal on a route": Cap("max_streams_per_principal: 2", reason="max_streams_per_principal"),
    "principal": Cap(principal="max_streams: 2", reason="principal_max_streams", beside=False),
    "address": Cap("max_streams_per_client: 2", reason="max_streams_per_client", apart=ELSEWHERE),
}


def configured(upstream: ScriptedUpstream, cap: Cap, *routes: str) -> str:
    """Write a file with two routes under a cap, where a trusted peer may say who asks."""
    both = [
        f"  - {{name: {name}, path: /{path}, upstream: backend, stream: {{{cap.stream}}}}}\n"
        for name, path in (("first", "sse/first"), ("second", "sse/second"), ("late", "late-sse"))
    ]
    principals = f"""
principals:
  - {{name: operator-ui, token: {TOKEN}, {cap.principal}}}
  - {{name: other, token: {OTHER_TOKEN}}}
"""
    extra = "trusted_peers: [127.0.0.1]"
    return token_configuration(upstream.port, *both, *routes, principals=principals, extra=extra)


async def opened(
    gateway: RunningGateway, upstream: ScriptedUpstream, fields: Fields = GOOD, path: str = "/sse/first"
) -> tuple[RawClient, Exchange]:
    """Open a stream; it must open."""
    client = await gateway.client()
    await client.send(request("GET", path, fields))
    assert (await client.head()).status == 200, client.wire.seen
    return client, await upstream.next()


@pytest.mark.parametrize("cap", CAPS.values(), ids=CAPS)
async def test_cap(cap: Cap, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Past it a stream is refused and costs the upstream nothing; nobody is evicted, and room comes back."""
    gateway = await start_gateway(configured(upstream, cap))
    streams = [await opened(gateway, upstream) for _ in range(2)]
    for path in ("/sse/first", "/sse/first?other", *([] if cap.beside else ["/sse/second"])):
        reply = await gateway.call(path)
        assert (reply.status, told(reply)["code"]) == (cap.status, cap.code)
        assert reply.head.value("Retry-After") == "5"
    assert gateway.logs.named("request.finished")[-1]["reason"] == cap.reason
    assert len(upstream.exchanges) == 2
    for client, exchange in streams:
        await exchange.write(EVENT)
        assert await client.until(EVENT) == EVENT
    streams[0][0].leave()
    await gateway.logs.wait_for("stream.ended")
    await opened(gateway, upstream)
    assert (await gateway.call("/sse/first")).status == cap.status


@pytest.mark.parametrize("cap", CAPS.values(), ids=CAPS)
async def test_who_is_not_meant(cap: Cap, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Another principal, address or route has room of its own, where the cap is not theirs."""
    gateway = await start_gateway(configured(upstream, cap))
    for _ in range(2):
        await opened(gateway, upstream)
    if cap.apart:
        await opened(gateway, upstream, cap.apart)
    else:
        assert (await gateway.call("/sse/first", OTHER)).status == cap.status
    if cap.beside:
        await opened(gateway, upstream, path="/sse/second")


@pytest.mark.parametrize("cap", CAPS.values(), ids=CAPS)
async def test_last_place(cap: Cap, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Of those that ask for it at once one gets it; who comes too late is refused after all."""
    gateway = await start_gateway(configured(upstream, cap))
    clients = [await gateway.client() for _ in range(3)]
    for client in clients:
        await client.send(request("GET", "/late-sse", GOOD))
        await upstream.next()
    upstream.gates.open("head")
    heads = [await client.head() for client in clients]
    assert sorted(head.status for head in heads) == [200, 200, cap.status]
    (late,) = [head for head in heads if head.status != 200]
    assert late.value("Retry-After") == "5"
    await gateway.logs.wait_for("request.finished")
    assert len(gateway.logs.named("stream.opened")) == 2


async def test_stream_of_a_route_without_options(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What it is turns out with its head; a principal has no room for it either, and its calls go on."""
    plain = "  - {name: plain, path: /*, upstream: backend}\n"
    gateway = await start_gateway(configured(upstream, CAPS["principal"], plain))
    for path in ("/sse/plain", "/sse/first"):
        await opened(gateway, upstream, path=path)
    reply = await gateway.call("/sse/plain")
    assert (reply.status, told(reply)["code"]) == (429, "stream_limit_reached")
    assert reply.head.value("Retry-After") == "5"
    await (await upstream.next()).gone()
    assert (await gateway.call("/echo")).status == 200


# Where tokens open the stream.


@pytest.mark.parametrize("cap", CAPS.values(), ids=CAPS)
@pytest.mark.parametrize("retried", [True, False], ids=["retry", "error"])
async def test_cap_of_a_stream_that_tokens_open(
    retried: bool, cap: Cap, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A client with a token of its own is to come again, where the file says so, and then gets in."""
    stream = f"unavailable: {'retry' if retried else 'error'}, {cap.stream}"
    route = stream_route(stream=stream)
    gateway = await start_gateway(configured(upstream, cap, route))
    streams = [await opened(gateway, upstream, BROWSER, (await issue(gateway)).target) for _ in range(2)]
    issued = await issue(gateway)
    reply = await gateway.call(issued.target, BROWSER)
    if retried:
        assert (reply.status, reply.head.value("Content-Type")) == (200, "text/event-stream")
        assert reply.body.startswith(b"retry: 3000\n:")
    else:
        assert (reply.status, told(reply)["code"]) == (cap.status, cap.code)
        assert reply.head.value("Retry-After") == "5"
    assert gateway.logs.named("request.finished")[-1]["code"] == cap.code
    stranger = await gateway.call(f"/sse/events?token={'0' * 36}", ELSE)
    assert stranger.status == (401 if retried or "principal" in cap.reason else cap.status)
    assert len(upstream.exchanges) == 2
    streams[0][0].leave()
    await gateway.logs.wait_for("stream.ended")
    await opened(gateway, upstream, BROWSER, issued.target)
