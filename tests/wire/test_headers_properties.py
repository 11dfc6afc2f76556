"""What holds of every list of fields, whatever a client or an upstream sends."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.headers import (
    HOP_BY_HOP,
    Field,
    Meaning,
    connection_options,
    response_names,
)
from tests.wire.fields import REQUEST_NAMES, SEEN, passed, reply, requests, sort, written

TOKEN = st.text("abcXYZ019-_.!", min_size=1, max_size=8).map(str.encode)
KNOWN = [*HOP_BY_HOP, *REQUEST_NAMES, *SEEN, b"Set-Cookie", b"X-A", b"X-B"]
NAMES = st.one_of(
    st.sampled_from(KNOWN),
    st.sampled_from(KNOWN).flatmap(
        lambda n: st.sampled_from([n.upper(), n.lower(), n.title(), n.swapcase()])
    ),
    TOKEN,
)
VALUES = st.one_of(
    st.lists(NAMES, max_size=3).map(b", ".join),
    st.binary(max_size=12).map(lambda v: v.translate(None, b"\r\n\0").strip()),
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


def is_part(part: Sequence[Field], whole: Sequence[Field]) -> bool:
    """Whether `part` is `whole` with some left out."""
    rest = iter(whole)
    return all(item in rest for item in part)


def check(kept: list[Field], fields: list[Field]) -> None:
    """What must hold of everything that passes, on both ways."""
    assert is_part(kept, fields)
    assert not {name.lower() for name, _ in kept} & HOP_BY_HOP


@given(FIELDS, st.booleans())
def test_requests_pass_in_order_and_nothing_hop_by_hop(fields: list[Field], keep: bool) -> None:
    """Whatever comes: what passes is a part of it in its order, and no name that may not pass is in it."""
    found = sort(*fields, keep_credentials=keep)
    kept = written(found.kept)
    check(kept, fields)
    assert len(found.kept) == 4 * len(kept)
    names = {name.lower() for name, _ in kept}
    assert not names & {b"host", b"content-length", b"expect", b"forwarded", b"x-principal", b"proxy"}
    assert not [name for name in names if name.startswith((b"x-forwarded-", b"proxy-")) or b"_" in name]
    assert keep or b"x-vx11-token" not in names
    assert found.credentials == [value for name, value in fields if name.lower() == b"x-vx11-token"]


@given(FIELDS)
def test_unlisted_fields_of_a_request_all_pass(fields: list[Field]) -> None:
    """Nothing ordinary is lost that Connection does not list, repetitions included."""
    listed = connection_options(value for name, value in fields if name.lower() == b"connection")
    names = requests()
    ordinary = [
        item for item in fields if names.meaning(item[0]) is Meaning.PASS and item[0].lower() not in listed
    ]
    assert written(sort(*fields).kept) == ordinary


@given(FIELDS)
def test_replies_pass_in_order_and_nothing_hop_by_hop(fields: list[Field]) -> None:
    """The same for replies; what is reported as said is among what passes."""
    found = reply(*fields)
    kept = passed(found)
    check(kept, fields)
    names = response_names(remove=[])
    assert found.seen == {names.meaning(name) for name, _ in kept} - {Meaning.PASS}


@given(FIELDS)
def test_replies_lose_only_what_connection_lists(fields: list[Field]) -> None:
    """Every other end-to-end field of a reply is there, each time it came."""
    listed = connection_options(value for name, value in fields if name.lower() == b"connection")
    gone = (HOP_BY_HOP | listed) - {b"content-length", b"content-type"}
    assert passed(reply(*fields)) == [item for item in fields if item[0].lower() not in gone]


@given(FIELDS)
def test_no_line_end_is_made(fields: list[Field]) -> None:
    """There are exactly as many line ends as fields that pass: none appears that was not there."""
    kept = sort(*fields, keep_credentials=True).kept
    data = b"".join(kept)
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n") == len(kept) // 4
    assert not {*b"\r\n"} & {*b"".join(reply(*fields).kept)}
