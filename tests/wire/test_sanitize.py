"""Sanitizing: the table of cases, anything at all, values, and time on hostile texts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tentaculo.wire.sanitize import Sanitizer, mask_values

TABLE = Path(__file__).parent.parent / "cases" / "sanitize.json"
CASES: list[dict[str, Any]] = json.loads(TABLE.read_text())["cases"]
SECRET = "S3cr3tAbC-123_xyz"
SANITIZER = Sanitizer(["own_name", "Ticket"])
# A quadratic scan of these would take seconds; the limit leaves room for a slow machine.
HOSTILE_SIZE, HOSTILE_SECONDS = 100_000, 0.25


def by_kind(kind: str) -> Callable[[str], str]:
    """Return the method that a case is for."""
    return SANITIZER.url if kind == "url" else SANITIZER.text


def fastest(sanitize: Callable[[str], str], text: str) -> float:
    """Return the CPU seconds of the best of three calls: a collection of garbage is not the code's."""
    seconds = []
    for _ in range(3):
        begun = time.thread_time()
        sanitize(text)
        seconds.append(time.thread_time() - begun)
    return min(seconds)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Every case of the table holds, those that were left to choose too."""
    sanitize = by_kind(case["kind"])
    shown = sanitize(case["input"])
    assert [part for part in case["must_not_contain"] if part in shown] == []
    assert [part for part in case["must_still_contain"] if part not in shown] == []
    assert shown == case.get("exact", shown)
    assert fastest(sanitize, case["input"]) < case.get("max_ms", 20) / 1000
    assert sanitize(shown) == shown
    assert json.loads(json.dumps(shown)) == shown


HOSTILE = (
    *(
        "a",
        "%",
        "=",
        "&",
        "?",
        "/",
        '"',
        "'",
        "\\",
        '\\"',
        "token",
        "token=",
        "&token=x",
        "token: ",
        '{"token":',
    ),
    *('{"token":"x"}', "token[", "token]", "token[0]", "token=[", '"token":[', "Bearer ", "Bearer x ", "://"),
    *("//u:p@h ", "//a:b/", "%25", "%252525252525", "%41", "%41a", "%74oken=", "%FF", "%E2%80%8B", "\u200b"),
    *("a\u200b", "\ufb01", "\uff54", "\xdf", "\ud800", "\\u0074", "\\x41", "eyj", "eyJabcd.efgh", "eyJa-"),
    *("token/", "token/x/", "\nCookie: a", "\\r\\n", "key:", " key: 1", "code ", "--token ", "&quot;"),
    *(
        '"token" , "x"',
        "token>x<",
        "?%41",
        "%zz",
        "&a%",
        "token\t",
        "token+",
        "-",
        "_",
        "Basic QWxh ",
        "//%40",
    ),
    *(
        "token=<",
        "token=(",
        "token.0",
        "\n",
        "`",
        "***",
        "\u65e5\u672c",
        "token=\u65e5&",
        "//a@b%40",
        "token=T(",
    ),
)


@pytest.mark.parametrize("prefix", ["", "/e?token=", '{"token": "', "//u:", '"token":[', "token: "])
@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_time_is_bounded(unit: str, prefix: str) -> None:
    """100 KB of anything that makes naive patterns crawl takes no longer than other texts."""
    text = prefix + (unit * (HOSTILE_SIZE // len(unit) + 1))[:HOSTILE_SIZE] + "=x"
    for sanitize in (SANITIZER.url, SANITIZER.text, lambda text: mask_values(text, [SECRET])):
        assert fastest(sanitize, text) < HOSTILE_SECONDS


def test_too_many_letters_to_fold() -> None:
    """A text of more different letters than anyone writes is masked rather than looked through."""
    text = "/e?" + "".join(map(chr, range(0x3300, 0x3400))) + "".join(map(chr, range(0xF900, 0x10000)))
    text += "".join(map(chr, range(0x1D400, 0x1D800)))
    assert SANITIZER.text(text) == "***"


def test_distinct_letters_fold_too() -> None:
    """Many different letters are folded in another way, to the same end."""
    name = "\uff54\uff4f\uff4b\uff45\uff4e"
    assert SANITIZER.url(f"/\uff21\uff22\uff23\uff24\uff26\uff27?{name}={SECRET}").endswith("=***")


SECRETS = [f"S3cr3tAbC-{number:03}_xyz" for number in range(240)]

LONG_URLS = {
    "query": ("/e?a=1&" + "%41b" * 800, "/e?***"),
    "path": ("/things/" + "%41b" * 800 + "?a=1", "/things/***"),
    "path alone": ("/things/" + "%41b" * 800, "/things/***"),
    "secret before it": (f"/token/{SECRET}?" + "%41b" * 800, "/token/***?***"),
    "few escapes": ("/e?a=%41" + "b" * 4000, "/e?a=%41" + "b" * 4000),
    "short": ("/e?a=" + "%41b" * 300, "/e?a=" + "%41b" * 300),
}


@pytest.mark.parametrize(("url", "shown"), LONG_URLS.values(), ids=LONG_URLS)
def test_long_escaped_url_is_masked(url: str, shown: str) -> None:
    """What would be too much work to look through is masked, and what comes before it is shown."""
    assert SANITIZER.url(url) == shown
    assert SANITIZER.url(shown) == shown


FRAGMENTS = st.sampled_from(
    [
        *(
            "token",
            "Token",
            "code",
            "session",
            "authorization",
            "cookie",
            "Bearer ",
            "Basic ",
            "=",
            ":",
            ": ",
        ),
        *("&", "?", "#", "/", "//", "://", "@", "%", "%3D", "%253D", "%26", "%20", "%22", "%2", "%zz", "%00"),
        *(
            "%FF",
            "%E2%80%8B",
            '"',
            "'",
            '\\"',
            "\\",
            "\\u0074",
            "\\u0026",
            "\\x3d",
            "\\n",
            "\\r\\n",
            "\n",
            " ",
        ),
        *(",", ";", "[", "]", "{", "}", "(", ")", "<", ">", "[0]", ".", "-", "abc", "***", "x=1", "&quot;"),
        *(
            "&amp;",
            "--",
            "b'",
            "=>",
            "\u200b",
            "\uff1d",
            "\uff54oken",
            "\ufb01",
            "\ud800",
            "\u0130",
            "\u2a75",
        ),
        *("eyJhbGciOi", "`", "+", "|", "%u0074", "%25", "own_name"),
    ]
)
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(st.one_of(st.lists(FRAGMENTS, max_size=16).map("".join), ANY_TEXT))
@example("?%2526Token: xx=1\\u0074(\\u0026[%2://")
@example("token: ''%cookie.:'")
@example("://session:%3D%2526%2(\\u0074: /\ufb01@")
def test_twice_is_once(text: str) -> None:
    """Sanitizing never raises, its result is JSON, and sanitizing that again changes nothing."""
    for sanitize in (SANITIZER.url, SANITIZER.text):
        shown = sanitize(text)
        assert sanitize(shown) == shown
        assert json.loads(json.dumps(shown)) == shown


def test_unsettled_text_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that would go on changing is masked whole."""
    monkeypatch.setattr("tentaculo.wire.sanitize._MAX_PASSES", 1)
    assert Sanitizer().text(f"token={SECRET}") == "***"


