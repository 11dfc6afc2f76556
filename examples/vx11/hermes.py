"""hermes, the event service: makes events of the bus's messages, keeps them, and streams them.

A stream's ids are the store's numbers; whoever comes back with one misses nothing that is kept.  It checks no
credential: only the other services may reach its address.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import web

from examples.vx11.bus_client import BackOff, BusClient, TakenMessage
from examples.vx11.event_store import EventStore, EventStoreError, StoredEvent, open_store
from examples.vx11.events import timestamp
from examples.vx11.intake import to_event
from examples.vx11.problems import Refused, answer_problems, mark_response
from examples.vx11.service import Service, stop_signals
from examples.vx11.streaming import send_stream
from examples.vx11.taking import POLL_SECONDS, Taker

STREAM_PATH = "/hermes/events/stream"
EVENTS_PATH = "/hermes/events"
HEALTH_PATH = "/health"
TOPIC = "events"
DATABASE = Path(__file__).resolve().parents[2] / "data" / "runtime" / "vx11.db"
MADRE_URL = "http://127.0.0.1:8001"

PAGE = 100
MOST_LISTED = 1_000
# What whoever comes with an id that never was gets: as many as the panel keeps.
REPLAYED = 1_000

_NUMBER = re.compile(r"[0-9]{1,18}")
_log = logging.getLogger("vx11.hermes")


@dataclass(frozen=True, slots=True, kw_only=True)
class HermesOptions:
    """Where the events are kept; seconds between heartbeats, and milliseconds until a client comes back."""

    database: Path = DATABASE
    heartbeat: float = 15.0
    retry_ms: int = 3_000


class Hermes:
    """Takes messages in for as long as its application runs, and serves what they were."""

    def __init__(
        self,
        bus: BusClient,
        options: HermesOptions,
        *,
        wall_clock: Callable[[], float] = time.time,
        back_off: Callable[[], BackOff] = BackOff,
    ) -> None:
        self._bus = bus
        self._taker = Taker(bus, self.take_in, back_off=back_off)
        self._options = options
        self._wall_clock = wall_clock
        self._back_off = back_off
        self._store: EventStore
        self._news = asyncio.Event()
        self._ending = False

    def app(self) -> web.Application:
        """Return the application that serves the events."""
        app = web.Application(middlewares=[answer_problems])
        app.router.add_get(STREAM_PATH, self.stream, allow_head=False)
        app.router.add_get(EVENTS_PATH, self.events)
        app.router.add_get(HEALTH_PATH, self.health)
        app.on_response_prepare.append(mark_response)
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._end_streams)
        return app

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send the events after `Last-Event-ID`, or those still to come, until either side ends it."""
        number = await self._resumed(request.headers.get("Last-Event-ID"))
        return await send_stream(request, self._pieces(number), heartbeat=self._options.heartbeat)

    async def events(self, request: web.Request) -> web.Response:
        """Answer with the events after a number, at most `limit` of them."""
        after = _number(request, "after", 0, most=10**18 - 1)
        limit = _number(request, "limit", PAGE, most=MOST_LISTED)
        page = await self._store.after(after, limit)
        listed = ",".join(f'{{"id":"{one.number}","event":{one.json}}}' for one in page)
        return web.Response(text=f'{{"events":[{listed}]}}', content_type="application/json")

    async def health(self, request: web.Request) -> web.Response:
        """Answer that the process serves and reads its file."""
        try:
            last = await self._store.last_number()
        except EventStoreError:
            raise Refused(503, "event_store_unavailable", "The events can't be read") from None
        return web.json_response({"status": "ok", "last_id": str(last)})

    async def take_in(self, batch: Sequence[TakenMessage]) -> None:
        """Keep what the messages are; returns when it is kept."""
        events = [to_event(message, timestamp(self._wall_clock())) for message in batch]
        back_off = self._back_off()
        while True:
            try:
                await self._store.add(events)
                break
            except EventStoreError as error:
                _log.error("%s", error)
                await back_off.pause()
        self._tell()

    async def _resumed(self, last_event_id: str | None) -> int:
        last = await self._store.last_number()
        if last_event_id is None:
            return last
        if _NUMBER.fullmatch(last_event_id) and int(last_event_id) <= last:
            return int(last_event_id)
        return max(0, last - REPLAYED)

    async def _pieces(self, number: int) -> AsyncGenerator[bytes, None]:
        # The id tells where the stream begins: whoever is cut off before the first event misses none.
        yield b"retry: %d\nid: %d\n\n" % (self._options.retry_ms, number)
        while True:
            news = self._news  # taken first, or what is added while reading would be waited for
            if page := await self._store.after(number, PAGE):
                number = page[-1].number
                yield b"".join(map(_block, page))
            elif self._ending:
                return
            else:
                await news.wait()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        async with open_store(self._options.database) as self._store, self._bus, self._taker.taking([TOPIC]):
            yield

    async def _running(self, app: web.Application) -> AsyncIterator[None]:
        async with self._open():
            yield

    async def _end_streams(self, app: web.Application) -> None:
        self._ending = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def build_hermes(options: HermesOptions, madre_url: str = MADRE_URL) -> Hermes:
    """Return the service with everything it needs, as it is run."""
    return Hermes(BusClient(madre_url, "hermes", "hermes-1", wait=POLL_SECONDS), options)


def read_options(environ: Mapping[str, str]) -> HermesOptions:
    """Return the options that the environment asks for."""
    return HermesOptions(database=Path(environ.get("HERMES_DB") or DATABASE))


def _block(stored: StoredEvent) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (stored.number, stored.json.encode())


def _number(request: web.Request, name: str, default: int, *, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise Refused(400, "bad_request", f"{name} must be a whole number, at most {most}")
    return int(text)


async def _serve(service: Service) -> None:
    with stop_signals() as signalled:
        await service.start()
        host, port = service.address
        sys.stderr.write(f"hermes listens on {host}:{port}.\n")
        await signalled.wait()
    await service.stop()


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Serve the events alone until a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.vx11.hermes", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8003, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args(argv)
    hermes = build_hermes(read_options(environ), environ.get("MADRE_URL") or MADRE_URL)
    try:
        uvloop.run(_serve(Service(hermes.app(), arguments.host, arguments.port)))
    except EventStoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"hermes can't listen: {error.strerror}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
