"""What hermes makes of a bus message: the event that it is, or one that says that it is none.

It touches neither the bus nor the store, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import orjson

from examples.vx11.bus_client import TakenMessage
from examples.vx11.events import EVENT_ID, Event

SEVERITIES = frozenset({"critical", "error", "warn", "info"})
SUMMARY_CHARACTERS = 1_000

_NAME = re.compile(r"[\w.:-]{1,64}")


class _NoEvent(Exception):
    """The message is no event; the text says why."""


def to_event(message: TakenMessage, now: str) -> Event:
    """Return the event; the same message gives the same event id each time.

    `severity`, `correlation_id`, `payload` and `created_at` may be missing: the event is then of severity
    info, has the message's correlation id, and was made `now`, in RFC 3339.
    """
    try:
        event = _read(message, now)
        event.to_json()
    except _NoEvent as error:
        return _malformed(message, str(error), now)
    except orjson.JSONEncodeError:  # it is read deeper than it is written
        return _malformed(message, "it is nested too deep", now)
    return event


def _read(message: TakenMessage, now: str) -> Event:
    body = message.body
    return Event(
        event_id=_matching(body, "event_id", EVENT_ID),
        event_type=_matching(body, "event_type", _NAME),
        summary=_text(body, "summary")[:SUMMARY_CHARACTERS],
        module=_matching(body, "module", _NAME),
        severity=_severity(body),
        correlation_id=_correlation_id(body) or message.correlation_id or None,
        payload=_payload(body),
        created_at=_time(body, now),
    )


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _NoEvent(f"it has no {name}")
    return value


def _matching(body: Mapping[str, object], name: str, syntax: re.Pattern[str]) -> str:
    value = _text(body, name)
    if not syntax.fullmatch(value):
        raise _NoEvent(f"its {name} is not acceptable")
    return value


def _severity(body: Mapping[str, object]) -> str:
    value = body.get("severity", "info")
    if not isinstance(value, str) or value not in SEVERITIES:
        raise _NoEvent("its severity is none of " + ", ".join(sorted(SEVERITIES)))
    return value


def _correlation_id(body: Mapping[str, object]) -> str | None:
    return None if body.get("correlation_id") is None else _matching(body, "correlation_id", EVENT_ID)


def _payload(body: Mapping[str, object]) -> Mapping[str, object]:
    value = body.get("payload", {})
    if not isinstance(value, dict):
        raise _NoEvent("its payload is no object")
    return value


def _time(body: Mapping[str, object], now: str) -> str:
    if body.get("created_at") is None:
        return now
    value = _text(body, "created_at")
    try:
        aware = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        aware = False
    if not aware or len(value) > 40:
        raise _NoEvent("its created_at is no time with an offset")
    return value


def _malformed(message: TakenMessage, reason: str, now: str) -> Event:
    event = Event(
        event_id=f"{message.topic}-{message.message_id}",
        event_type="malformed",
        summary=f"a message is no event: {reason}",
        module="hermes",
        severity="warn",
        correlation_id=message.correlation_id or None,
        payload={"message_id": message.message_id, "message": message.body},
        created_at=now,
    )
    try:
        event.to_json()
    except orjson.JSONEncodeError:
        return replace(event, payload={"message_id": message.message_id})
    return event
