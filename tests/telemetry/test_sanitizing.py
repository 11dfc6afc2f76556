"""The sanitizing processor: every depth, every type, keys, values, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import UserDict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict
from yarl import URL

from tentaculo.telemetry.sanitizing import MAX_VALUES, TOO_MUCH, EventSanitizer, sanitize_event
from tests.telemetry.nasty import NASTY, SECRETS
from tests.telemetry.sinks import SECRET


@dataclasses.dataclass(frozen=True)
class Call:
    """A record of someone else's that holds a secret."""

    token: str
    url: str = f"/e?token={SECRET}"


class Word(enum.StrEnum):
    """A word that looks like a URL."""

    URL = f"/e?token={SECRET}"


class Broken(Mapping[str, str]):
    """A mapping, and an object, that can't be shown."""

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise ValueError(SECRET)

    def __len__(self) -> int:
        return 1


class Unshowable:
    """An object whose text can't be made."""

    def __str__(self) -> str:
        raise ValueError(SECRET)


def process(**event: Any) -> dict[str, Any]:
    """Pass an event through a sanitizer of its own."""
    return dict(EventSanitizer(["own_name"])(None, "info", event))


SHOWN: dict[str, tuple[Any, Any]] = {
    "text": (f"/e?token={SECRET}&x=1", "/e?token=***&x=1"),
    "list": ([f"token={SECRET}", 1, None], ["token=***", 1, None]),
    "tuple": ((f"token={SECRET}", 1.5), ["token=***", 1.5]),
    "set": ({f"token={SECRET}"}, ["token=***"]),
    "mapping": ({"X-Token": SECRET, "a": "b"}, {"X-Token": "***", "a": "b"}),
    "mapping with bytes": ({b"x-token": SECRET.encode(), b"a": b"b"}, {"x-token": "***", "a": "b"}),
    "mapping with other keys": ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
    "secret key text": ({f"token={SECRET}": 1}, {"token=***": 1}),
    "deep": ({"a": [{"b": ({"token": SECRET},)}]}, {"a": [{"b": [{"token": "***"}]}]}),
    "hidden containers": ({"token": [SECRET], "secret": {"a": SECRET}}, {"token": "***", "secret": "***"}),
    "hidden numbers": (
        {"key": 5, "token": None, "session": True},
        {"key": "***", "token": None, "session": True},
    ),
    "own names": ({"own-name": SECRET}, {"own-name": "***"}),
    "multidict": (CIMultiDict({"X-Token": SECRET}), {"X-Token": "***"}),
    "query": (MultiDict([("token", SECRET), ("x", "1")]), {"token": "***", "x": "1"}),
    "pairs": ([("token", SECRET), ("x", "1")], [["token", "***"], ["x", "1"]]),
    "pairs of bytes": ([(b"X-Token", b"s"), [b"x", b"1"]], [["X-Token", "***"], ["x", "1"]]),
    "bytes": (f"token={SECRET}\xff".encode("latin-1"), "token=***"),
    "bytearray": (bytearray(b"a\xffb"), "a\xffb"),
    "dataclass": (Call(SECRET), "Call(token='***', url='/e?token=***')"),
    "enum": (Word.URL, "/e?token=***"),
    "number of a kind": (enum.IntEnum("Number", {"ONE": 1}).ONE, 1),  # type: ignore[attr-defined]
    "URL": (URL(f"http://u:p@h/e?token={SECRET}"), "http://***@h/e?token=***"),
    "exception": (ValueError(f"token={SECRET}"), "ValueError: token=***"),
    "unshowable": (Unshowable(), "<unprintable Unshowable>"),
    "broken mapping": (Broken(), "<unprintable Broken>"),
    "in a list": ([True, 2, Unshowable()], [True, 2, "<unprintable Unshowable>"]),
}


@pytest.mark.parametrize(("value", "shown"), SHOWN.values(), ids=SHOWN)
def test_value(value: Any, shown: Any) -> None:
    """Values of any type are sanitized as a renderer would show them."""
    event = process(field=value)
    assert event == {"field": shown}
    assert SECRET not in json.dumps(event)


def test_top_level_keys() -> None:
    """A key that names a secret hides its value, whatever that is."""
    event = process(token=SECRET, x_api_key=5, own_name=["a"], session=None, tokens=5)
    assert event == {"token": "***", "x_api_key": "***", "own_name": "***", "session": None, "tokens": 5}


@pytest.mark.parametrize(("code", "shown"), [("bad_request", "bad_request"), (SECRET, "***"), (7, "***")])
def test_error_code_is_no_secret(code: object, shown: str) -> None:
    """The gateway's own error codes are shown, though the name is that of a secret elsewhere."""
    assert process(code=code) == {"code": shown}


def test_url_keys_follow_the_grammar_of_urls() -> None:
    """Where a URL is expected a space does not end a value."""
    assert process(url="/e?token=a b&x=1", note="/e?token=a b") == {
        "url": "/e?token=***&x=1",
        "note": "/e?token=*** b",
    }


