"""The operator backend in delegated mode: it issues and redeems ephemeral tokens itself and streams events.

Its events are its own process's figures and every command posted to it.  With MADRE_URL and HERMES_URL they
go to the bus, and the stream is that of the whole system.  Status and commands are open here: the gateway
checks the credential in front of them, so only the gateway may reach this address.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import orjson
import uvloop
from aiohttp import web

from examples.vx11.admission import Admission
from examples.vx11.events import EVENT_ID, EventFeed, Subscription
from examples.vx11.figures import ProcessMeter
from examples.vx11.principal import PrincipalToken, read_principal_token
from examples.vx11.problems import CORRELATION_ID, Refused, abort, answer_problems, mark_response
from examples.vx11.service import Service, stop_signals
from examples.vx11.streaming import send_stream
from examples.vx11.system import System, read_system
from examples.vx11.tokens import MOST_TOKENS, StreamTokens
from tentaculo.access.memory_store import MemoryStore

ISSUE_PATH = "/operator/api/events/sse-token"
SHORT_ISSUE_PATH = "/operator/api/events/sse-token-short"
STREAM_PATH = "/operator/api/events/stream"
STATUS_PATH = "/operator/api/status"
COMMANDS_PATH = "/operator/api/commands"
HEALTH_PATH = "/health"
IDEMPOTENCY_HEADER = "Idempotency-Key"
COMMANDS_TOPIC = "operator.commands"
FIGURES_TOPIC = "operator.figures"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """Times in seconds (`retry_ms` as its name says), the command body's bound in bytes.

    With `short_lifetime` SHORT_ISSUE_PATH issues tokens that live so long: one is soon seen to expire.
    """

    token_lifetime: float = 60.0
    short_lifetime: float | None = None
    heartbeat: float = 15.0
    sample_every: float = 2.0
    retry_ms: int = 10_000
    body_limit: int = 64 * 1024


class Operator:
    """The backend's handlers over its tokens and its events."""

    def __init__(
        self,
        principal: PrincipalToken,
        *,
        tokens: StreamTokens,
        feed: EventFeed,
        meter: ProcessMeter,
        options: OperatorOptions,
        system: System | None = None,
    ) -> None:
        self._admission = Admission(principal, tokens)
        self._feed = feed
        self._meter = meter
        self._options = options
        self._system = system

    def app(self) -> web.Application:
        """Return the application that serves this backend."""
        app = web.Application(middlewares=[answer_problems], client_max_size=self._options.body_limit)
        app.router.add_post(ISSUE_PATH, self.issue)
        if self._options.short_lifetime is not None:
            app.router.add_post(SHORT_ISSUE_PATH, self.issue_short)
        app.router.add_get(STREAM_PATH, self.stream, allow_head=False)
        app.router.add_post(COMMANDS_PATH, self.command)
        app.router.add_get(STATUS_PATH, self.status)
        app.router.add_get(HEALTH_PATH, self.health)
        app.on_response_prepare.append(mark_response)
        app.cleanup_ctx.append(self._sampling)
        app.on_shutdown.append(self._end_streams)
        return app

    async def issue(self, request: web.Request) -> web.Response:
        """Answer the principal with a new ephemeral token."""
        return await self._issue(request, self._options.token_lifetime)

    async def issue_short(self, request: web.Request) -> web.Response:
        """The same, with a token that soon expires."""
        assert self._options.short_lifetime is not None
        return await self._issue(request, self._options.short_lifetime)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send the events, those missed since `Last-Event-ID` first, until either side ends it."""
        await self._admission.admit(request)
        last_event_id = request.headers.get("Last-Event-ID")
        if self._system is None:
            return await self._stream_own(request, last_event_id)
        opening = self._system.open_stream(
            last_event_id, request[CORRELATION_ID], retry_ms=self._options.retry_ms
        )
        async with opening as pieces:
            return await send_stream(request, pieces, heartbeat=self._options.heartbeat)

    async def command(self, request: web.Request) -> web.Response:
        """Take a command in, which makes it an event; under the same `Idempotency-Key` it stays one.

        So a call whose answer was lost may be repeated, at another instance too: the key is the event's id.
        """
        key = _idempotency_key(request)
        payload = _parse_command(await request.read())
        event = self._feed.publish(
            "command",
            f"command: {payload['command']}",
            payload,
            correlation_id=request[CORRELATION_ID],
            event_id=key,
        )
        if self._system is not None:
            await self._system.publish(COMMANDS_TOPIC, event)
        return web.json_response({"event_id": event.event_id}, status=202)

    async def status(self, request: web.Request) -> web.Response:
        """Answer with the figures of this moment."""
        return web.json_response(await self.figures())

    async def health(self, request: web.Request) -> web.Response:
        """Answer that the process serves."""
        return web.json_response({"status": "ok"})

    async def figures(self) -> dict[str, object]:
        """Return the process's own figures and the counts of streams, events and valid tokens."""
        return asdict(self._meter.sample()) | {
            "open_streams": self._stream_count,
            "events": self._feed.event_count,
            "ephemeral_tokens": await self._admission.count_tokens(),
        }

    async def sample(self) -> None:
        """Do what is due by time: publish the figures, and let expired tokens go."""
        used = self._meter.sample()
        summary = f"cpu {used.cpu_seconds:.2f} s, memory {used.rss_bytes / 2**20:.1f} MiB"
        event = self._feed.publish("figures", summary, await self.figures())
        if self._system is not None:
            with suppress(Refused):  # a figure that finds nobody is soon followed by the next
                await self._system.publish(FIGURES_TOPIC, event)

    @property
    def _stream_count(self) -> int:
        return self._feed.stream_count + (0 if self._system is None else self._system.stream_count)

    async def _issue(self, request: web.Request, lifetime: float) -> web.Response:
        token = await self._admission.issue(request, lifetime)
        return web.json_response({"sse_token": token, "ttl_sec": int(lifetime), "endpoint": STREAM_PATH})

    async def _stream_own(self, request: web.Request, last_event_id: str | None) -> web.StreamResponse:
        with self._feed.subscribe(last_event_id=last_event_id, on_overflow=lambda: abort(request)) as events:
            pieces = _pieces(events, self._options.retry_ms)
            return await send_stream(request, pieces, heartbeat=self._options.heartbeat)

    async def _sampling(self, app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keep_sampling(), name="operator-sampling")
        yield
        task.cancel()
        await asyncio.wait([task])
        if self._system is not None:
            await self._system.close()

    async def _keep_sampling(self) -> None:
        while True:
            await self.sample()
            await asyncio.sleep(self._options.sample_every)

    async def _end_streams(self, app: web.Application) -> None:
        self._feed.close()
        if self._system is not None:
            self._system.end_streams()


