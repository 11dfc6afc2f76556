"""The backend of `calls-big`: sends bodies of any size from memory, and swallows what is sent to it.

A process of its own. Any other call gets the reply that all backends give, for the checks of features.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import zlib
from collections.abc import Sequence
from typing import cast

import uvloop

from scripts.benchmarks.peers import BODY

HEAD_END = b"\r\n\r\n"
DOWN_PATH = "/down/"  # the size follows
UP_PATH = "/up"  # answered with the count of bytes
CHECKED_PATH = "/up/checked"  # answered with their CRC-32 too
BUFFER_BYTES = 1 << 18
BLOCK_BYTES = 1 << 16
LARGEST = 100 << 20
BACKLOG = 4096


def make_body(size: int) -> bytes:
    """Return the body of that size: always the same, and no two blocks within one are swapped unseen."""
    block = random.Random(size).randbytes(BLOCK_BYTES)
    blocks = (block[:-4] + number.to_bytes(4, "big") for number in range(size // BLOCK_BYTES + 1))
    return b"".join(blocks)[:size]


class Bodies:
    """The bodies that were asked for, each made once, and the connections that they go out on."""

    def __init__(self) -> None:
        self.exchanges: set[Exchange] = set()
        self._made: dict[int, bytes] = {}

    def of(self, size: int) -> bytes:
        """Return the body of `size` bytes."""
        if size not in self._made:
            self._made[size] = make_body(min(size, LARGEST))
        return self._made[size]


class Exchange(asyncio.BufferedProtocol):
    """One connection, on which one call follows the other."""

    __slots__ = ("_bodies", "_buffer", "_crc", "_head", "_left", "_path", "_taken", "_transport")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._head = b""
        self._path = ""
        self._left = self._taken = self._crc = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a call."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._bodies.exchanges.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._bodies.exchanges.discard(self)

    def leave(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the same memory for each read: what came is not kept."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take a part of a head or of a body."""
        data = self._buffer[:nbytes]
        if not self._path:
            self._head += data
            head, end, rest = self._head.partition(HEAD_END)
            if not end:
                return
            self._begin(head.decode("latin-1"))
            data = memoryview(rest)
        self._take(data)

    def _begin(self, head: str) -> None:
        first, *fields = head.split("\r\n")
        lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
        self._path = first.split(" ")[1]
        self._head = b""
        self._left, self._taken, self._crc = int(lengths[0]) if lengths else 0, 0, 0

    def _take(self, data: memoryview) -> None:
        self._left -= len(data)
        self._taken += len(data)
        if self._path == CHECKED_PATH:
            self._crc = zlib.crc32(data, self._crc)
        if self._left == 0:
            self._answer()
            self._path = ""

    def _answer(self) -> None:
        if self._path.startswith(DOWN_PATH):
            body = self._bodies.of(int(self._path.removeprefix(DOWN_PATH)))
        elif self._path == CHECKED_PATH:
            body = b"%d %d" % (self._taken, self._crc)
        elif self._path == UP_PATH:
            body = b"%d" % self._taken
        else:
            body = BODY.encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body))
        self._transport.write(body)


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until cancelled."""
    bodies = Bodies()
    server = await asyncio.get_running_loop().create_server(
        lambda: Exchange(bodies), "127.0.0.1", port, backlog=BACKLOG
    )
    try:
        await server.serve_forever()
    finally:
        server.close()
        for exchange in tuple(bodies.exchanges):
            exchange.leave()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Big bodies, up and down.")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    uvloop.run(serve(options.port))


if __name__ == "__main__":
    main()
