"""Bodies of every framing and size, both ways, with the memory they may take."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.fakes.behaviours import BLOCK, GZIPPED, chunk
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Framing, body_pieces, reply_framing
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.memory import MIB, settled_bytes
from tests.functional.running import GOOD

BIG = 64 * MIB
GROWTH = 32 * MIB


@pytest.mark.parametrize("size", [0, 1, 1000, 65_535, 65_536, 65_537, 3_000_000])
async def test_request_body_with_length(
    size: int, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A body with a length arrives byte for byte, with that length."""
    gateway = await start_gateway(configuration(upstream.port))
    body = (BLOCK * (size // len(BLOCK) + 1))[:size]
    fields = [*GOOD, ("Content-Length", str(size))]
    reply = await gateway.call("/echo", fields, body, method="POST")
    assert reply.status == 200
    exchange = upstream.exchanges[0]
    assert exchange.body == body
    assert exchange.framing == (Framing.LENGTH, size)


@pytest.mark.parametrize("sizes", [[], [1], [1, 2, 3], [65_536, 1], [100] * 500, [1_000_000]], ids=str)
async def test_request_body_in_chunks(
    sizes: list[int], start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A chunked body arrives whole and chunked."""
    gateway = await start_gateway(configuration(upstream.port))
    body = b"".join(chunk(b"x" * size) for size in sizes) + b"0\r\n\r\n"
    reply = await gateway.call("/echo", [*GOOD, ("Transfer-Encoding", "chunked")], body, method="POST")
    assert reply.status == 200
    exchange = upstream.exchanges[0]
    assert len(exchange.body) == sum(sizes)
    assert exchange.framing[0] is Framing.CHUNKED


async def test_request_body_passes_as_it_comes(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The upstream gets the first piece of a body while the client still holds back the rest."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/echo", [*GOOD, ("Content-Length", "10")]) + b"first")
    exchange = await upstream.next()
    await eventually(lambda: b"first" in exchange.wire.seen)
    await client.send(b"-last")
    assert told(await client.reply("POST"))["body"] == "first-last"


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH", "PUT", "POST", "PROPFIND"])
async def test_methods_with_and_without_body(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Any method passes, and may have a body or none."""
    gateway = await start_gateway(configuration(upstream.port))
    bare = told(await gateway.call("/echo?n=1", method=method))
    filled = told(await gateway.call("/echo?n=2", body=b"body", method=method))
    assert (bare["method"], bare["body"]) == (method, "")
    assert (filled["method"], filled["body"]) == (method, "body")
    assert upstream.exchanges[0].framing[1] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chunked", b"one,two,three"),
        ("/close-delimited", b"until the end"),
        ("/http10", b"old"),
        ("/status/404", b"status body"),
        ("/status/200", b"status body"),
        ("/trailers", b"body"),
        ("/103", b"after hints"),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_reply_framings(
    path: str, body: bytes, version: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """However the upstream ends its body, a client of either version gets it whole and framed for it."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", path, GOOD, version=version))
    reply = await client.reply()
    assert (reply.body, reply.complete) == (body, True)
    framing = reply_framing(reply.head, "GET")[0]
    assert framing is not (Framing.CHUNKED if version == "1.0" else Framing.CONNECTION_END)
    if framing is Framing.CONNECTION_END:
        assert client.wire.gone.is_set()


async def test_reply_with_length_keeps_it(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A reply that has a length passes with it, not chunked."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/status/200")
    assert reply.head.values("Content-Length") == ["11"]
    assert reply.head.values("Transfer-Encoding") == []


async def test_compressed_reply_is_untouched(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A compressed body passes as it is, and nobody invents an Accept-Encoding."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/gzip")
    assert reply.body == GZIPPED
    assert reply.head.values("Content-Encoding") == ["gzip"]
    assert upstream.exchanges[0].head.values("Accept-Encoding") == []


async def test_compressed_request_is_untouched(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A compressed request body is not inflated on the way."""
    gateway = await start_gateway(configuration(upstream.port))
    packed = gzip.compress(b"hello" * 100, mtime=0)
    await gateway.call("/echo", [*GOOD, ("Content-Encoding", "gzip")], packed, method="POST")
    assert upstream.exchanges[0].body == packed
    assert upstream.exchanges[0].head.values("Content-Encoding") == ["gzip"]


@pytest.mark.parametrize(
    ("method", "path", "status", "length"),
    [
        ("HEAD", "/head", 200, ["1234"]),
        ("HEAD", "/status/404", 404, ["0"]),
        ("GET", "/status/204", 204, []),
        ("GET", "/status/304", 304, []),
        ("HEAD", "/status/204", 204, []),
        ("HEAD", "/status/304", 304, []),
    ],
)
async def test_replies_without_body(
    method: str,
    path: str,
    status: int,
    length: list[str],
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
) -> None:
    """HEAD, 204 and 304 end with their head, keep their fields, and leave both connections usable."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    for _ in range(2):
        await client.send(request(method, path, GOOD))
        reply = await client.reply(method)
        assert reply.status == status
        assert reply.head.values("Content-Length") == length
        assert reply.head.values("Transfer-Encoding") == []
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200


async def test_reply_body_passes_as_it_comes(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The client gets the first half of a body while the upstream holds back the second."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/slow-body", GOOD))
    assert (await client.head()).status == 200
    assert await client.until(b"hello") == b"hello"
    upstream.gates.open("body")
    assert await client.until(b"world") == b"world"


async def test_early_hints_reach_http11_clients(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """103 passes to a client of HTTP/1.1, fields and all, before the reply itself."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/103")
    assert [(head.status, head.value("Link")) for head in reply.interim] == [(103, "</a.css>; rel=preload")]
    assert reply.body == b"after hints"


async def test_early_hints_do_not_reach_http10_clients(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """HTTP/1.0 knows no interim replies, and gets none."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("GET", "/103", GOOD, version="1.0"))
    reply = await client.reply()
    assert (reply.interim, reply.body) == ((), b"after hints")


async def test_upload_of_any_size_takes_no_memory(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """64 MiB pass up to an upstream that counts them, without being collected on the way."""
    upstream = await start_upstream(keep=False, limit=65_536)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False)
    before = settled_bytes()
    await client.send(request("POST", "/sink", [*GOOD, ("Content-Length", str(BIG))]))
    async with asyncio.timeout(60):
        for _ in range(BIG // len(BLOCK)):
            await client.send(BLOCK)
    reply = await client.reply("POST", 30)
    assert reply.body == str(BIG).encode()
    assert settled_bytes() - before < GROWTH


@pytest.mark.parametrize(
    "target", [f"/huge?bytes={BIG}", f"/huge?bytes={BIG}&chunked"], ids=["length", "chunked"]
)
async def test_download_of_any_size_takes_no_memory(
    target: str, start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """64 MiB pass down without being collected on the way."""
    upstream = await start_upstream(keep=False, limit=65_536)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False, limit=65_536)
    before = settled_bytes()
    await client.send(request("GET", target, GOOD))
    head = await client.head()
    async with asyncio.timeout(60):
        received = 0
        async for piece in body_pieces(client.wire.source, reply_framing(head, "GET"), []):
            received += len(piece)
    assert received == BIG
    assert settled_bytes() - before < GROWTH


async def test_slow_reader_stops_the_upstream(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """A client that reads nothing makes the upstream wait, instead of filling the gateway."""
    upstream = await start_upstream(keep=False)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False, limit=4096)
    before = settled_bytes()
    await client.send(request("GET", f"/huge?bytes={4 * BIG}", GOOD))
    await client.head()
    exchange = await upstream.next()
    with pytest.raises(TimeoutError):
        await soon(exchange.finished.wait(), 1.0)
    assert settled_bytes() - before < GROWTH
    client.leave()
    await exchange.gone()


async def test_slow_upstream_stops_the_client(
    start_gateway: StartGateway, start_upstream: StartUpstream
) -> None:
    """An upstream that reads nothing makes the uploading client wait, instead of filling the gateway."""
    upstream = await start_upstream(keep=False, limit=65_536)
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client(keep=False)
    before = settled_bytes()
    await client.send(request("POST", "/stall", [*GOOD, ("Content-Length", str(4 * BIG))]))
    sent = await send_until_stuck(client)
    assert sent < 4 * BIG
    assert settled_bytes() - before < GROWTH
    client.leave()


async def send_until_stuck(client: RawClient) -> int:
    """Send until the other side takes no more."""
    sent = 0
    try:
        while True:
            await soon(client.send(BLOCK), 0.5)
            sent += len(BLOCK)
    except TimeoutError:
        return sent


async def test_early_reply_to_an_upload(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An upstream that answers before the body is in gets its answer through."""
    gateway = await start_gateway(configuration(upstream.port))
    client = await gateway.client()
    await client.send(request("POST", "/early", [*GOOD, ("Content-Length", "1000000")]) + b"x" * 1000)
    reply = await client.reply("POST")
    assert (reply.status, reply.body, reply.complete) == (413, b"no", True)
    assert reply.head.value("Connection") == "close"
