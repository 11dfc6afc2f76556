"""Which pages may call, and the fields that say so."""

from __future__ import annotations

import pytest

from tentaculo.wire.cors import VARY, CorsRule, Fields

APP = "https://app.test"
NAMED = CorsRule(frozenset({APP, "http://localhost:3000"}), credentials=False)
WITH_COOKIES = CorsRule(frozenset({APP}), credentials=True)
ANYONE = CorsRule(frozenset(), credentials=False)
EXPOSED = ("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, RateLimit, RateLimit-Policy")
ALLOWED = ("Access-Control-Allow-Origin", APP)

REPLIES: dict[str, tuple[CorsRule, str | None, Fields]] = {
    "allowed": (NAMED, APP, (*VARY, ALLOWED, EXPOSED)),
    "allowed in capitals": (
        NAMED,
        "HTTPS://App.test",
        (*VARY, ("Access-Control-Allow-Origin", "HTTPS://App.test"), EXPOSED),
    ),
    "with cookies": (
        WITH_COOKIES,
        APP,
        (*VARY, ALLOWED, ("Access-Control-Allow-Credentials", "true"), EXPOSED),
    ),
    "anyone": (ANYONE, APP, (*VARY, ("Access-Control-Allow-Origin", "*"), EXPOSED)),
    "no origin": (NAMED, None, VARY),
    "no origin where anyone may": (ANYONE, None, VARY),
    "other origin": (NAMED, "https://evil.test", VARY),
    "other scheme": (NAMED, "http://app.test", VARY),
    "other port": (NAMED, "https://app.test:8443", VARY),
    "origin with a tail": (NAMED, "https://app.test.evil.test", VARY),
    "sandbox": (NAMED, "null", VARY),
    "two origins": (NAMED, f"{APP}, {APP}", VARY),
    "letter that folds into another": (
        CorsRule(frozenset({"https://k.test"}), False),
        "https://\u212a.test",
        VARY,
    ),
}


@pytest.mark.parametrize(("rule", "origin", "fields"), REPLIES.values(), ids=REPLIES)
def test_fields_of_a_reply(rule: CorsRule, origin: str | None, fields: Fields) -> None:
    """An allowed origin alone is named, and every reply varies by it, or a cache would mix them up."""
    assert rule.fields(origin) == fields


def test_preflight_of_an_allowed_origin() -> None:
    """It may send the method and the fields that it asks for, and need not ask again for a while."""
    assert NAMED.preflight_fields(APP, "POST", "x-vx11-token, last-event-id") == (
        *VARY,
        ALLOWED,
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", "x-vx11-token, last-event-id"),
        ("Access-Control-Max-Age", "600"),
    )


def test_preflight_with_cookies() -> None:
    """Where cookies may come along the preflight says so, and never for everybody."""
    named, anyone = WITH_COOKIES.preflight_fields(APP, "GET", None), ANYONE.preflight_fields(APP, "GET", None)
    assert ("Access-Control-Allow-Credentials", "true") in (named or ())
    assert anyone is not None
    assert "Access-Control-Allow-Credentials" not in dict(anyone)
    assert dict(anyone)["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origin", ["https://evil.test", "null", ""])
def test_preflight_of_another_origin(origin: str) -> None:
    """Nothing is said to it."""
    assert NAMED.preflight_fields(origin, "GET", None) is None


NAMES = {
    "none": (None, None),
    "one": ("x-a", "x-a"),
    "spaces": (" x-a ,\tx-b ", "x-a ,\tx-b"),
    "empty": ("", None),
    "empty name": ("x-a,,x-b", None),
    "no name": ("x a", None),
    "line break": ("x-a\r\nSet-Cookie: a", None),
    "beyond ASCII": ("x-\u20ac", None),
    "long": ("x" * 1024, "x" * 1024),
    "too long": ("x" * 1025, None),
}


@pytest.mark.parametrize(("names", "allowed"), NAMES.values(), ids=NAMES)
def test_names_that_a_preflight_asks_for(names: str | None, allowed: str | None) -> None:
    """What is a list of names is said back; anything else is not."""
    fields = NAMED.preflight_fields(APP, "GET", names)
    assert fields is not None
    assert dict(fields).get("Access-Control-Allow-Headers") == allowed


@pytest.mark.parametrize("method", ["", "GET, PUT", "G T", "\u20ac", "GET\r\nX: y"])
def test_method_that_is_none(method: str) -> None:
    """What is no method is not said back."""
    assert NAMED.preflight_fields(APP, method, None) is None
