"""The backend of `streams`: endless event streams that beat at one rate, each at a moment of its own.

A process of its own, so that neither the clients nor what is measured slow it down. Each event is one chunk
and carries the moment it was sent, on the machine's monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
MARK = b"data: "
STAMP_DIGITS = 20
SMALLEST_EVENT = len(MARK) + STAMP_DIGITS + 2
COUNT_PATH = b"/open"  # how many streams are open, as text
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
SLEEP_SECONDS = 0.002  # a longer pause is left to the loop, whose timers are that coarse
LATE_PERIODS = 1.0  # who lags further behind leaves events out, and the load then misses them
BACKLOG = 4096


def make_event(size: int, moment: int) -> bytes:
    """Return one event of `size` bytes as a chunk; `moment` is in nanoseconds."""
    padding = b"x" * (size - SMALLEST_EVENT)
    return b"%x\r\n%b%020d%b\n\n\r\n" % (size, MARK, moment, padding)


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

    def send(self, event: bytes) -> None:
        """Write one event, unless the reader lags or has left: nothing is collected for it."""
        if not (self._full or self._transport.is_closing()):
            self._transport.write(event)

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


async def serve(port: int, *, rate: float, size: int) -> None:
    """Serve streams of `rate` events a second of `size` bytes on 127.0.0.1 until cancelled."""
    streams: dict[Stream, None] = {}
    server = await asyncio.get_running_loop().create_server(
        lambda: Stream(streams), "127.0.0.1", port, backlog=BACKLOG
    )
    try:
        await _beat(streams, rate, size)
    finally:
        server.close()
        for stream in tuple(streams):
            stream.leave()


async def _beat(streams: dict[Stream, None], rate: float, size: int) -> None:
    period = 1 / rate
    start = time.monotonic()
    while True:
        chosen = tuple(streams)
        for number, stream in enumerate(chosen):
            await _wait_until(start + period * number / len(chosen))
            stream.send(make_event(size, time.monotonic_ns()))
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
    parser.add_argument("--rate", type=float, required=True, help="events a second of each stream")
    parser.add_argument("--size", type=int, required=True, help="bytes of one event")
    options = parser.parse_args(arguments)
    uvloop.run(serve(options.port, rate=options.rate, size=options.size))


if __name__ == "__main__":
    main()
