"""What the scripted upstream does, by the first segment of the path."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping

from tests.fakes.messages import Cut, body_pieces
from tests.fakes.upstream import Behaviour, Done, Exchange

GZIPPED = gzip.compress(b"hello gzip " * 200, mtime=0)
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
BLOCK = bytes(range(256)) * 256


def chunk(data: bytes) -> bytes:
    """Frame one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(body: bytes, *, status: str = "200 OK", fields: bytes = b"Content-Type: text/plain\r\n") -> bytes:
    """Make a reply with a length."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + fields + b"\r\n" + body


async def echo(exchange: Exchange) -> None:
    """Tell the request back as JSON."""
    message = await exchange.read()
    if not message.complete:
        raise Cut
    told = {
        "method": exchange.head.method,
        "target": exchange.head.target,
        "headers": exchange.head.fields,
        "trailers": message.trailers,
        "body": message.body.decode("latin-1"),
    }
    body = json.dumps(told).encode()
    body = b"" if exchange.head.method == "HEAD" else body
    await exchange.write(whole(body, fields=b"Content-Type: application/json\r\n"))


async def drop(exchange: Exchange) -> None:
    """Close before any reply; `?times=n` drops only the first n requests of this path."""
    times = int(exchange.query.get("times", "1000000"))
    seen = [e for e in exchange.upstream.exchanges if e.path == exchange.path]
    if len(seen) > times:
        await echo(exchange)
        return
    raise Done


async def drop_mid(exchange: Exchange) -> None:
    """Send part of a reply, wait at the gate `drop`, then reset or close.

    `?framing=` is length, chunked, close or sse; `?fin` closes.
    """
    framing = exchange.query.get("framing", "length")
    heads = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        "chunked": CHUNKED,
        "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "sse": SSE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    }
    part = chunk(b"data: part\n\n") if framing in ("chunked", "sse") else b"data: part\n\n"
    await exchange.write(heads[framing] + part)
    await exchange.gate("drop")
    if "fin" not in exchange.query:
        exchange.wire.abort()
    raise Done


async def slow_head(exchange: Exchange) -> None:
    """Answer only once the gate `head` is open."""
    await exchange.gate("head")
    await echo(exchange)


async def slow_body(exchange: Exchange) -> None:
    """Send the head and half the body, and the rest once the gate `body` is open."""
    await exchange.read()
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    await exchange.gate("body")
    await exchange.write(b"world")


async def sse(exchange: Exchange) -> None:
    """Stream what the test puts into `upstream.events`; None ends it (`?framing=close` without chunks)."""
    await exchange.read()
    plain = exchange.query.get("framing") == "close"
    extra = exchange.query.get("fields", "").encode()
    await exchange.write(SSE_HEAD + extra + (b"" if plain else b"Transfer-Encoding: chunked\r\n") + b"\r\n")
    while (data := await _next_event(exchange)) is not None:
        await exchange.write(data if plain else chunk(data))
    if plain:
        raise Done
    await exchange.write(b"0\r\n\r\n")


async def _next_event(exchange: Exchange) -> bytes | None:
    event = asyncio.ensure_future(exchange.upstream.events.get())
    gone = asyncio.ensure_future(exchange.wire.gone.wait())
    try:
        await asyncio.wait({event, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not event.done():
            raise Cut
        return event.result()
    finally:
        event.cancel()
        gone.cancel()


async def late_sse(exchange: Exchange) -> None:
    """Answer with an event stream, but only once the gate `head` is open."""
    await exchange.gate("head")
    await sse(exchange)


async def huge(exchange: Exchange) -> None:
    """Send `?bytes=n` with flow control, chunked when `?chunked` is given."""
    left = int(exchange.query["bytes"])
    chunked = "chunked" in exchange.query
    length = f"HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n".encode()
    await exchange.write(CHUNKED if chunked else length)
    while left:
        block = BLOCK[:left]
        await exchange.write(chunk(block) if chunked else block)
        left -= len(block)
    if chunked:
        await exchange.write(b"0\r\n\r\n")


async def sink(exchange: Exchange) -> None:
    """Read a body of any size without keeping it, and tell how long it was."""
    async for piece in body_pieces(exchange.wire.source, exchange.framing, []):
        exchange.received += len(piece)
    exchange.complete = True
    await exchange.write(whole(str(exchange.received).encode()))


async def early(exchange: Exchange) -> None:
    """Answer 413 at once, without reading the body, and close."""
    await exchange.write(whole(b"no", status="413 Content Too Large", fields=b"Connection: close\r\n"))
    await exchange.gate("early")
    raise Done


async def stall(exchange: Exchange) -> None:
    """Read nothing of the body until the gate `stall` is open."""
    await exchange.upstream.gates.passed("stall")
    await sink(exchange)


async def gzipped(exchange: Exchange) -> None:
    """Answer with a compressed body, asked or not."""
    await exchange.read()
    await exchange.write(whole(GZIPPED, fields=b"Content-Encoding: gzip\r\nContent-Type: text/plain\r\n"))


async def status(exchange: Exchange) -> None:
    """Answer with the status that the second segment names."""
    await exchange.read()
    code = exchange.path.split("/")[2]
    if code in ("204", "304"):
        await exchange.write(f'HTTP/1.1 {code} Fine\r\nETag: "v1"\r\n\r\n'.encode())
    else:
        body = b"" if exchange.head.method == "HEAD" else b"status body"
        await exchange.write(whole(body, status=f"{code} Fine"))


async def head_length(exchange: Exchange) -> None:
    """Answer HEAD with the length that GET would have, and no body."""
    await exchange.read()
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")


async def redirect(exchange: Exchange) -> None:
    """Answer 302 to `?to=`."""
    await exchange.read()
    to = exchange.query.get("to", "/elsewhere")
    await exchange.write(whole(b"", status="302 Found", fields=f"Location: {to}\r\n".encode()))


async def chunked(exchange: Exchange) -> None:
    """Answer in three chunks."""
    await exchange.read()
    await exchange.write(CHUNKED + chunk(b"one,") + chunk(b"two,") + chunk(b"three") + b"0\r\n\r\n")


async def close_delimited(exchange: Exchange) -> None:
    """Answer without a length; the end of the connection ends the body."""
    await exchange.read()
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")
    raise Done


async def http10(exchange: Exchange) -> None:
    """Answer as HTTP/1.0."""
    await exchange.read()
    await exchange.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold")
    raise Done


async def trailers(exchange: Exchange) -> None:
    """Answer in chunks with a trailer."""
    await exchange.read()
    await exchange.write(CHUNKED + chunk(b"body") + b"0\r\nX-Checksum: abc\r\n\r\n")


async def early_hints(exchange: Exchange) -> None:
    """Send 103 before the reply."""
    await exchange.read()
    await exchange.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    await exchange.write(whole(b"after hints"))


async def wait_for_expect(exchange: Exchange) -> None:
    """Send 100 only once the gate `continue` is open, then read the body and echo."""
    await exchange.gate("continue")
    await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await echo(exchange)


async def refuse_expect(exchange: Exchange) -> None:
    """Refuse the body with 403 instead of 100."""
    await exchange.write(whole(b"refused", status="403 Forbidden", fields=b"Connection: close\r\n"))
    raise Done


async def bad_head(exchange: Exchange) -> None:
    """Answer with what is not HTTP."""
    await exchange.read()
    await exchange.write(b"SSH-2.0-OpenSSH_9.2 secret-banner\r\n\r\n")
    raise Done


async def switch(exchange: Exchange) -> None:
    """Switch protocols though nobody asked."""
    await exchange.read()
    await exchange.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n")
    raise Done


async def reply_then_close(exchange: Exchange) -> None:
    """Answer a whole reply that promises keep-alive, and close once the gate `close` is open."""
    await echo(exchange)
    await exchange.gate("close")
    raise Done


BEHAVIOURS: Mapping[str, Behaviour] = {
    "echo": echo,
    "drop": drop,
    "drop-mid": drop_mid,
    "slow-head": slow_head,
    "slow-body": slow_body,
    "sse": sse,
    "late-sse": late_sse,
    "huge": huge,
    "sink": sink,
    "early": early,
    "stall": stall,
    "gzip": gzipped,
    "status": status,
    "head": head_length,
    "redirect": redirect,
    "chunked": chunked,
    "close-delimited": close_delimited,
    "http10": http10,
    "trailers": trailers,
    "103": early_hints,
    "100": wait_for_expect,
    "417": refuse_expect,
    "bad-head": bad_head,
    "101": switch,
    "reply-then-close": reply_then_close,
}