def encoded(text: str, rounds: int) -> str:
    """Percent-encode every character, as often as asked."""
    for _ in range(rounds):
        text = "".join(f"%{byte:02X}" for byte in text.encode())
    return text


NAMES = st.sampled_from(["token", "access_token", "Password", "x-api-key", "sid", "jwt", "own_name", "CODE"])
AROUND = st.text(st.sampled_from("abc019-_.~/:@!$'()*,;+"), max_size=12)


@given(
    name=NAMES,
    rounds=st.integers(0, 3),
    value=st.from_regex(r"[A-Za-z0-9+/_~.\-]{8,40}={0,2}", fullmatch=True),
    before=AROUND,
    after=AROUND,
)
def test_named_parameter_is_masked(name: str, rounds: int, value: str, before: str, after: str) -> None:
    """Whatever the value, however often the name is encoded: the parameter is masked and no other."""
    url = f"/p?a=b{quote(before)}&{encoded(name, rounds)}={value}&z={quote(after)}"
    shown = SANITIZER.url(url)
    assert f"{encoded(name, rounds)}=***&z=" in shown
    assert shown.startswith("/p?a=b")


VALUES = {
    "raw": ("/x/{}/y", "/x/***/y"),
    "twice": ("{} and {}", "*** and ***"),
    "quoted": ("q={quoted}&x", "q=***&x"),
    "encoded wholly": ("q={encoded}&x", "q=***&x"),
    "encoded twice": ("q={doubled}&x", "q=***&x"),
    "repr": (r"b'\x{hex}'", "b'***'"),
    "encoded, but another": ("q=%41%42%43", "q=%41%42%43"),
    "escaped, but another": (r"a\tb", r"a\tb"),
}


