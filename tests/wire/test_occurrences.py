"""Where secrets are found."""

from __future__ import annotations

import pytest

from tentaculo.wire.decoded import decode
from tentaculo.wire.occurrences import Occurrences
from tentaculo.wire.secret_names import SecretNames

NAMES = SecretNames()
URL = {
    "parameter": ("/e?token=a&b=1&sid=c", ["a", "c"]),
    "path parameter": ("/token=a?b=1", ["a"]),
    "segment": ("/token/a/session/b1/session/list", ["a", "b1"]),
    "no segment of a header": ("/cookie/a/token[0]/b", []),
    "address": ("https://u:p@h/x//y@z", ["u:p"]),
    "scheme": ("/e?a=Bearer+b&c=basic+dXNlcjpw", ["b", "dxnlcjpw"]),
    "web token": ("/eyJabcdef.ghijkl.mn/x", ["eyjabcdef.ghijkl.mn"]),
    "no web token": ("/keyJabcdef.ghijkl.mn/x", []),
    "empty": ("/e?token=&secret&key", []),
    "option": ("/e?q=run+--token+a&x=token+b", ["a"]),
    "pair in a form": ("/e?q=[%22token%22,+%22a%22]", ["a"]),
    "JSON": ('/e?q={"token":1,"a":2}', ["1"]),
}
TEXT = {
    "prose": ("error code: 1, code: 2", ["2"]),
    "header": ("X-Token: a b\nHost: c", ["a b"]),
    "indented header": ("  X-Token: a b", ["a b"]),
    "within a line": ("found x-token: a b", ["a"]),
    "written line end": (r"a\r\nX-Token: b c\r\nd", ["b c"]),
    "quoted header": ("-H 'X-Token: a b' c", ["a b"]),
    "header of parts": ("found Cookie: a; b", ["a; b"]),
    "scheme and value": ("authorization=Bearer a b", ["bearer a"]),
    "bearer in prose": ("bearer token, bearer auth. bearer realm=x", []),
    "basic in prose": ("Basic Authentication, basic abc, basic ", []),
    "option": ("--my-token a token b -token c", ["a"]),
    "quoted option": ("--token 'a b' c", ["a b"]),
    "comma": ("token, a 'token', 'b' 'token', c", ["b"]),
    "element": ("<token>a</token>", ["a"]),
    "short name is no element": ("<code>a</code> 'token'>b", []),
    "quoted, then more": ("token='a'b c", ["'a'b"]),
    "angles": ("token=<a b> c", ["<a b>"]),
    "brackets": ("token=[a, b] c", ["[a, b]"]),
    "bad port": ("http://u:a/b@h http://h:80/a@b", ["u:a/b"]),
    "encoded at sign": ("http://h%40x/y //a:b%40c@d", ["a:b@c"]),
    "no address": ("// a@b //c@d", []),
}


def found(text: str, *, is_url: bool) -> list[str]:
    """Return what is found in a text, as it is decoded."""
    seen = decode(text)
    spans = Occurrences(seen, NAMES, text, is_url=is_url).spans()
    return [seen.text[begin:end] for begin, end in spans]


@pytest.mark.parametrize(("text", "secrets"), URL.values(), ids=URL)
def test_found_in_url(text: str, secrets: list[str]) -> None:
    """In a URL its own grammar says what is a secret."""
    assert found(text, is_url=True) == secrets


@pytest.mark.parametrize(("text", "secrets"), TEXT.values(), ids=TEXT)
def test_found_in_text(text: str, secrets: list[str]) -> None:
    """In free text the way of writing says what is a secret."""
    assert found(text, is_url=False) == secrets


@pytest.mark.parametrize("unit", ["token=x&", "key "])
def test_very_many(unit: str) -> None:
    """After very many secrets, or places that look so, everything else counts as one."""
    text = unit * 10_000
    assert len(found(text, is_url=True)) < 1000
    assert found(text, is_url=True)[-1].endswith(unit)
