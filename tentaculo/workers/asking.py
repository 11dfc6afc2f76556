"""Calls to the admin application of a worker: HTTP over connections that are handed to it.

There is no listener that anyone else could connect to, and no file for one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientTimeout
from aiohttp.client_proto import ResponseHandler

from tentaculo.workers.channel import Channel

ANSWER_SECONDS = 10.0
LARGEST_LINE = 4 * 1024 * 1024  # of a console's stream


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return what its body says."""
        return orjson.loads(self.body)


class Asking:
    """The calls to one worker; `token` is the admin token of all workers.  Needs a running event loop."""

    def __init__(self, channel: Channel, token: str) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(channel),
            headers={"Authorization": f"Bearer {token}"},
            read_bufsize=LARGEST_LINE,
        )

    async def ask(self, method: str, target: str, *, seconds: float = ANSWER_SECONDS) -> Answer | None:
        """Return the answer, None where there is none within so many seconds."""
        timeout = ClientTimeout(total=seconds)
        try:
            async with self._session.request(method, f"http://worker{target}", timeout=timeout) as reply:
                return Answer(reply.status, await reply.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def open(self, target: str, headers: Mapping[str, str]) -> Any:
        """Open an endless answer; to be entered, and left when no more of it is wanted."""
        return self._session.get(f"http://worker{target}", headers=headers, timeout=ClientTimeout(total=None))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


class _Connector(aiohttp.BaseConnector):
    """Makes connections whose other ends go through the channel."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    async def _create_connection(self, req: Any, traces: Any, timeout: ClientTimeout) -> ResponseHandler:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                self._channel.send({"do": "admin"}, [theirs.fileno()])
            _, protocol = await asyncio.get_running_loop().create_unix_connection(self._factory, sock=ours)
        except OSError as fault:
            ours.close()
            raise aiohttp.ClientConnectionError("the worker takes no connection") from fault
        return protocol
