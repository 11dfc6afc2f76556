"""The gateway's own cookies taken out of a request, and written for a reply."""

from __future__ import annotations

import pytest

from tentaculo.wire.cookies import set_cookie, take_cookies

OWN = frozenset({b"own", b"__Secure-own"})
Taken = list[tuple[bytes, bytes]]

REQUESTS: dict[str, tuple[list[bytes], list[bytes], Taken]] = {
    "none": ([], [], []),
    "own alone": ([b"own=1"], [], [(b"own", b"1")]),
    "own first": ([b"own=1; a=2"], [b"a=2"], [(b"own", b"1")]),
    "own last": ([b"a=2; own=1"], [b"a=2"], [(b"own", b"1")]),
    "own between": ([b"a=2; own=1; b=3"], [b"a=2; b=3"], [(b"own", b"1")]),
    "without spaces": ([b"a=2;own=1;b=3"], [b"a=2;b=3"], [(b"own", b"1")]),
    "two of a name": ([b"own=1; a=2; own=3"], [b"a=2"], [(b"own", b"1"), (b"own", b"3")]),
    "both names": ([b"own=1; __Secure-own=2"], [], [(b"own", b"1"), (b"__Secure-own", b"2")]),
    "several fields": ([b"a=1", b"own=2", b"b=3; own=4"], [b"a=1", b"b=3"], [(b"own", b"2"), (b"own", b"4")]),
    "quoted": ([b'own="1"'], [], [(b"own", b"1")]),
    "white space around": ([b" own \t=\t 1 "], [], [(b"own", b"1")]),
    "equals sign in the value": ([b"own=a=b"], [], [(b"own", b"a=b")]),
    "no value": ([b"own=; a=1"], [b"a=1"], [(b"own", b"")]),
    "no equals sign": ([b"own; a=1"], [b"a=1"], [(b"own", b"")]),
    "nothing left but separators": ([b"own=1; ;"], [], [(b"own", b"1")]),
}


@pytest.mark.parametrize(("fields", "kept", "taken"), REQUESTS.values(), ids=REQUESTS)
def test_own_cookies_are_taken_out(fields: list[bytes], kept: list[bytes], taken: Taken) -> None:
    """Every one of them goes, wherever it stands, and the others stay in order."""
    assert take_cookies(fields, OWN) == (kept, taken)


FOREIGN = [
    b"a=1; b=2",
    b"OWN=1",
    b"own2=1; myown=2",
    b"a=own=1",
    b' a = "x;y" ;;  b=\xff\xfe',
    b"",
    b"__secure-own=1",
    b"%6fwn=1",
]


@pytest.mark.parametrize("field", FOREIGN, ids=[repr(field) for field in FOREIGN])
def test_field_without_own_cookies_stays_as_it_is(field: bytes) -> None:
    """It passes byte for byte; names count by case and without escapes (RFC 6265 section 4.2.2)."""
    assert take_cookies([field], OWN) == ([field], [])


WRITTEN = {
    "strict": (False, "strict", "n=v; Path=/a; Max-Age=60; HttpOnly; SameSite=Strict"),
    "none": (True, "none", "n=v; Path=/a; Max-Age=60; HttpOnly; SameSite=None; Secure; Partitioned"),
    "under TLS": (True, "strict", "n=v; Path=/a; Max-Age=60; HttpOnly; SameSite=Strict; Secure"),
}


@pytest.mark.parametrize(("secure", "same_site", "value"), WRITTEN.values(), ids=WRITTEN)
def test_cookie_that_no_script_reads(secure: bool, same_site: str, value: str) -> None:
    """A cookie has its path, its life, its site, and is HttpOnly always."""
    made = set_cookie("n", "v", path="/a", max_age=60, secure=secure, same_site=same_site)
    assert made == ("Set-Cookie", value)
