"""Many clients of a stream at once, as cheap as a test can have them; what each got is checked by itself."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from tests.fakes.client import Fields, request
from tests.fakes.event_server import event_numbers
from tests.fakes.gates import soon
from tests.functional.running import GOOD

SMALL = 8 * 1024
MARK = re.compile(rb"\ndata: event (\d+)\s")
MARK_SIZE = 40
M = TypeVar("M", bound="Member")


class Member(asyncio.Protocol):
    """One client; `data` is what it got, `awaited` what it waits for in that."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost = asyncio.Event()
        self._found: asyncio.Future[None] | None = None
        self._awaited = b""
        self._seen = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.data += data
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.lost.set()

    def _look(self) -> None:
        found = self._found
        if found is None or found.done():
            return
        at = self.data.find(self._awaited, self._seen)
        if at >= 0:
            self._seen = at + len(self._awaited)
            found.set_result(None)

    async def until(self, awaited: bytes, seconds: float = 30.0) -> None:
        """Wait until it has got this, behind what it waited for before."""
        self._awaited = awaited
        self._found = asyncio.get_running_loop().create_future()
        self._look()
        await soon(self._found, seconds)

    @property
    def numbers(self) -> list[int]:
        """The events that it got whole, in their order."""
        body = self.body
        return event_numbers(body[: body.rfind(b"\n\n") + 2])

    @property
    def body(self) -> bytes:
        """What it got behind the head."""
        rest, body = bytes(self.data).partition(b"\r\n\r\n")[2], []
        at = 0
        while (end := rest.find(b"\r\n", at)) >= 0:
            size = int(rest[at:end], 16)
            body.append(rest[end + 2 : end + 2 + size])
            at = end + 4 + size
        return b"".join(body)


class Counter(Member):
    """One client that keeps nothing: it checks that each event is the one after the last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = 0
        self.has_head = False
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Look through what came."""
        data = self._rest + data
        end = 0
        for found in MARK.finditer(data):
            number, end = int(found[1]), found.end()
            assert number == self.last + 1, f"event {number} after event {self.last}"
            self.last = number
        self._rest = data[max(end, len(data) - MARK_SIZE) :]
        self.has_head = True
        self._look()

    def _look(self) -> None:
        found = self._found
        if found is None or found.done() or not self.has_head:
            return
        if self.last >= int(self._awaited):
            found.set_result(None)

    async def heard(self) -> None:
        """Wait until anything came."""
        await self.until(b"0")

    async def reaches(self, number: int, seconds: float = 30.0) -> None:
        """Wait until it has got the beginning of this event."""
        await self.until(b"%d" % number, seconds)


async def join_crowd(port: int, count: int, target: str = "/events", fields: Fields = GOOD) -> list[Member]:
    """Open as many connections and ask for a stream on each."""
    return await gather_crowd(Member, port, count, request("GET", target, fields))


async def gather_crowd(
    kind: Callable[[], M], port: int, count: int, sent: bytes, *, small: bool = False
) -> list[M]:
    """Open as many connections, and send something on each; `small` ones hold little unread."""
    loop, crowd = asyncio.get_running_loop(), list[M]()
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        _, member = await loop.create_connection(kind, sock=sock)
        member.transport.write(sent)
        crowd.append(member)
    return crowd


async def all_got(crowd: Sequence[Member], awaited: bytes, seconds: float = 30.0) -> None:
    """Wait until each of them has got this."""
    await asyncio.gather(*(member.until(awaited, seconds) for member in crowd))


def disperse(crowd: Sequence[Member]) -> None:
    """Drop all of them."""
    for member in crowd:
        member.transport.abort()
