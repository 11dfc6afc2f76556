"""What tests of more than one service start, and the events that they put in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from examples.vx11.bus_client import BackOff
from examples.vx11.events import Event
from examples.vx11.service import Service

NOW = "2024-05-06T07:08:09.123Z"


def make_event(event_id: str, summary: str = "something happened", **changes: object) -> Event:
    """Return an event."""
    return Event(**{**fields(event_id, summary), **changes})  # type: ignore[arg-type]


def fields(event_id: str, summary: str = "something happened") -> dict[str, object]:
    """Return an event's fields, as a message has them."""
    return {
        "event_id": event_id,
        "event_type": "test",
        "summary": summary,
        "module": "test",
        "severity": "info",
        "correlation_id": "c-1",
        "payload": {"n": 1},
        "created_at": NOW,
    }


def no_pause() -> BackOff:
    """Return pauses that are over at once."""
    return BackOff(first=0.001, most=0.01)


@asynccontextmanager
async def listening(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on loopback; yields its URL."""
    service = Service(app, "127.0.0.1", port)
    await service.start()
    try:
        yield "http://{}:{}".format(*service.address)
    finally:
        await service.stop()
