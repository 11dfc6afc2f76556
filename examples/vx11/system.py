"""The rest of the system as the operator knows it: madre takes what it says, hermes tells what all say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

from examples.vx11.bus_client import BusClient, MessageRefused
from examples.vx11.events import Event
from examples.vx11.hermes_relay import HermesRelay
from examples.vx11.problems import Refused

PATIENCE = 10.0
"""For so many seconds a command waits for madre, which may be starting, or waiting for its Redis."""


class System:
    """Publishes to madre and relays hermes; raises Refused where either is away."""

    def __init__(self, bus: BusClient, relay: HermesRelay, *, patience: float = PATIENCE) -> None:
        self._bus = bus
        self._relay = relay
        self._patience = patience

    @property
    def stream_count(self) -> int:
        """How many streams are relayed."""
        return self._relay.stream_count

    async def publish(self, topic: str, event: Event) -> None:
        """Return when madre has the event; tries that are repeated make one event of it, by its id."""
        body = asdict(event)
        try:
            async with asyncio.timeout(self._patience):
                await self._bus.keep_trying(lambda: self._bus.publish(topic, body, event.correlation_id))
        except TimeoutError:
            raise Refused(503, "bus_unavailable", "The bus does not answer", retry_after=1) from None
        except MessageRefused as error:
            raise _refused(error) from None

    def open_stream(
        self, last_event_id: str | None, correlation_id: str, *, retry_ms: int
    ) -> AbstractAsyncContextManager[AsyncGenerator[bytes, None]]:
        """Open a stream's pieces, those after `last_event_id` first."""
        return self._relay.open(last_event_id, correlation_id, retry_ms=retry_ms)

    def end_streams(self) -> None:
        """End every stream after a whole event."""
        self._relay.end_streams()

    async def close(self) -> None:
        """Close every connection."""
        await self._bus.close()
        await self._relay.close()


def build_system(madre_url: str, hermes_url: str) -> System:
    """Return the way to services at these URLs."""
    return System(BusClient(madre_url, "operator", "operator-1"), HermesRelay(hermes_url))


def read_system(environ: Mapping[str, str]) -> System | None:
    """Return what MADRE_URL and HERMES_URL name, None without both; raises ValueError with a sentence."""
    madre, hermes = environ.get("MADRE_URL") or None, environ.get("HERMES_URL") or None
    if madre is None and hermes is None:
        return None
    if madre is None or hermes is None:
        raise ValueError("Set both MADRE_URL and HERMES_URL, or neither.")
    for name, url in (("MADRE_URL", madre), ("HERMES_URL", hermes)):
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{name} must be a URL that begins with http:// or https://.")
    return build_system(madre, hermes)


def _refused(error: MessageRefused) -> Refused:
    if error.status == 413:
        return Refused(413, "body_too_large", "The command is too long")
    return Refused(400, "bad_request", "The bus does not take the command")