def build_operator(
    principal_token: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    options: OperatorOptions | None = None,
    system: System | None = None,
) -> Operator:
    """Return the backend with everything it needs, as it is run."""
    return Operator(
        PrincipalToken(principal_token),
        tokens=StreamTokens(MemoryStore(clock=clock, max_tokens=MOST_TOKENS)),
        feed=EventFeed(),
        meter=ProcessMeter(clock=clock),
        options=options or OperatorOptions(),
        system=system,
    )


def read_options(environ: Mapping[str, str]) -> OperatorOptions:
    """Return the options that the environment asks for; raises ValueError with a sentence."""
    seconds = environ.get("OPERATOR_SHORT_TOKENS") or None
    if seconds is not None and not (seconds.isdecimal() and 1 <= int(seconds) <= 60):
        raise ValueError("OPERATOR_SHORT_TOKENS must be a whole number of seconds, 1 to 60.")
    return OperatorOptions(short_lifetime=None if seconds is None else int(seconds))


async def _pieces(events: Subscription, retry_ms: int) -> AsyncGenerator[bytes, None]:
    yield b"retry: %d\n\n" % retry_ms
    async for event in events:
        yield f"id: {event.event_id}\ndata: {event.to_json()}\n\n".encode()


def _idempotency_key(request: web.Request) -> str | None:
    presented = request.headers.getall(IDEMPOTENCY_HEADER, [])
    if not presented:
        return None
    if len(presented) > 1 or not EVENT_ID.fullmatch(presented[0]):
        title = f"{IDEMPOTENCY_HEADER} must be 1 to 128 printable ASCII characters without spaces"
        raise Refused(400, "bad_request", title)
    return presented[0]


def _parse_command(body: bytes) -> dict[str, object]:
    try:
        payload = orjson.loads(body)
        orjson.dumps({"payload": payload})  # it writes less deep than it reads, and the event must be written
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise Refused(400, "bad_request", "The body is not acceptable JSON") from None
    command = payload.get("command") if isinstance(payload, dict) else None
    if not isinstance(command, str) or not 0 < len(command) <= 200:
        raise Refused(400, "bad_request", 'The body needs a "command" of 1 to 200 characters')
    return dict(payload)


async def _serve(service: Service) -> None:
    with stop_signals() as signalled:
        await service.start()
        host, port = service.address
        sys.stderr.write(f"The operator backend listens on {host}:{port}.\n")
        await signalled.wait()
    await service.stop()


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Serve the backend alone until a signal comes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.vx11.operator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8011, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args(argv)
    principal = read_principal_token(environ)
    if principal is None:
        sys.stderr.write("Set VX11_TOKEN or VX11_TOKEN_FILE to the principal token.\n")
        return 2
    try:
        options, system = read_options(environ), read_system(environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        operator = build_operator(principal.token, options=options, system=system)
        uvloop.run(_serve(Service(operator.app(), arguments.host, arguments.port)))
    except OSError as error:
        sys.stderr.write(f"The operator backend can't listen: {error.strerror}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
