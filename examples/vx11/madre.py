"""Madre, the message bus: services publish to topics, and take and acknowledge as consumer groups.

Messages are kept in Redis Streams, or in memory, where a restart loses them.  It checks no credential:
only the stack's own services may reach this address.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from examples.vx11.bus import Bus, BusFull, BusUnavailable, Message, is_name
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.problems import CORRELATION_ID, Refused, answer_problems, mark_response
from examples.vx11.redis_bus import RedisBus
from examples.vx11.service import Service, stop_signals

PUBLISH_PATH = "/madre/topics/{topic}/messages"
TAKE_PATH = "/madre/groups/{group}/take"
ACK_PATH = "/madre/groups/{group}/ack"
TOPICS_PATH = "/madre/topics"
HEALTH_PATH = "/health"

BODY_LIMIT = 64 * 1024
MOST_TAKEN = 100
MOST_ACKNOWLEDGED = 1_000
LONGEST_WAIT_MS = 30_000
MOST_POLLS = 256

IN_MEMORY = "Messages are kept in memory, and a restart loses them; set MADRE_REDIS_URL to keep them.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a consumer asks for; `wait` in seconds."""

    group: str
    consumer: str
    topics: tuple[str, ...]
    limit: int
    wait: float
    resume: bool


class Madre:
    """The handlers over a bus.

    A poll looks every `recheck` seconds for what is to be given again; `most_polls` may wait at once.
    """

    def __init__(self, bus: Bus, *, recheck: float = 1.0, most_polls: int = MOST_POLLS) -> None:
        self._bus = bus
        self._recheck = recheck
        self._most_polls = most_polls
        self._polls: set[asyncio.Timeout] = set()
        self._stopping = False

    def app(self) -> web.Application:
        """Return the application that serves the bus."""
        app = web.Application(
            middlewares=[answer_problems, _translate_bus_faults], client_max_size=BODY_LIMIT
        )
        app.router.add_post(PUBLISH_PATH, self.publish)
        app.router.add_post(TAKE_PATH, self.take)
        app.router.add_post(ACK_PATH, self.ack)
        app.router.add_get(TOPICS_PATH, self.topics)
        app.router.add_get(HEALTH_PATH, self.health)
        app.on_response_prepare.append(mark_response)
        app.on_shutdown.append(self._end_polls)
        app.on_cleanup.append(self._close)
        return app

    async def publish(self, request: web.Request) -> web.Response:
        """Keep a message; what is answered 202 is given to every group."""
        topic = _name(request.match_info["topic"], "topic")
        body = orjson.dumps(_parse(await request.read()))
        message_id = await self._bus.publish(topic, body, request[CORRELATION_ID])
        return _json({"topic": topic, "message_id": message_id}, 202)

    async def take(self, request: web.Request) -> web.Response:
        """Answer with messages as soon as there are some, or with none when the time is up.

        With `resume` the consumer gets first what it took before and did not acknowledge.
        """
        wanted = _read_wanted(request.match_info["group"], _parse(await request.read()))
        return _json({"messages": [_shown(message) for message in await self._poll(wanted)]})

    async def ack(self, request: web.Request) -> web.Response:
        """Take note that messages were dealt with."""
        group = _name(request.match_info["group"], "group")
        asked = _parse(await request.read())
        ids = _texts(asked, "message_ids", MOST_ACKNOWLEDGED)
        count = await self._bus.ack(group, _name(asked.get("topic"), "topic"), ids)
        return _json({"acknowledged": count})

    async def topics(self, request: web.Request) -> web.Response:
        """Answer with the figures of every topic and its groups."""
        return _json({"topics": [asdict(topic) for topic in await self._bus.topics()]})

    async def health(self, request: web.Request) -> web.Response:
        """Answer that the process serves, whether or not its Redis does."""
        return _json({"status": "ok"})

    async def _poll(self, wanted: _Wanted) -> list[Message]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wanted.wait
        while True:
            # Whoever leaves during this step loses nothing: what it took is given again.
            taken = await self._bus.take(
                wanted.group, wanted.consumer, wanted.topics, wanted.limit, resume=wanted.resume
            )
            left = deadline - loop.time()
            if taken or left <= 0 or self._stopping:
                return taken
            await self._arrival(wanted, min(left, self._recheck))

    async def _arrival(self, wanted: _Wanted, seconds: float) -> None:
        if len(self._polls) >= self._most_polls:
            raise Refused(503, "too_many_polls", "Too many consumers wait already", retry_after=1)
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as stop:
                self._polls.add(stop)
                try:
                    await self._bus.arrival(wanted.group, wanted.topics, seconds)
                finally:
                    self._polls.discard(stop)

    async def _end_polls(self, app: web.Application) -> None:
        self._stopping = True
        for poll in self._polls:
            poll.reschedule(asyncio.get_running_loop().time())

    async def _close(self, app: web.Application) -> None:
        await self._bus.close()


