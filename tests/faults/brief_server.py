"""A process that serves HTTP and closes each connection that was idle for a given number of seconds."""

from __future__ import annotations

import asyncio
import sys

from tests.fakes.messages import Cut, read_body, read_head, request_framing
from tests.fakes.sockets import Listener, Wire

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbrief"


async def main(idle_seconds: float) -> None:
    """Serve until standard input ends."""

    async def serve(wire: Wire) -> None:
        try:
            while True:
                head = await asyncio.wait_for(read_head(wire.source), idle_seconds)
                await read_body(wire.source, head, request_framing(head))
                wire.writer.write(REPLY)
        except (Cut, TimeoutError, ConnectionError):
            return

    listener = Listener(serve, keep=False)
    await listener.start()
    print(listener.port, flush=True)  # noqa: T201 - how it tells its port
    await asyncio.to_thread(sys.stdin.read)
    await listener.stop()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
