"""An event stream's server in a process of its own, to be killed and started again on the same port.

Event n of its stream is always the same, so one that comes back knows all that was sent before.  It
sends when it is told to, by calls to /control; anything else that is asked for gets the stream, from
`Last-Event-ID` on where it gives ids.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import soon
from tests.fakes.messages import Cut, Malformed, read_request
from tests.fakes.ports import free_port
from tests.fakes.sockets import Listener, Wire

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTROL = "/control/"
ROOT = Path(__file__).parents[2]
BATCH = 500


def event(number: int, *, ids: bool = True, size: int = 0) -> bytes:
    """Write event n, with so many bytes more."""
    more = b" " + b"x" * size if size else b""
    return (b"id: %d\n" % number if ids else b"") + b"data: event %d%b\n\n" % (number, more)


def events(start: int, end: int, *, ids: bool = True) -> bytes:
    """Write the events from one number up to another, and with it."""
    return b"".join(event(number, ids=ids) for number in range(start, end + 1))


def event_numbers(stream: bytes) -> list[int]:
    """Return the numbers of a stream's events, in their order."""
    marked = stream.split(b"data: event ")[1:]
    return [int(text.split(None, 1)[0]) for text in marked]


# In its own process.


@dataclass(slots=True)
class Server:
    """The server; `emitted` is the number of the last event, `size` how many bytes each has more."""

    emitted: int
    ids: bool
    size: int = 0
    next_head: bytes = HEAD
    streams: list[Wire] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def serve(self, wire: Wire) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await read_request(wire.source)).head
                if head.target.startswith(CONTROL):
                    await self._control(wire, head.target)
                else:
                    self.requests.append(head.raw.decode("latin-1"))
                    await self._stream(wire, head.value("Last-Event-ID"))
        except (Cut, Malformed, ConnectionError):
            return

    async def _stream(self, wire: Wire, last_event_id: str | None) -> None:
        wire.writer.write(self.next_head)
        if self.ids and last_event_id is not None:
            await self._send([wire], int(last_event_id) + 1)
        self.streams.append(wire)
        await wire.gone.wait()
        self.streams.remove(wire)
        raise Cut

    async def _send(self, wires: list[Wire], start: int) -> None:
        for first in range(start, self.emitted + 1, BATCH):
            numbers = range(first, min(first + BATCH, self.emitted + 1))
            data = b"".join(event(number, ids=self.ids, size=self.size) for number in numbers)
            for wire in wires:
                wire.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
                await wire.writer.drain()

    async def _control(self, wire: Wire, target: str) -> None:
        path, _, query = target.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if path.endswith("/emit"):
            start = self.emitted + 1
            self.emitted += int(options["count"])
            self.size = int(options.get("size", "0"))
            await self._send(list(self.streams), start)
        elif path.endswith("/raw"):
            for stream in self.streams:
                stream.writer.write(options["data"].encode("latin-1"))
        elif path.endswith("/head"):
            self.next_head = options["data"].encode("latin-1")
        state = {"emitted": self.emitted, "open": len(self.streams), "requests": self.requests}
        body = json.dumps(state).encode()
        wire.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def main(port: str, emitted: str, ids: str) -> None:
    """Serve until the process is killed, or its standard input ends."""
    server = Server(int(emitted), ids == "ids")
    listener = Listener(server.serve, keep=False)
    await listener.start(int(port))
    print("listening", flush=True)  # noqa: T201 - how it tells its parent
    await asyncio.to_thread(sys.stdin.read)
    await listener.stop()


# In the test's.


class EventServer:
    """The server as a test sees it; `emitted` counts what it was told to send, over all its lives."""

    def __init__(self, *, ids: bool = True) -> None:
        self.port = free_port()
        self.emitted = 0
        self._ids = ids
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, each time on the same port."""
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.fakes.event_server", str(self.port), str(self.emitted)),
            "ids" if self._ids else "no-ids",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        assert await soon(process.stdout.readline(), 20) == b"listening\n"

    async def kill(self) -> None:
        """End it by SIGKILL; ending it again does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await soon(process.wait())

    async def emit(self, count: int, *, size: int = 0, patience: float = 20.0) -> None:
        """Have it send so many events more, and wait until they are taken from it."""
        self.emitted += count
        await self.tell("emit", f"count={count}&size={size}", patience)

    async def tell(self, what: str, query: str = "", patience: float = 10.0) -> dict[str, Any]:
        """Call its control; how it stands comes back."""
        client = await RawClient.connect("127.0.0.1", self.port)
        await client.send(request("POST", f"{CONTROL}{what}?{query}"))
        state: dict[str, Any] = told(await client.reply(seconds=patience))
        await client.aclose()
        return state

    async def requests(self) -> list[str]:
        """Return the heads of the requests for the stream, in this life."""
        return list((await self.tell("state"))["requests"])

    async def was_asked(self, count: int) -> None:
        """Wait until the stream was asked for so many times in this life."""
        async with asyncio.timeout(10):
            while len(await self.requests()) < count:  # noqa: ASYNC110 - it can't call back
                await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
