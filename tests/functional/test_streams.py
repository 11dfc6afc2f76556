"""Event streams: every byte as it is, at once, and only where a stream is what was opened."""

from __future__ import annotations

import pytest

from tests.fakes.client import request
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD
from tests.functional.streams import PATHS, ROUTES, open_stream

EVENTS = [
    b"data: one\n\n",
    b"\xef\xbb\xbfdata: with a BOM\r\n\r\n",
    b": comment\n\nretry: 10000\n\n",
    b"id: 7\nevent: named\ndata: a\ndata: b\n\n",
    b"data: \xff\xfe not UTF-8\n\n",
    b"dat",
    b"a: in pieces\r\r",
    b"data: " + b"x" * 200_000 + b"\n\n",
    b"\n\n\n",
]


@pytest.mark.parametrize("path", PATHS)
async def test_first_byte_comes_at_once(
    path: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Head and events arrive each as soon as the upstream sends them."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, path)
    assert (await client.head()).status == 200
    for number in range(3):
        event = f"data: {number}\n\n".encode()
        upstream.events.put_nowait(event)
        assert await client.until(event, 2)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_stream_is_byte_exact(
    path: str, framing: str, version: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Whatever an event holds and however it is framed, the client gets the same bytes, then a clean end."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    for event in EVENTS:
        upstream.events.put_nowait(event)
    upstream.events.put_nowait(None)
    client = await open_stream(gateway, f"{path}?framing={framing}", version)
    reply = await client.reply()
    assert (reply.status, reply.complete) == (200, True)
    assert reply.body == b"".join(EVENTS)


@pytest.mark.parametrize("path", PATHS)
async def test_stream_fields(path: str, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Proxies and caches are kept off a stream, and stream routes keep their URL out of Referer."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, path)
    head = await client.head()
    assert head.values("Content-Type") == ["text/event-stream"]
    assert head.values("X-Accel-Buffering") == ["no"]
    assert head.values("Cache-Control") == ["no-store"]
    assert head.values("Referrer-Policy") == ([] if path == "/sse/plain" else ["no-referrer"])
    assert head.values("Content-Encoding") == []
    assert head.values("Content-Length") == []


async def test_upstream_keeps_its_own_stream_fields(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What the upstream says of caching stands."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, "/sse/plain?fields=Cache-Control:%20no-cache%0d%0a")
    assert (await client.head()).values("Cache-Control") == ["no-cache"]


@pytest.mark.parametrize("path", ["/status/200", "/redirect", "/sse/delegated"])
async def test_referrer_policy_on_every_reply_of_a_stream_route(
    path: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The gateway's own errors on a stream route keep its URL out of Referer too."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await open_stream(gateway, path)
    assert (await client.head()).values("Referrer-Policy") == ["no-referrer"]


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/status/200", 502, "not_an_event_stream"),
        ("/status/206", 502, "not_an_event_stream"),
        ("/redirect?to=https://evil.example/?token=x", 502, "upstream_redirect"),
        ("/status/204", 204, None),
        ("/status/401", 401, None),
        ("/status/503", 503, None),
    ],
)
async def test_delegated_route_yields_a_stream_or_an_error(
    target: str, status: int, code: str | None, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A route that its backend guards can't be used for an ordinary call."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    reply = await gateway.call(target, [])
    assert reply.status == status
    assert reply.head.values("Location") == []
    if code is not None:
        assert f'"code":"{code}"' in reply.body.decode().replace(" ", "")
        assert b"status body" not in reply.body


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/event-stream", 200),
        ("text/event-stream; charset=utf-8", 200),
        ("text/event-stream;charset=UTF-8", 200),
        ("TEXT/Event-Stream", 200),
        ("text/event-streams", 502),
        ("text/event-stream-ish; x", 502),
        ("text/event", 502),
        ("application/json", 502),
        ("", 502),
        ("application/json, text/event-stream", 502),
    ],
)
async def test_delegated_content_type(
    content_type: str, status: int, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Only an event stream counts as one."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"
    upstream.canned["/canned"] = head.encode()
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    assert (await gateway.call("/canned", [])).status == status


async def test_delegated_stream_without_content_type(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """No content type is no event stream."""
    upstream.canned["/canned"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    assert (await gateway.call("/canned", [])).status == 502


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "QUERY"])
async def test_delegated_route_takes_no_other_method(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A delegated stream is opened with GET; anything else is 405 and never goes up."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    reply = await gateway.call("/sse/delegated", [], b"x", method=method)
    assert reply.status == 405
    assert "GET" in (reply.head.value("Allow") or "")
    assert upstream.exchanges == []


async def test_delegated_head(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """HEAD asks the upstream, opens no stream and leaves the connection usable."""
    upstream.canned["/canned"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    client = await gateway.client()
    await client.send(request("HEAD", "/canned"))
    assert (await client.reply("HEAD")).status == 200
    await client.send(request("HEAD", "/canned"))
    assert (await client.reply("HEAD")).status == 200
    assert gateway.logs.named("stream.opened") == []


async def test_token_passes_untouched(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """On a delegated route the backend gets the token as the client sent it, and the log does not."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    target = "/sse/delegated?token=3f0e7c1a-9d52-4a60&x=%20"
    client = await gateway.client()
    await client.send(
        request("GET", target, [("X-VX11-Token", "whatever-the-client-says"), ("Last-Event-ID", "7")])
    )
    await client.head()
    head = upstream.exchanges[0].head
    assert head.target == target
    assert head.values("X-VX11-Token") == ["whatever-the-client-says"]
    assert head.values("Last-Event-ID") == ["7"]
    assert "3f0e7c1a" not in gateway.logs.text
    assert (await gateway.logs.wait_for("stream.opened"))["url"] == "/sse/delegated?token=***&x=%20"


@pytest.mark.parametrize(
    "target", ["/sse/delegated/", "/sse/delegated%2f", "/sse//delegated", "/sse/./delegated"]
)
async def test_delegated_route_is_exact(
    target: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Nothing near a delegated route shares its exemption."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    assert (await gateway.call(target, [])).status in (400, 401, 404)
    assert upstream.exchanges == []


async def test_accept_does_not_make_a_stream_route(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Asking for an event stream exempts nobody."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    reply = await gateway.call("/sse/plain", [("Accept", "text/event-stream")])
    assert reply.status == 401


async def test_stream_from_post(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """On a checked route with stream options methods and content types stay free."""
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    upstream.events.put_nowait(b"data: 1\n\n")
    upstream.events.put_nowait(None)
    reply = await gateway.call("/sse/posting", GOOD, b'{"prompt": 1}', method="POST")
    assert (reply.status, reply.body) == (200, b"data: 1\n\n")
    assert (await gateway.call("/echo/posting", GOOD, b"{}", method="POST")).status == 200