@web.middleware
async def _translate_bus_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BusUnavailable:
        raise Refused(503, "bus_unavailable", "The message bus does not answer", retry_after=1) from None
    except BusFull:
        raise Refused(409, "bus_full", "There are too many topics or groups already") from None


def _parse(body: bytes) -> dict[str, object]:
    try:
        parsed = orjson.loads(body)
        # It writes less deep than it reads, and the message must be written, inside of another object.
        orjson.dumps({"messages": [{"body": parsed}]})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise _bad_request("The body is not acceptable JSON") from None
    if not isinstance(parsed, dict):
        raise _bad_request("The body must be a JSON object")
    return parsed


def _read_wanted(group: str, asked: Mapping[str, object]) -> _Wanted:
    topics = [_name(topic, "topic") for topic in _texts(asked, "topics", MOST_TAKEN)]
    wait_ms = _number(asked, "wait_ms", range(LONGEST_WAIT_MS + 1), 0)
    return _Wanted(
        group=_name(group, "group"),
        consumer=_name(asked.get("consumer"), "consumer"),
        topics=tuple(dict.fromkeys(topics)),
        limit=_number(asked, "max", range(len(set(topics)), MOST_TAKEN + 1), MOST_TAKEN),
        wait=wait_ms / 1000,
        resume=_flag(asked, "resume"),
    )


def _name(given: object, what: str) -> str:
    if not is_name(given):
        raise _bad_request(
            f"The name of the {what} must be 1 to 64 letters, digits, dots, dashes and underscores"
        )
    return given


def _texts(asked: Mapping[str, object], field: str, most: int) -> list[str]:
    given = asked.get(field)
    if not isinstance(given, list) or not 0 < len(given) <= most:
        raise _bad_request(f'"{field}" must be a list of 1 to {most} texts')
    if not all(isinstance(text, str) for text in given):
        raise _bad_request(f'"{field}" must be a list of 1 to {most} texts')
    return given


def _number(asked: Mapping[str, object], field: str, allowed: range, otherwise: int) -> int:
    given = asked.get(field, otherwise)
    if isinstance(given, bool) or not isinstance(given, int) or given not in allowed:
        raise _bad_request(f'"{field}" must be a whole number from {allowed.start} to {allowed.stop - 1}')
    return given


def _flag(asked: Mapping[str, object], field: str) -> bool:
    given = asked.get(field, False)
    if not isinstance(given, bool):
        raise _bad_request(f'"{field}" must be true or false')
    return given


def _bad_request(title: str) -> Refused:
    return Refused(400, "bad_request", title)


def _shown(message: Message) -> dict[str, object]:
    return {
        "topic": message.topic,
        "message_id": message.message_id,
        "body": orjson.Fragment(message.body),
        "correlation_id": message.correlation_id,
        "deliveries": message.deliveries,
    }


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def build_madre(bus: Bus | None = None) -> Madre:
    """Return the service on a bus, by default one in memory."""
    return Madre(bus or MemoryBus())


def make_bus(environ: Mapping[str, str]) -> Bus:
    """Return the bus on `MADRE_REDIS_URL`, or on what `MADRE_REDIS_URL_FILE` holds, else in memory.

    Raises OSError for a file that can't be read, ValueError with a sentence for a URL that can't be used.
    """
    url = environ.get("MADRE_REDIS_URL")
    if not url and (file := environ.get("MADRE_REDIS_URL_FILE")):
        url = Path(file).read_text(encoding="utf-8").strip()
    return RedisBus(url) if url else MemoryBus()


async def _serve(service: Service) -> None:
    with stop_signals() as signalled:
        await service.start()
        host, port = service.address
        sys.stderr.write(f"Madre listens on {host}:{port}.\n")
        await signalled.wait()
    await service.stop()


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Serve the bus alone until a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.vx11.madre", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8001, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args(argv)
    try:
        bus = make_bus(environ)
    except ValueError as error:
        return _fail(2, f"The URL in MADRE_REDIS_URL {error}.")
    except OSError as error:
        return _fail(1, f"The file in MADRE_REDIS_URL_FILE can't be read: {error.strerror}.")
    if isinstance(bus, MemoryBus):
        sys.stderr.write(IN_MEMORY)
    try:
        uvloop.run(_serve(Service(Madre(bus).app(), arguments.host, arguments.port)))
    except OSError as error:
        return _fail(1, f"Madre can't listen: {error.strerror}.")
    return 0


def _fail(code: int, sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
