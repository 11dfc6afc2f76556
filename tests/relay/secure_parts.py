"""Clients that speak TLS in a test's own hands, and what the gateway holds for them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.gates import eventually, soon
from tests.functional.certificates import SERVER_NAME
from tests.relay.front import SMALL, Front, SlowClient


class SecureSlowClient(SlowClient):
    """A slow client that speaks TLS: it takes from its socket no more than it is told to."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.said_goodbye = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=SERVER_NAME)

    async def connect(self, front: Front) -> None:
        """Connect and shake hands; the gateway's end gets a small buffer too."""
        await self.arrive(front)
        await self.shake_hands()
        await eventually(lambda: bool(front.listener.connections))
        (connection,) = front.listener.connections
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    async def connect_and_send(self, front: Front, data: bytes) -> None:
        """Connect, and send bytes in one piece with the last of the handshake."""
        await self.arrive(front)
        await self._greet()
        await self.send(data)

    async def arrive(self, front: Front) -> None:
        """Connect, without a handshake yet."""
        await self._loop.sock_connect(self._socket, ("127.0.0.1", front.port))
        await eventually(lambda: front.listener.open_connections == 1)

    async def shake_hands(self) -> None:
        """Do so to the end."""
        await self._greet()
        await self._flush()

    async def _greet(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await soon(self._loop.sock_recv(self._socket, SMALL)))

    async def say_goodbye(self) -> None:
        """Send a close_notify, and go on reading or not."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        await self._flush()

    def half_close(self) -> None:
        """End the sending side of the connection alone."""
        self._socket.shutdown(socket.SHUT_WR)

    async def send(self, data: bytes) -> None:
        """Send."""
        self._tls.write(data)
        await self._flush()

    async def take(self, size: int) -> bytes:
        """Take up to `size` bytes of what was sent; fewer only at the end."""
        data = b""
        while len(data) < size:
            try:
                piece = self._tls.read(size - len(data))
            except ssl.SSLWantReadError:
                sealed = await soon(self._loop.sock_recv(self._socket, SMALL))
                if not sealed:
                    break
                self._incoming.write(sealed)
            else:
                self.said_goodbye = not piece
                if not piece:
                    break
                data += piece
        return data

    async def _flush(self) -> None:
        await self._loop.sock_sendall(self._socket, self._outgoing.read())


async def made(front: Front, count: int = 1) -> list[DownstreamConnection]:
    """Wait until so many connections are under TLS."""
    await eventually(lambda: len(front.listener.connections) == count and not front.listener.handshakes)
    return [one for one in front.listener.connections if isinstance(one, DownstreamConnection)]


def outstanding(connection: DownstreamConnection) -> int:
    """Bytes that the gateway's process and system hold for the client."""
    transport = connection.transport
    return 0 if transport is None else connection._outstanding(transport)


async def settle(connection: DownstreamConnection) -> None:
    """Wait until the system has taken all that it will."""
    before = -1
    while before != (before := outstanding(connection)):  # noqa: ASYNC110 - nothing tells of rest
        await asyncio.sleep(0.05)


async def stuck(connection: DownstreamConnection) -> None:
    """Wait until nothing moves any more towards the client."""
    await eventually(lambda: connection.writing_paused)
    await settle(connection)
