"""Tests of the obvious proxy: a fair opponent does the whole work of forwarding."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from scripts.benchmarks.obvious_proxy import end_to_end, make_app

Client = TestClient[web.Request, web.Application]
MakeClient = Callable[[web.Application], Awaitable[Client]]
MakeServer = Callable[[web.Application], Awaitable[TestServer]]


async def show(request: web.Request) -> web.Response:
    """Answer with what came, in header fields, and with the body compressed."""
    shown = {"X-Target": request.raw_path, "X-Names": ",".join(sorted(request.headers)), "X-Kept": "yes"}
    shown |= {"Content-Encoding": "deflate", "Keep-Alive": "timeout=5"}
    return web.Response(status=207, body=zlib.compress(await request.read()), headers=shown)


async def test_forwards_both_ways(aiohttp_client: MakeClient, aiohttp_server: MakeServer) -> None:
    """Method, target, body, status and end-to-end fields pass; hop-by-hop fields do not."""
    backend = web.Application()
    backend.router.add_route("PUT", "/{path:.*}", show)
    server = await aiohttp_server(backend)
    client = await aiohttp_client(make_app(f"http://127.0.0.1:{server.port}"))
    body = b"0123456789" * 100_000
    url = URL(f"http://127.0.0.1:{client.port}/a/b?c=%41", encoded=True)
    async with (
        ClientSession(
            auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding", "User-Agent"]
        ) as session,
        session.put(url, data=body, headers={"X-Own": "1", "TE": "trailers"}) as reply,
    ):
        assert reply.status == 207
        assert reply.headers["X-Target"] == "/a/b?c=%41"
        assert reply.headers["X-Kept"] == "yes"
        assert "Keep-Alive" not in reply.headers
        assert reply.headers["X-Names"] == "Content-Length,Content-Type,Host,X-Own"
        assert zlib.decompress(await reply.read()) == body


def test_end_to_end_keeps_order_and_repetition() -> None:
    """Fields that repeat stay apart and in order, whatever the case of their names."""
    fields = [
        ("Set-Cookie", "a"),
        ("CONNECTION", "close"),
        ("set-cookie", "b"),
        ("Transfer-Encoding", "chunked"),
    ]
    assert list(end_to_end(fields).items()) == [("Set-Cookie", "a"), ("set-cookie", "b")]
