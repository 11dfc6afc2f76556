"""Which events are wanted: a table for each option, and how options go together."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.admin.tail_filters import Filters, read_statuses

EVENT = {
    "event": "stream.ended",
    "level": "warning",
    "request_id": "a1b2c3d4e5f6",
    "route": "operator-events",
    "principal": "operator-ui",
    "status": 200,
    "duration_ms": 512.5,
}


def wants(event: dict[str, Any], **filters: Any) -> bool:
    """Say whether an event is wanted."""
    test = Filters(**filters).test()
    assert test is not None
    return test(event)


@pytest.mark.parametrize(
    ("option", "value", "is_wanted"),
    [
        ("routes", ("operator-events",), True),
        ("routes", ("operator-*",), True),
        ("routes", ("other", "operator-events"), True),
        ("routes", ("operator",), False),
        ("routes", ("OPERATOR-EVENTS",), False),
        ("principals", ("operator-ui",), True),
        ("principals", ("*-ui", "x"), True),
        ("principals", ("ui",), False),
        ("events", ("stream.*",), True),
        ("events", ("stream.opened",), False),
        ("statuses", ((200, 200),), True),
        ("statuses", ((500, 599), (200, 299)), True),
        ("statuses", ((201, 299),), False),
        ("request_ids", ("a1b2",), True),
        ("request_ids", ("x", "a1b2c3d4e5f6"), True),
        ("request_ids", ("b2",), False),
        ("slower", 0.5125, True),
        ("slower", 0.513, False),
        ("level", "debug", True),
        ("level", "warning", True),
        ("level", "error", False),
    ],
)
def test_each_option(option: str, value: Any, is_wanted: bool) -> None:
    """An option wants an event that has any of its values."""
    assert wants(EVENT, **{option: value}) is is_wanted


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("routes", ("*",)),
        ("principals", ("*",)),
        ("events", ("*",)),
        ("statuses", ((100, 999),)),
        ("request_ids", ("",)),
        ("slower", 0.0),
        ("level", "debug"),
    ],
)
@pytest.mark.parametrize("found", [None, [], {"a": "b"}], ids=["null", "list", "mapping"])
def test_what_has_no_such_value_is_not_wanted(option: str, value: Any, found: Any) -> None:
    """An event without the field, or with another kind of value in it, is left out and no error."""
    assert wants({}, **{option: value}) is False
    assert wants(dict.fromkeys(EVENT, found), **{option: value}) is False


def test_options_go_together() -> None:
    """All options have to be met."""
    assert wants(EVENT, routes=("operator-*",), statuses=((200, 299),), level="info")
    assert not wants(EVENT, routes=("operator-*",), statuses=((400, 499),), level="info")


def test_without_options_there_is_no_test() -> None:
    """Where nothing is asked for, lines need not be events."""
    assert Filters().test() is None


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("404", ((404, 404),)),
        ("4xx", ((400, 499),)),
        ("4XX", ((400, 499),)),
        ("400-499", ((400, 499),)),
        ("404-404", ((404, 404),)),
        ("404,5xx, 200-299", ((404, 404), (500, 599), (200, 299))),
    ],
)
def test_statuses(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    """One status, all of a class, a range, or several of them."""
    assert read_statuses(text) == ranges


@pytest.mark.parametrize(
    "text", ["", "4", "40x", "xxx", "404,", "0xx", "4xx-5xx", "99", "1000", "499-400", "٤٠٤"]
)
def test_bad_statuses(text: str) -> None:
    """Anything else is an error that says what is taken."""
    with pytest.raises(ValueError, match=r"^takes "):
        read_statuses(text)