def test_values_of_the_exchange() -> None:
    """The secrets of the exchange are removed by value from what came from outside, and only there."""
    event = process(
        secrets=(SECRET, "short"),
        event=f"about.{SECRET}",
        route=SECRET,
        upstream=SECRET,
        level="short",
        url=f"/x/{SECRET}/y%53short",
        reason=[f"no {SECRET}", {"a": SECRET, SECRET: 1}],
        number=5,
    )
    assert event == {
        "event": f"about.{SECRET}",
        "route": SECRET,
        "upstream": SECRET,
        "level": "short",
        "url": "/x/***/y%53short",
        "reason": ["no ***", {"a": "***", SECRET: 1}],
        "number": 5,
    }


def test_value_is_looked_for_in_known_texts() -> None:
    """A text that was harmless in one event is still searched for the next one's secrets."""
    sanitizer = EventSanitizer()
    assert sanitizer(None, "info", {"url": f"/x/{SECRET}"}) == {"url": f"/x/{SECRET}"}
    assert sanitizer(None, "info", {"url": f"/x/{SECRET}", "secrets": (SECRET,)}) == {"url": "/x/***"}


def test_every_value_is_looked_for() -> None:
    """The first of several secrets is not the only one."""
    assert process(url=f"/x/{SECRET}", secrets=("An0ther-secret", SECRET)) == {"url": "/x/***"}


def test_known_text_is_no_known_url() -> None:
    """What was harmless as a text may still be none of a URL."""
    sanitizer, text = EventSanitizer(), "/e?%zz=abc"
    assert sanitizer(None, "info", {"note": text}) == {"note": text}
    assert sanitizer(None, "info", {"url": text}) == {"url": "/e?***"}
    assert sanitizer(None, "info", {"note": text}) == {"note": text}


def test_depth_is_bounded() -> None:
    """A structure that holds itself is shown to a depth."""
    endless: list[Any] = [f"token={SECRET}"]
    endless.append(endless)
    shown = json.dumps(process(field=endless), ensure_ascii=False)
    assert TOO_MUCH in shown
    assert SECRET not in shown


def test_size_is_bounded() -> None:
    """A structure whose parts multiply is shown in part."""
    wide: list[Any] = []
    wide += [wide] * 100
    assert len(json.dumps(process(field=wide))) < 100 * MAX_VALUES
    assert len(process(field=list(range(10 * MAX_VALUES)))["field"]) <= MAX_VALUES


def test_plans_are_bounded() -> None:
    """Keys without end are judged each time rather than remembered."""
    sanitizer = EventSanitizer()
    for number in range(3000):
        assert sanitizer(None, "info", {f"token-{number}": "a", f"a{number}_token": "b"}) == {
            f"token-{number}": "a",
            f"a{number}_token": "***",
        }


def test_ready_made_instance() -> None:
    """The processor is there for anyone's chain."""
    assert sanitize_event(None, "info", {"event": f"token={SECRET}"}) == {"event": "token=***"}


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())


@given(
    st.recursive(
        st.one_of(LEAVES, st.just({"token": SECRET}), st.just(("Token", SECRET)), st.just(f"token={SECRET}")),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner), st.tuples(inner, inner)),
    )
)
def test_anything(value: Any) -> None:
    """Whatever holds a named secret: it is gone, and what is left can be written as JSON."""
    assert SECRET not in json.dumps(process(field=value))


class Text(str):
    """A text that the sanitizer looks at the long way, since it is none of the plain type."""

    __slots__ = ()


KEYS = ("event", "request_id", "client", "method", "url", "route", "code", "reason", "timestamp", "own_name")


@given(
    st.lists(st.dictionaries(st.sampled_from(KEYS), st.one_of(LEAVES, NASTY)), max_size=3),
    SECRETS,
)
def test_short_way_is_the_long_one(events: list[dict[str, Any]], secrets: tuple[str, ...]) -> None:
    """What texts get of quick looks and of remembered texts changes nothing of what they are shown as."""
    sanitize = EventSanitizer(["own_name"])
    for event in events:
        wrapped = {key: Text(value) if isinstance(value, str) else value for key, value in event.items()}
        if type(event.get("timestamp")) is str:
            wrapped["timestamp"] = event["timestamp"]
        long = EventSanitizer(["own_name"])(None, "info", {**wrapped, "secrets": secrets})
        short = sanitize.sanitize(dict(event), secrets)
        assert repr(short) == repr(long)
        assert list(short) == list(event)


class Mapped(UserDict[str, Any]):
    """An event of another kind."""


@pytest.mark.parametrize("secrets", [None, (), [SECRET]], ids=repr)
def test_events_of_any_kind(secrets: Any) -> None:
    """An event need not be a dict, nor its secrets a tuple, nor be there."""
    event = Mapped({"url": f"/{SECRET}?token=a", "secrets": secrets})
    path = "***" if secrets else SECRET
    assert EventSanitizer()(None, "info", event) == {"url": f"/{path}?token=***"}


def test_names_that_are_learnt() -> None:
    """A name that becomes a secret's is masked from then on, as a key, in a text and where it was seen."""
    sanitize = EventSanitizer(["x-first"])
    text = "x-second=abc123 x-first=abc123"
    assert sanitize(None, "", {"x-second": "abc123", "said": text}) == {
        "x-second": "abc123",
        "said": "x-second=abc123 x-first=***",
    }
    sanitize.learn(["x-second"])
    sanitize.learn(["x-first"])
    assert sanitize(None, "", {"x-second": "abc123", "said": text}) == {
        "x-second": "***",
        "said": "x-second=*** x-first=***",
    }
