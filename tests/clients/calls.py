"""An application whose every answer is given by the test, piece by piece."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from tests.fakes.gates import soon


@dataclass(slots=True, eq=False)
class Call:
    """One request with its body whole, and the answer to it; `gone` is set once nobody waits for more."""

    method: str
    path: str
    fields: Headers
    body: bytes
    send: Send
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    async def start(self, content_type: str = "text/event-stream", status: int = 200) -> None:
        """Send the head."""
        headers = [(b"content-type", content_type.encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, text: str) -> None:
        """Send a piece of the body at once."""
        await self.send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def finish(self, text: str = "") -> None:
        """Send the last piece."""
        await self.send({"type": "http.response.body", "body": text.encode()})
        self.ended.set()


class Calls:
    """Hands every call to the test in the order of arrival."""

    def __init__(self) -> None:
        self.arrivals: asyncio.Queue[Call] = asyncio.Queue()
        self.seen: list[Call] = []

    async def next(self) -> Call:
        """Wait for the next call."""
        return await soon(self.arrivals.get())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one call and keep it until it was answered or nobody waits; the ASGI side of this."""
        if scope["type"] != "http":
            return
        call = Call(scope["method"], scope["path"], Headers(scope=scope), await _body(receive), send)
        self.seen.append(call)
        self.arrivals.put_nowait(call)
        leaving = asyncio.create_task(_left(receive, call))
        try:
            await call.ended.wait()
        finally:
            leaving.cancel()


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _left(receive: Receive, call: Call) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    call.gone.set()
    call.ended.set()
