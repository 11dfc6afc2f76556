"""One parameter taken out of a query, and nothing else of it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.query import take_parameter

TAKEN: dict[str, tuple[str, str | None, tuple[bytes, ...]]] = {
    "alone": ("token=x", None, (b"x",)),
    "first": ("token=x&a=1", "a=1", (b"x",)),
    "last": ("a=1&token=x", "a=1", (b"x",)),
    "between": ("a=1&token=x&b=2", "a=1&b=2", (b"x",)),
    "twice": ("token=x&a=1&token=y", "a=1", (b"x", b"y")),
    "twice the same": ("token=x&token=x", None, (b"x", b"x")),
    "empty": ("token=", None, (b"",)),
    "without equals sign": ("token&a", "a", (b"",)),
    "equals sign in the value": ("token=a=b", None, (b"a=b",)),
    "name with escapes": ("%74oken=x&a", "a", (b"x",)),
    "name all in escapes": ("%74%6F%6b%65%6E=x", None, (b"x",)),
    "value with escapes": ("token=%41%2Bb+c", None, (b"A+b c",)),
    "value that is no text": ("token=%ff%00", None, (b"\xff\x00",)),
    "broken escape in the value": ("token=%4", None, (b"%4",)),
    "empty pairs stay": ("&token=x&&a=1&", "&&a=1&", (b"x",)),
    "nothing but an empty pair": ("token=x&", "", (b"x",)),
}


@pytest.mark.parametrize(("query", "rest", "values"), TAKEN.values(), ids=TAKEN)
def test_parameter_is_taken(query: str, rest: str | None, values: tuple[bytes, ...]) -> None:
    """It goes however its name is escaped and wherever it stands, and the others stay in order."""
    assert take_parameter(query, "token") == (rest, values)


LEFT = {
    "none": "a=1&b=2",
    "nothing at all": "",
    "upper case": "TOKEN=x",
    "part of a name": "mytoken=x&tokens=y&token2=z",
    "only a value": "a=token&b=token=x",
    "escaped twice": "%2574oken=x",
    "array": "token[]=x&token%5B%5D=y",
    "space": "token+=x&+token=y&token%20=z",
    "equals sign in the name": "token%3Dx",
    "separator in the name": "a%26token=x",
    "semicolon": "a=1;token=x",
    "dot": "token.=x",
    "spelled with odd bytes": "a=%zz&%=%&b=%e2%82%AC&c=+&+&'\"",
}


@pytest.mark.parametrize("query", LEFT.values(), ids=LEFT)
def test_other_parameters_are_left(query: str) -> None:
    """What is another name stays byte for byte."""
    assert take_parameter(query, "token") == (query, ())


NAMES = st.text("tokenTOKEN%+24=;", max_size=8)
PAIRS = st.lists(st.tuples(NAMES, st.text("ab%+=;0", max_size=5)), max_size=6)


@given(before=PAIRS, after=PAIRS, value=st.binary(max_size=10))
def test_rest_is_what_stood_around(
    before: list[tuple[str, str]], after: list[tuple[str, str]], value: bytes
) -> None:
    """Whatever stands around it comes back as if the parameter had never been there."""
    around = [f"{name}={value}" for name, value in (*before, *after)]
    others = [pair for pair in around if not take_parameter(pair, "token")[1]]
    spot = sum(pair in others for pair in around[: len(before)])
    query = "&".join([*others[:spot], f"token={quote(value)}", *others[spot:]])
    assert take_parameter(query, "token") == ("&".join(others) if others else None, (value,))
