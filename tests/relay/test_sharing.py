"""Who shares a stream with whom, and what the upstream learns of them."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.access.principals import Principal
from tentaculo.config.settings import Access, CorsSettings, HeaderEdits, RouteSettings, StreamSettings
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.sharing import Wanted, wanted_stream
from tentaculo.wire.headers import Fields, sort_request_fields
from tentaculo.wire.target import parse_target
from tests.relay.parts import plan_of, route_of
from tests.wire.fields import sort_reply

ALICE, BOB = Principal("alice"), Principal("bob")


def shared(*vary: str, **changes: Any) -> RouteSettings:
    """Configure a route with shared streams."""
    return route_of(**{"stream": StreamSettings(shared=True, vary=vary)} | changes)


def wanted(
    plan: RoutePlan, target: str = "/api/a", fields: Fields = (), principal: Principal | None = ALICE
) -> Wanted:
    """Return what a request asks for."""
    assert plan.sharing is not None
    kept = sort_request_fields(fields, plan.request_names, keep_credentials=False)
    return wanted_stream(plan.sharing, plan.name, parse_target(target, "a"), kept, principal)


NOT_SHARED = {"no stream": None, "a stream for each": StreamSettings()}


@pytest.mark.parametrize("stream", NOT_SHARED.values(), ids=NOT_SHARED)
def test_routes_that_share_nothing(stream: StreamSettings | None) -> None:
    """Each client has its own stream unless the route says otherwise."""
    assert plan_of(route_of(stream=stream)).sharing is None


SAME: dict[str, tuple[str, Fields, Principal | None]] = {
    "same": ("/api/a?b=1", (), ALICE),
    "another principal": ("/api/a?b=1", (), BOB),
    "nobody": ("/api/a?b=1", (), None),
    "other fields": ("/api/a?b=1", [(b"User-Agent", b"x"), (b"Cookie", b"a=b"), (b"Accept", b"*/*")], ALICE),
}
OTHER = {
    "path": "/api/b?b=1",
    "case of the path": "/api/A?b=1",
    "query": "/api/a?b=2",
    "no query": "/api/a",
    "order of the query": "/api/a?c=1&b=1",
}


@pytest.mark.parametrize("case", SAME)
def test_who_shares(case: str) -> None:
    """Route, path and query make a stream; who asks, and what else is asked with, does not."""
    plan = plan_of(shared())
    target, fields, principal = SAME[case]
    one, other = wanted(plan, "/api/a?b=1"), wanted(plan, target, fields, principal)
    assert one.key == other.key
    assert (other.url, other.lines, other.principal) == ("/api/a?b=1", b"", None)
    assert other.target == parse_target("/api/a?b=1", "a")


@pytest.mark.parametrize("case", OTHER)
def test_who_does_not_share(case: str) -> None:
    """What the upstream is asked differs."""
    plan = plan_of(shared())
    assert wanted(plan, "/api/a?b=1").key != wanted(plan, OTHER[case]).key


def test_routes_do_not_share() -> None:
    """Each has its own rules, also for one path."""
    one, other = plan_of(shared()), plan_of(shared(name="other"))
    assert wanted(one).key != wanted(other).key


LANGUAGES = {
    "spelling of the name": ([(b"accept-LANGUAGE", b"es")], True),
    "more fields": ([(b"A", b"b"), (b"Accept-Language", b"es"), (b"C", b"d")], True),
    "another value": ([(b"Accept-Language", b"en")], False),
    "case of the value": ([(b"Accept-Language", b"ES")], False),
    "none": ([], False),
    "empty": ([(b"Accept-Language", b"")], False),
    "twice": ([(b"Accept-Language", b"es"), (b"Accept-Language", b"es")], False),
}


@pytest.mark.parametrize(("fields", "is_same"), LANGUAGES.values(), ids=LANGUAGES)
def test_fields_to_vary_by(fields: Fields, is_same: bool) -> None:
    """They are in the key as they are, and the upstream gets them and no others."""
    plan = plan_of(shared("Accept-Language"))
    one, other = wanted(plan, fields=[(b"Accept-Language", b"es")]), wanted(plan, fields=fields)
    assert one.lines == b"accept-language: es\r\n"
    assert (one.key == other.key) is is_same
    assert other.key[2] == other.lines


def test_order_of_names_does_not_matter() -> None:
    """Fields with different names mean the same in any order, also with others between."""
    plan = plan_of(shared("X-A", "X-B"))
    ordered = [(b"X-A", b"2"), (b"X-A", b"1"), (b"X-B", b"3")]
    for fields in ([ordered[2], *ordered[:2]], [ordered[0], ordered[2], (b"X-C", b"4"), (b"x-a", b"1")]):
        assert wanted(plan, fields=fields) == wanted(plan, fields=ordered)
    assert wanted(plan, fields=ordered).lines == b"x-a: 2\r\nx-a: 1\r\nx-b: 3\r\n"


def test_order_of_one_names_fields_matters() -> None:
    """They are one list (RFC 9110 section 5.3), which goes up as it came."""
    plan = plan_of(shared("X-A"))
    one, other = (
        wanted(plan, fields=[(b"X-A", value) for value in values]) for values in ((b"1", b"2"), (b"2", b"1"))
    )
    assert one.key != other.key
    assert (one.lines, other.lines) == (b"x-a: 1\r\nx-a: 2\r\n", b"x-a: 2\r\nx-a: 1\r\n")


PERSONAL = {
    "cookie": ("Cookie", [(b"Cookie", b"a=b")], b"cookie: a=b\r\n", False),
    "authorization": (
        "Authorization",
        [(b"Authorization", b"Basic x")],
        b"authorization: Basic x\r\n",
        False,
    ),
    "identity": ("X-Tentaculo-Principal", [], b"", True),
}


@pytest.mark.parametrize(("vary", "fields", "lines", "told"), PERSONAL.values(), ids=PERSONAL)
def test_personal_fields(vary: str, fields: Fields, lines: bytes, told: bool) -> None:
    """Where the upstream learns of one client, no two principals share, even with the same value."""
    plan = plan_of(shared(vary))
    alice, bob, nobody = (wanted(plan, fields=fields, principal=who) for who in (ALICE, BOB, None))
    assert len({alice.key, bob.key, nobody.key}) == 3
    assert alice.lines == bob.lines == lines
    assert (alice.principal, bob.principal) == ((ALICE, BOB) if told else (None, None))
    assert alice.key == wanted(plan, fields=fields).key


def test_identity_that_a_client_claims_does_not_count() -> None:
    """Nobody shares with another by saying their name."""
    plan = plan_of(shared("X-Tentaculo-Principal"))
    claimed = wanted(plan, fields=[(b"X-Tentaculo-Principal", b"bob")])
    assert claimed == wanted(plan)
    assert claimed.key != wanted(plan, principal=BOB).key


def test_fields_of_one_reply_are_not_passed_on() -> None:
    """Many clients get the head, at other times; what the route removes goes too."""
    plan = plan_of(shared(response_headers=HeaderEdits(remove=("Server",), set=(("X-Set", "own"),))))
    assert plan.sharing is not None
    names = [
        "Set-Cookie",
        "DATE",
        "Age",
        "Content-Length",
        "ETag",
        "Last-Modified",
        "Expires",
        "X-Request-Id",
    ]
    fields = [(name.encode(), b"x") for name in [*names, "Server", "X-Set", "X-Kept"]]
    sorted_fields = sort_reply(fields, plan.sharing.response_names)
    assert sorted_fields.kept == [b"X-Kept: x"]
    assert sorted_fields.seen == set()


@pytest.mark.parametrize(
    "cors", [None, CorsSettings(origins=("https://app.example.org",))], ids=["none", "cors"]
)
def test_upstream_has_no_say_in_cors(cors: CorsSettings | None) -> None:
    """Where the gateway decides about origins, the upstream does not."""
    plan = plan_of(shared(cors=cors, access=Access.PUBLIC))
    assert plan.sharing is not None
    kept = sort_reply([(b"Access-Control-Allow-Origin", b"*")], plan.sharing.response_names).kept
    assert bool(kept) is (cors is None)