@pytest.mark.parametrize(("text", "shown"), VALUES.values(), ids=VALUES)
def test_values_are_masked(text: str, shown: str) -> None:
    """A known secret is removed wherever it stands and however it is escaped."""
    secret = "a+b/c=d e\xf6f"
    spelled = text.format(
        secret,
        secret,
        quoted=quote(secret, safe=""),
        encoded=encoded(secret, 1),
        doubled=encoded(secret, 2),
        hex=r"\x".join(f"{ord(char):02x}" for char in secret),
    )
    assert mask_values(spelled, ["", "short", secret]) == shown


def test_short_values_stay() -> None:
    """A secret of fewer than 8 characters would take half of the log with it."""
    assert mask_values("/abc/%41bcdefg", ["abc", "abcdefg"]) == "/abc/%41bcdefg"


SPELLED = encoded(SECRET, 1)
LONG = "%41b" * 1200
COSTLY = {
    "secret in the path": (f"/x/{SECRET}?{LONG}", [SECRET], "/x/***?***"),
    "spelled in the path": (f"/x/{SPELLED}?{LONG}", [SECRET], "/x/***?***"),
    "path too": (f"/x/{LONG}?a", [SECRET], "***"),
    "no query": (f"{SECRET} {LONG}", [SECRET], "***"),
    "many secrets": (f"/x/{SECRETS[200]}?a=%41", SECRETS, "/x/***?***"),
    "many secrets, spelled": (f"/x/{SPELLED}?a=%41", [*SECRETS, SECRET], "***"),
    "many secrets, plain": (f"/x/{SECRETS[200]}?a=1", SECRETS, "/x/***?a=1"),
    "many secrets, long": (f"{SECRETS[200]}?" + "a" * 600, SECRETS, "***?***"),
    "escaped secret": ("/x?a=%41", ["%41" * 2000], "/x?***"),
    "same secret": (f"/x?a=%41&b={SECRET}", [SECRET] * 100, "/x?a=%41&b=***"),
}


@pytest.mark.parametrize(("text", "secrets", "shown"), COSTLY.values(), ids=COSTLY)
def test_costly_values_are_masked(text: str, secrets: list[str], shown: str) -> None:
    """Where looking for the secrets would be much work, all is masked that could hold one."""
    assert mask_values(text, secrets) == shown


def test_several_values_are_masked() -> None:
    """Secrets that overlap, hold one another or stand apart all go, however they are escaped."""
    secrets = ["abcdefgh-1", "efgh-1234567", "abcdefgh", "ijklmnop"]
    assert mask_values("abcdefgh-1 ijklmnop", secrets) == "*** ***"
    assert mask_values("x%61bcdefgh%2D1234567y%69jklmnopz", secrets) == "x***y***z"


def test_clean_texts_hold_no_secret() -> None:
    """What is remembered came out unchanged, is short, and is not much."""
    sanitizer = Sanitizer()
    for sanitize in (sanitizer.url, sanitizer.text):
        sanitize(f"/e?token={SECRET}")
        sanitize("/long/" * 1000)
        for number in range(5000):
            sanitize(f"/things/{number}")
    for clean in (sanitizer.clean_urls, sanitizer.clean_texts):
        assert 0 < len(clean) <= 2048
        assert all(text.startswith("/things/") for text in clean)


def test_names_are_told() -> None:
    """The names of keys are judged by the same rule as names in texts."""
    assert SANITIZER.is_secret_name("X-VX11-Token")
    assert not SANITIZER.is_secret_name("tokens")
