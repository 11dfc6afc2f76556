"""`Expect: 100-continue` from end to end: asked of the upstream, passed on, refused."""

from __future__ import annotations

import pytest

from tests.fakes.client import Fields, request, told
from tests.fakes.messages import Framing
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD

EXPECT: Fields = (*GOOD, ("Expect", "100-continue"), ("Content-Length", "5"))


async def test_continue_comes_from_the_upstream(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The client is told to go on once the upstream says so, and not before."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/100", EXPECT))
    exchange = await upstream.next()
    assert exchange.head.values("Expect") == ["100-continue"]
    assert client.wire.seen == b""
    upstream.gates.open("continue")
    assert (await client.head()).status == 100
    await client.send(b"hello")
    assert told(await client.reply("POST"))["body"] == "hello"


async def test_refusal_by_the_upstream(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An upstream that refuses the body gets its refusal through, and no body."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/417", EXPECT))
    reply = await client.reply("POST")
    assert (reply.status, reply.interim) == (403, ())
    assert b"hello" not in upstream.exchanges[0].wire.seen


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/echo", (("Expect", "100-continue"), ("Content-Length", "5")), 401),
        ("/echo", (*GOOD, ("Expect", "100-continue"), ("Content-Length", "99999")), 413),
        ("/echo", (*GOOD, ("Expect", "something-else"), ("Content-Length", "5")), 417),
        ("/echo/../x", EXPECT, 400),
    ],
    ids=["no-credential", "too-large", "unknown-expectation", "bad-target"],
)
async def test_refusal_by_the_gateway(
    target: str, fields: Fields, status: int, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What the gateway refuses it refuses at once, without asking for the body."""
    gateway = await start_gateway(configuration(upstream.port, limits="body: 10KiB"))
    client = await gateway.client()
    await client.send(request("POST", target, fields))
    reply = await client.reply("POST")
    assert (reply.status, reply.interim) == (status, ())
    assert upstream.exchanges == []


async def test_body_sent_without_waiting(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A client that sends its body without waiting is served."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/echo", EXPECT) + b"hello")
    reply = await client.reply("POST")
    assert told(reply)["body"] == "hello"


async def test_upstream_that_ignores_the_expectation(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """An upstream that never says 100 does not keep the exchange from going on once the body comes."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/echo", EXPECT))
    await upstream.next()
    await client.send(b"hello")
    assert told(await client.reply("POST"))["body"] == "hello"


async def test_chunked_body_with_expectation(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The expectation holds for chunked bodies too."""
    gateway = await start_gateway(configuration(upstream.port))
    upstream.gates.open("continue")
    client = await gateway.client()
    fields = [*GOOD, ("Expect", "100-continue"), ("Transfer-Encoding", "chunked")]
    await client.send(request("POST", "/100", fields))
    assert (await client.head()).status == 100
    await client.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert told(await client.reply("POST"))["body"] == "hello"
    assert upstream.exchanges[0].framing[0] is Framing.CHUNKED


async def test_http10_expectation_is_ignored(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A client of HTTP/1.0 can't be told to go on, and is not."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/echo", EXPECT, version="1.0") + b"hello")
    reply = await client.reply("POST")
    assert (reply.interim, told(reply)["body"]) == ((), "hello")
