"""The backend of event streams: endless ones that beat at one rate, in turn or together, or are silent.

A process of its own, so that neither the clients nor what is measured slow it down. Each event is one chunk
and carries the moment it was sent, on the machine's monotonic clock. A hub is posted the same events.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import uvloop

HEAD_END = b"\r\n\r\n"
MARK = b"data: "
STAMP_DIGITS = 20
SMALLEST_EVENT = len(MARK) + STAMP_DIGITS + 2
COUNT_PATH = b"/open"  # how many streams are open, as text
PUBLISH_PATH = "/publish"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
SLEEP_SECONDS = 0.002  # a longer pause is left to the loop, whose timers are that coarse
LATE_PERIODS = 1.0  # who lags further behind leaves events out, and the load then misses them
BACKLOG = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """`rate` events a second of `size` bytes each, none at 0.

    Those of different streams are sent at moments of their own, or all at once where they go `together`.
    """

    rate: float
    size: int
    together: bool = False


class Beating(Protocol):
    """What takes events."""

    def send(self, moment: int, size: int) -> None:
        """Send the event of `moment`, in nanoseconds."""


def make_event(size: int, moment: int) -> bytes:
    """Return one event of `size` bytes as a chunk; `moment` is in nanoseconds."""
    padding = b"x" * (size - SMALLEST_EVENT)
    return b"%x\r\n%b%020d%b\n\n\r\n" % (size, MARK, moment, padding)


def make_message(size: int, moment: int) -> bytes:
    """Return the request that publishes the same event; the hub makes one of `size` bytes of it."""
    body = b"%020d%b" % (moment, b"x" * (size - SMALLEST_EVENT))
    head = f"POST {PUBLISH_PATH} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Stream(asyncio.Protocol):
    """One connection: a stream once it was asked for."""

    __slots__ = ("_full", "_request", "_streams", "_transport")

    def __init__(self, streams: dict[Stream, None]) -> None:
        self._streams = streams
        self._request = b""
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing

    def data_received(self, data: bytes) -> None:
        """Open the stream when the request's head is whole, or say how many are open."""
        self._request += data
        if not self._request.endswith(HEAD_END):
            return
        if self._request.split(b" ", 2)[1] == COUNT_PATH:
            count = b"%d" % len(self._streams)
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(count), count))
            self._transport.close()
        else:
            self._transport.write(STREAM_HEAD)
            self._streams[self] = None
        self._request = b""

    def send(self, moment: int, size: int) -> None:
        """Write one event, unless the reader lags or has left: nothing is collected for it."""
        if not (self._full or self._transport.is_closing()):
            self._transport.write(make_event(size, moment))

    def pause_writing(self) -> None:
        """Leave events out from here on."""
        self._full = True

    def resume_writing(self) -> None:
        """Send events again."""
        self._full = False

    def leave(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the stream."""
        self._streams.pop(self, None)


class Publisher(asyncio.Protocol):
    """A connection to a hub, which is posted each event; what it answers is not looked at."""

    __slots__ = ("_transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self, moment: int, size: int) -> None:
        """Post one event."""
        self._transport.write(make_message(size, moment))

    def leave(self) -> None:
        """Close the connection."""
        self._transport.abort()


async def serve(port: int, beat: Beat, *, hub: int | None = None) -> None:
    """Serve streams on 127.0.0.1 until cancelled, and publish to the hub on port `hub`."""
    streams: dict[Stream, None] = {}
    loop = asyncio.get_running_loop()
    publishers: list[Publisher] = []
    if hub is not None:
        publishers.append((await loop.create_connection(Publisher, "127.0.0.1", hub))[1])
    server = await loop.create_server(lambda: Stream(streams), "127.0.0.1", port, backlog=BACKLOG)
    try:
        await _keep_beating(publishers, streams, beat)
    finally:
        server.close()
        for publisher in publishers:
            publisher.leave()
        for stream in tuple(streams):
            stream.leave()


async def _keep_beating(publishers: Sequence[Beating], streams: Iterable[Beating], beat: Beat) -> None:
    if not beat.rate:
        await asyncio.get_running_loop().create_future()
    period = 1 / beat.rate
    spread = 0.0 if beat.together else period
    start = time.monotonic()
    while True:
        chosen = (*publishers, *streams)
        for number, one in enumerate(chosen):
            await _wait_until(start + spread * number / len(chosen))
            one.send(time.monotonic_ns(), beat.size)
        start += period
        await _wait_until(start)
        if time.monotonic() - start > LATE_PERIODS * period:
            start = time.monotonic()


async def _wait_until(moment: float) -> None:
    if (pause := moment - time.monotonic()) > SLEEP_SECONDS:
        await asyncio.sleep(pause - SLEEP_SECONDS / 2)
    _sleep_until(moment)  # finer than the loop can, so that the streams don't beat in groups
    await asyncio.sleep(0)  # what was written goes out, and who came or left is seen


def _sleep_until(moment: float) -> None:
    if (pause := moment - time.monotonic()) > 0:
        time.sleep(pause)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Endless event streams.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--rate", type=float, required=True, help="events a second of each stream, 0 for none"
    )
    parser.add_argument("--size", type=int, required=True, help="bytes of one event")
    parser.add_argument("--together", action="store_true", help="send those of all streams at one moment")
    parser.add_argument("--hub", type=int, help="port of a hub that is posted each event too")
    options = parser.parse_args(arguments)
    beat = Beat(rate=options.rate, size=options.size, together=options.together)
    uvloop.run(serve(options.port, beat, hub=options.hub))


if __name__ == "__main__":
    main()
