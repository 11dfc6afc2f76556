"""A client that sends exactly the bytes it is given, and tells whether each reply came whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.gates import soon
from tests.fakes.messages import Cut, Head, Malformed, Message, read_head, read_reply, source_of
from tests.fakes.sockets import Wire, connect

Fields = Sequence[tuple[str, str]]


def request(
    method: str,
    target: str,
    fields: Fields = (),
    body: bytes = b"",
    *,
    host: str = "gateway.test",
    version: str = "1.1",
) -> bytes:
    """Write a request; a body gets a Content-Length unless the fields frame it."""
    named = {name.lower() for name, _ in fields}
    extra: list[tuple[str, str]] = [] if "host" in named else [("Host", host)]
    if body and not named & {"content-length", "transfer-encoding"}:
        extra.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/{version}", *(f"{n}: {v}" for n, v in [*extra, *fields])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class RawClient:
    """One connection to the gateway."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    @classmethod
    async def connect(
        cls, host: str, port: int, *, limit: int = 4 * 1024 * 1024, keep: bool = True
    ) -> RawClient:
        """Open a connection; a small `limit` makes a client that reads no further ahead."""
        return cls(await connect(host, port, limit=limit, keep=keep))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; a connection that is gone already is no fault."""
        self.wire.writer.write(data)
        try:
            await self.wire.writer.drain()
        except ConnectionError:
            return

    def finish_sending(self) -> None:
        """Half-close: no more will be sent."""
        self.wire.writer.write_eof()

    async def reply(self, method: str = "GET", seconds: float = 10.0) -> Message:
        """Read one final reply; `Cut` when none came."""
        return await soon(read_reply(self.wire.source, method), seconds)

    async def head(self, seconds: float = 10.0) -> Head:
        """Read one head, interim or final."""
        return await soon(read_head(self.wire.source), seconds)

    async def until(self, end: bytes, seconds: float = 10.0) -> bytes:
        """Read up to and with `end`."""
        return await soon(self.wire.source.until(end), seconds)

    async def rest(self, seconds: float = 10.0) -> bytes:
        """Read to the end of the connection; `Cut` when it was reset."""
        data = b""
        while piece := await soon(self.wire.source.some(), seconds):
            data += piece
        return data

    async def ended(self, seconds: float = 10.0) -> bool:
        """Wait for the connection's end; whether nothing came before it."""
        try:
            return not await self.rest(seconds)
        except Cut:
            return True

    def leave(self) -> None:
        """Drop the connection at once."""
        self.wire.abort()

    def go(self, *, politely: bool) -> float:
        """Leave by an ordinary close or a reset, and tell when, by the loop's clock."""
        left_at = asyncio.get_running_loop().time()
        if politely:
            self.wire.writer.close()
        else:
            self.leave()
        return left_at

    async def aclose(self) -> None:
        """Close politely."""
        await self.wire.aclose()


async def replies_in(data: bytes, methods: Sequence[str]) -> list[Message]:
    """Split received bytes into final replies; the last may be incomplete."""
    source = source_of(data)
    replies: list[Message] = []
    try:
        while True:
            method = methods[len(replies)] if len(replies) < len(methods) else "GET"
            replies.append(await read_reply(source, method))
    except Cut:
        return replies
    except (Malformed, ValueError, IndexError):
        raise AssertionError(f"what the client got is not HTTP: {data[:400]!r}") from None


def told(reply: Message) -> Any:
    """Parse a JSON body."""
    return json.loads(reply.body)
