"""The addresses behind a server's name: looked up at its first use, and again from time to time.

It knows names and addresses, and nothing of connections.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from tentaculo.upstream.deadlines import NEVER, Deadlines

REFRESH_SECONDS = 30.0  # getaddrinfo tells no TTL
AGAIN_SECONDS = 5.0  # after a look-up that failed
PATIENCE_SECONDS = 0.5
DOUBT_SECONDS = 0.5  # for so long after a look-up its addresses are not doubted

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
Tell = Callable[[str, str], None]


def is_literal(host: str) -> bool:
    """Whether a host is an address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name, in its order of preference.  Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label of 64 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a name") from None
    return [str(address[0]) for *_, address in found]


class Resolver:
    """The addresses of one name, each in turn the first to connect to.

    They are looked up again in the background every REFRESH_SECONDS while `in_use`; a name that was
    out of use, or whose addresses took no connection, is looked up before it is used again.  A look-up
    that fails changes nothing: the old addresses stand, and `tell` gets `lookup.failed` once, and
    `lookup.recovered` after it.  `changed` is called when addresses came or went.
    """

    def __init__(
        self,
        host: str,
        port: int,
        deadlines: Deadlines,
        *,
        in_use: Callable[[], bool],
        changed: Callable[[], None],
        tell: Tell,
        lookup: Lookup = look_up,
    ) -> None:
        self._host = host
        self._port = port
        self._deadlines = deadlines
        self._in_use = in_use
        self._changed = changed
        self._tell = tell
        self._lookup = lookup
        self._looking: asyncio.Task[None] | None = None
        self._fresh = False
        self._failing = False
        self._turn = 0
        self._failed: set[str] = set()
        self._looked_at = 0.0
        self.addresses: tuple[str, ...] = ()
        self.deadline = NEVER

    async def choices(self) -> list[str]:
        """Return the addresses in the order to try them now; those that failed last are the last.

        Raises OSError when the name was never resolved, and is not now.
        """
        if not self._fresh:
            await self._look()
        turn = self._turn = (self._turn + 1) % len(self.addresses)
        turned = [*self.addresses[turn:], *self.addresses[:turn]]
        return sorted(turned, key=self._failed.__contains__)

    def connected(self, address: str) -> None:
        """Note that an address took a connection."""
        self._failed.discard(address)

    def failed(self, address: str) -> None:
        """Note that an address took no connection: up to the next look-up the others are tried before it."""
        self._failed.add(address)

    def doubt(self) -> None:
        """Look up before the next use, if the last time is a moment ago: no address took a connection."""
        if self._deadlines.clock() - self._looked_at >= DOUBT_SECONDS:
            self._fresh = False

    def expire(self) -> None:
        """Look up again where the name is in use; else leave it for its next use."""
        self.deadline = NEVER
        if self._in_use():
            _ = self._begin()
        else:
            self._fresh = False
            self._deadlines.forget(self)

    def close(self) -> None:
        """Look up nothing any more by itself."""
        self._deadlines.forget(self)
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        """Wait for a look-up that others may wait for too; who has old addresses does not wait long."""
        looking = self._begin()
        await asyncio.wait({looking}, timeout=PATIENCE_SECONDS if self.addresses else None)
        if self.addresses:
            self._fresh = True  # or made so as soon as the look-up ends
        elif looking.cancelled():  # closed
            raise socket.gaierror(socket.EAI_AGAIN, "not looked up")
        else:
            looking.result()

    def _begin(self) -> asyncio.Task[None]:
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.create_task(self._resolve(), name=f"lookup of {self._host}")
            self._looking.add_done_callback(self._looked)
        return self._looking

    def _looked(self, looking: asyncio.Task[None]) -> None:
        self._looking = None
        self._looked_at = self._deadlines.clock()
        if not looking.cancelled():
            looking.exception()  # it was told; asyncio is not to tell it again

    async def _resolve(self) -> None:
        """Look up once.  The system's own timeout is the only one; callers have theirs."""
        try:
            found = tuple(dict.fromkeys(await self._lookup(self._host, self._port)))
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "no address")
        except OSError:
            self._lost()
            raise
        self._take(found)

    def _take(self, found: tuple[str, ...]) -> None:
        self._fresh = True
        self._failed.clear()
        self._next(REFRESH_SECONDS)
        if self._failing:
            self._failing = False
            self._tell("info", "lookup.recovered")
        if set(found) != set(self.addresses):
            self.addresses = found
            self._changed()

    def _lost(self) -> None:
        if self.addresses:
            self._next(AGAIN_SECONDS)
        if not self._failing:
            self._failing = True
            self._tell("warning", "lookup.failed")

    def _next(self, seconds: float) -> None:
        self.deadline = self._deadlines.clock() + seconds
        self._deadlines.watch(self)
