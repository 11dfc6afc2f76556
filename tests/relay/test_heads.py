"""Heads that are read without aiohttp's parser: which ones are, and that aiohttp would read them alike."""

from __future__ import annotations

import pytest
from aiohttp.http import HttpVersion10
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tentaculo.relay.heads import MOST_FIELDS, HeadReader, head_of
from tentaculo.wire.headers import REMEMBERED_NAMES
from tests.relay.odd_heads import (
    LEFT,
    LIMIT,
    TAKEN,
    WRITTEN,
    broken,
    check_alike,
    check_goes_on,
    head,
    parsed,
)


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_ordinary_head_is_taken(data: bytes) -> None:
    """What clients send is read here, as aiohttp would read it."""
    reader = HeadReader(max(LIMIT, len(data)))
    taken = reader.read(data)
    assert taken is not None
    check_alike(taken, data)
    check_goes_on(reader)


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_anything_else_is_left(data: bytes) -> None:
    """What parsers may differ about, or what brings more than a head, is for aiohttp; nothing stays of it."""
    reader = HeadReader(LIMIT)
    assert reader.read(data) is None
    check_goes_on(reader)
    for _ in range(3):
        assert reader.read(data) is None
    check_goes_on(reader)


def test_too_many_fields_are_left() -> None:
    """The number of fields is bounded, whatever their size."""
    data = head(*[b"A:b"] * MOST_FIELDS)
    reader = HeadReader(2 * len(data))
    assert reader.read(data) is None
    check_goes_on(reader)


def test_each_ordinary_method_is_taken() -> None:
    """These need no other parser."""
    reader = HeadReader(LIMIT)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        taken = reader.read(head(line=f"{method} /x HTTP/1.1".encode()))
        assert taken is not None
        assert taken.method == method


def test_names_are_remembered_within_bounds() -> None:
    """Names that clients make up take no memory for ever, and mean the same once there are too many."""
    reader = HeadReader(LIMIT)
    assert reader.read(head(b"X" * 100 + b": a")) is not None
    assert len(reader._kinds) == len([b"Host"])
    for number in range(REMEMBERED_NAMES + 10):
        assert reader.read(head(b"X-%d: a" % number)) is not None
    assert len(reader._kinds) == REMEMBERED_NAMES
    assert reader.read(head(b"eXPECT: 100-continue")) is None
    assert reader.read(head(b"cONTENT-lENGTH: 3")) is None
    check_goes_on(reader)


@given(st.lists(st.one_of(WRITTEN, broken()), min_size=1, max_size=4))
@example([b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
@settings(max_examples=500)
def test_what_is_taken_is_read_as_aiohttp_reads_it(inputs: list[bytes]) -> None:
    """Whatever comes, one after another: what is taken is one request for both, without a body."""
    reader = HeadReader(LIMIT)
    for data in inputs:
        taken = reader.read(data)
        if taken is not None:
            check_alike(taken, data)
    check_goes_on(reader)


# What is told of a head.


def test_fields_are_found_in_any_case() -> None:
    """The fields are a mapping, as aiohttp's: all values of a name, in order."""
    taken = HeadReader(LIMIT).read(head(b"Cookie: a=b", b"cookie: c=d", b"X_Y: z"))
    assert taken is not None
    assert taken.headers is taken.headers
    assert taken.headers.getall("COOKIE") == ["a=b", "c=d"]
    assert (taken.headers["x_y"], taken.headers.get("Origin")) == ("z", None)


def test_ordinary_heads_are_told_alike() -> None:
    """It makes no difference who read a head."""
    data = head(b"A: b", b"Connection: keep-alive", line=b"PUT /x?y HTTP/1.1")
    taken = HeadReader(LIMIT).read(data)
    ((message, _),) = parsed(data)
    made = head_of(message)
    assert taken is not None
    for name in ("method", "path", "host", "headers", "content_length", "is_http10", "is_http11", "is_coded"):
        assert getattr(taken, name) == getattr(made, name), name
    assert list(taken.raw_headers) == list(made.raw_headers)
    assert (taken.should_close, taken.upgrade, taken.chunked) == (
        made.should_close,
        made.upgrade,
        made.chunked,
    )


OTHERS: dict[str, tuple[bytes, dict[str, object]]] = {
    "HTTP/1.0": (
        b"GET /x HTTP/1.0\r\n\r\n",
        {"is_http10": True, "is_http11": False, "should_close": True, "host": None},
    ),
    "HTTP/1.0, keep-alive": (
        head(b"Connection: keep-alive", line=b"GET /x HTTP/1.0"),
        {"is_http10": True, "is_http11": False, "host": "a"},
    ),
    "close": (head(b"Connection: close"), {"should_close": True}),
    "length": (head(b"Content-Length: 5"), {"content_length": "5"}),
    "chunked": (head(b"Transfer-Encoding: chunked"), {"is_coded": True, "chunked": True}),
    "upgrade": (head(b"Connection: Upgrade", b"Upgrade: h2c"), {"upgrade": True}),
    "absolute": (head(line=b"GET http://b/x HTTP/1.1"), {"path": "http://b/x"}),
    "byte of Latin-1": (head(b"A: \xe9"), {}),
}


@pytest.mark.parametrize(("data", "told"), OTHERS.values(), ids=OTHERS)
def test_head_of_a_message_keeps_it_all(data: bytes, told: dict[str, object]) -> None:
    """What aiohttp's parser found is there."""
    ((message, _),) = parsed(data)
    made = head_of(message)
    usual = {
        "is_http10": False,
        "is_http11": True,
        "should_close": False,
        "content_length": None,
        "host": "a",
    }
    usual |= {"is_coded": False, "chunked": False, "upgrade": False, "path": "/x", "method": "GET"}
    assert {name: getattr(made, name) for name in usual} == usual | told
    assert (made.raw_headers, made.headers) == (message.raw_headers, message.headers)
    assert (message.version == HttpVersion10) is made.is_http10
