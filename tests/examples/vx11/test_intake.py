"""What hermes makes of bus messages, whatever they are."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from examples.vx11.bus_client import TakenMessage
from examples.vx11.intake import SUMMARY_CHARACTERS, to_event
from tests.examples.vx11.services import NOW, fields


def _message(body: dict[str, Any], correlation_id: str = "c-of-message") -> TakenMessage:
    return TakenMessage(
        topic="events", message_id="m-7", body=body, correlation_id=correlation_id, deliveries=1
    )


def test_an_event_stays_what_it_is() -> None:
    """All eight fields are the message's own."""
    body = fields("e-1")
    assert json.loads(to_event(_message(body), "later").to_json()) == body


@pytest.mark.parametrize(
    ("field", "value"),
    [("severity", "info"), ("correlation_id", "c-of-message"), ("payload", {}), ("created_at", "now")],
)
def test_what_may_be_missing_is_filled_in(field: str, value: object) -> None:
    """A message without the field gets one that is true."""
    body = fields("e-1")
    del body[field]
    assert getattr(to_event(_message(body), "now"), field) == value


def test_nothing_correlates_where_nothing_is_said() -> None:
    """Neither the event nor the message has a correlation id."""
    body = {**fields("e-1"), "correlation_id": None}
    assert to_event(_message(body, ""), NOW).correlation_id is None


def test_a_long_summary_is_cut() -> None:
    """What is shown in one line has a bound."""
    assert len(to_event(_message({**fields("e-1"), "summary": "s" * 60_000}), NOW).summary) == 1_000
    assert SUMMARY_CHARACTERS == 1_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"event_id": None}, "it has no event_id", id="no-id"),
        pytest.param({"event_id": ""}, "it has no event_id", id="empty-id"),
        pytest.param({"event_id": 7}, "it has no event_id", id="number-id"),
        pytest.param({"event_id": "a\nid: 9"}, "its event_id is not acceptable", id="id-of-two-lines"),
        pytest.param({"event_id": "x" * 129}, "its event_id is not acceptable", id="long-id"),
        pytest.param({"event_type": None}, "it has no event_type", id="no-type"),
        pytest.param({"event_type": "<b>"}, "its event_type is not acceptable", id="type-of-markup"),
        pytest.param({"module": []}, "it has no module", id="no-module"),
        pytest.param({"summary": {}}, "it has no summary", id="no-summary"),
        pytest.param({"severity": "loud"}, "its severity is none of", id="severity"),
        pytest.param({"severity": []}, "its severity is none of", id="severity-list"),
        pytest.param({"correlation_id": "a b"}, "its correlation_id is not", id="correlation"),
        pytest.param({"payload": [1]}, "its payload is no object", id="payload"),
        pytest.param({"created_at": "today"}, "its created_at is no time", id="time"),
        pytest.param({"created_at": "2024-05-06T07:08:09"}, "its created_at is no time", id="local-time"),
        pytest.param({"created_at": 1}, "it has no created_at", id="time-number"),
    ],
)
def test_what_is_no_event_becomes_one_that_says_so(changes: dict[str, Any], reason: str) -> None:
    """It has the message whole, its correlation id, and the same event id each time it is delivered."""
    message = _message({**fields("e-1"), **changes})
    event = to_event(message, NOW)
    assert reason in event.summary
    assert (event.event_type, event.severity, event.module) == ("malformed", "warn", "hermes")
    assert (event.event_id, event.correlation_id) == ("events-m-7", "c-of-message")
    assert event.payload["message"] == message.body
    assert to_event(message, NOW) == event


def test_an_empty_message_is_told_too() -> None:
    """Nothing at all is no event either."""
    assert to_event(_message({}), NOW).event_type == "malformed"


def _deep(levels: int) -> dict[str, Any]:
    return dict(orjson.loads(b'{"a":' * levels + b"1" + b"}" * levels))


@pytest.mark.parametrize("levels", range(245, 262))
def test_what_is_too_deep_to_be_written_is_left_out(levels: int) -> None:
    """It is said that there was a message, and the event can be written."""
    event = to_event(_message({**fields("e-1"), "payload": _deep(levels)}), NOW)
    written = json.loads(event.to_json())
    assert event.event_type in {"test", "malformed"}
    if levels > 254:
        assert written["payload"] == {"message_id": "m-7"}
        assert "nested too deep" in written["summary"]
