"""What opens a stream, by route and by kind of credential, and what of it goes up."""

from __future__ import annotations

import pytest

from tentaculo.relay.opening import token_cookie
from tests.fakes.client import Fields, told
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import (
    APP,
    BLOCKED,
    EVENTS,
    OUTSIDER,
    UNKNOWN,
    issue,
    placed,
    token_configuration,
)

NAMES = ("query", "sibling", "cookie", "header", "once", "ttl", "open", "handed-on", "off", "delegated")


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with routes of every kind, whose streams end by themselves."""
    for name in NAMES:
        upstream.canned[f"/sse/{name}"] = EVENTS
    return await start_front(token_configuration(upstream, extra="trusted_peers: [127.0.0.1]\n"))


async def outcome(front: Front, target: str, fields: Fields, method: str = "GET") -> tuple[int, str]:
    """Return the status, and what opened the stream or why nothing did."""
    reply = await front.call(target, fields, method=method)
    if reply.status == 200:
        return 200, str((await front.logs.wait_for("stream.opened")).get("opened_by", ""))
    assert reply.head.value("Content-Type") == "application/problem+json"
    return reply.status, str(front.logs.named("request.finished")[-1].get("reason", ""))


def query(token: str) -> str:
    """Present a token in the query."""
    return f"?token={token}"


COOKIE = token_cookie("/token/cookie")
PRINCIPALS: dict[str, tuple[str, str, Fields, int, str]] = {
    "nothing": ("query", "", (), 401, "missing"),
    "principal": ("query", "", GOOD, 200, "principal_header"),
    "principal, cookie route": ("cookie", "", GOOD, 200, "principal_header"),
    "principal, header route": ("header", "", GOOD, 200, "principal_header"),
    "unknown": ("query", "", [("X-VX11-Token", UNKNOWN)], 401, "unknown"),
    "unknown, cookie route": ("cookie", "", [("X-VX11-Token", UNKNOWN)], 401, "unknown"),
    "unknown, header route": ("header", "", [("X-VX11-Token", UNKNOWN)], 401, "token_unknown"),
    "two": ("query", "", [*GOOD, *GOOD], 400, "ambiguous"),
    "two, header route": ("header", "", [*GOOD, ("X-VX11-Token", UNKNOWN)], 400, "ambiguous"),
    "blocked": ("query", "", BLOCKED, 403, "blocked"),
    "blocked, header route": ("header", "", BLOCKED, 403, "blocked"),
    "not allowed": ("query", "", OUTSIDER, 403, "route_not_allowed"),
    "not allowed, header route": ("header", "", OUTSIDER, 403, "route_not_allowed"),
    "switched off": ("off", "", GOOD, 503, ""),
    "switched off, nothing": ("off", "", (), 503, ""),
    "principal in the query": ("query", query(TOKEN), (), 401, "token_unknown"),
    "principal in the query where it may": ("open", f"?sse_token={TOKEN}", (), 200, "principal_query"),
    "principal under another name": ("open", query(TOKEN), (), 401, "missing"),
    "blocked, where a query may": ("open", f"?sse_token={OTHER_TOKEN}", (), 403, "route_not_allowed"),
    "principal and token": ("query", query(UNKNOWN), GOOD, 400, "ambiguous"),
    "two tokens": ("query", f"?token={UNKNOWN}&token={UNKNOWN}", (), 400, "ambiguous"),
    "empty token": ("query", "?token=", (), 401, "token_unknown"),
    "no token's form": ("query", query("x" * 36), (), 401, "token_unknown"),
    "unknown token": ("query", query(UNKNOWN), (), 401, "token_unknown"),
    "unknown cookie": ("cookie", "", [("Cookie", f"{COOKIE}={UNKNOWN}")], 401, "token_unknown"),
    "two cookies": ("cookie", "", [("Cookie", f"{COOKIE}={UNKNOWN}; {COOKIE}=x")], 400, "ambiguous"),
    "cookie and principal": ("cookie", "", [*GOOD, ("Cookie", f"{COOKIE}={UNKNOWN}")], 400, "ambiguous"),
    "delegated": ("delegated", query(UNKNOWN), (), 200, ""),
}


@pytest.mark.parametrize(("name", "suffix", "fields", "status", "why"), PRINCIPALS.values(), ids=PRINCIPALS)
async def test_credentials_without_a_token(
    name: str, suffix: str, fields: Fields, status: int, why: str, front: Front, upstream: ScriptedUpstream
) -> None:
    """One good credential where the route reads it opens a stream; anything else costs no upstream."""
    await front.tokens.revoke("reader", block=3600)
    assert await outcome(front, f"/sse/{name}{suffix}", fields) == (status, why)
    assert len(upstream.exchanges) == (status == 200)


ISSUED = ["query", "cookie", "header", "once", "ttl", "open", "handed-on"]


@pytest.mark.parametrize("name", ISSUED)
async def test_good_token(name: str, front: Front, upstream: ScriptedUpstream) -> None:
    """It opens the stream of its route, in the principal's name."""
    target, fields = placed(name, await issue(front, name))
    assert await outcome(front, target, fields) == (200, "ephemeral_token")
    assert upstream.exchanges[-1].head.values("X-Tentaculo-Principal") == ["operator-ui"]
    assert front.logs.named("stream.opened")[0]["principal"] == "operator-ui"
    assert front.metric(r'sse_streams_opened_total\{credential="ephemeral_token"\}') == 1


@pytest.mark.parametrize("name", ISSUED)
async def test_expired_token(name: str, front: Front) -> None:
    """After its time it opens nothing."""
    target, fields = placed(name, await issue(front, name))
    front.pass_time(60.1)
    assert await outcome(front, target, fields) == (401, "token_expired")


@pytest.mark.parametrize("name", ISSUED)
async def test_revoked_token(name: str, front: Front) -> None:
    """With its principal's revocation it opens nothing."""
    target, fields = placed(name, await issue(front, name))
    await front.tokens.revoke("operator-ui")
    assert await outcome(front, target, fields) == (401, "token_revoked")


@pytest.mark.parametrize("name", ISSUED)
async def test_token_of_another_route(name: str, front: Front) -> None:
    """It opens only routes that share its issue path."""
    other = "once" if name == "query" else "query"
    target, fields = placed(name, await issue(front, other))
    assert await outcome(front, target, fields) == (401, "token_for_other_route")


async def test_token_of_a_sibling(front: Front) -> None:
    """Routes with one issue path share its tokens, those of them that the principal may use."""
    target, fields = placed("sibling", await issue(front, "query"))
    assert await outcome(front, target, fields) == (200, "ephemeral_token")
    limited = await issue(front, "query", BLOCKED)
    assert await outcome(front, placed("sibling", limited)[0], ()) == (401, "token_for_other_route")
    assert (await front.call(placed("query", limited)[0], ())).status == 200


REUSES = {
    "once": ("once", (), (401, "token_used")),
    "ttl": ("ttl", (), (200, "ephemeral_token")),
    "resume": ("query", (), (200, "ephemeral_token")),
    "resume by another browser": ("query", [("User-Agent", "other")], (401, "token_reused")),
    "resume from elsewhere": ("query", [("X-Forwarded-For", "192.0.2.9")], (401, "token_reused")),
    "ttl from elsewhere": ("ttl", [("X-Forwarded-For", "192.0.2.9")], (401, "token_reused")),
    "cookie": ("cookie", (), (200, "ephemeral_token")),
}


@pytest.mark.parametrize(("name", "fields", "expected"), REUSES.values(), ids=REUSES)
async def test_token_again(name: str, fields: Fields, expected: tuple[int, str], front: Front) -> None:
    """A second opening is for whom the route's rule allows it."""
    target, presenting = placed(name, await issue(front, name))
    assert await outcome(front, target, presenting) == (200, "ephemeral_token")
    assert await outcome(front, target, [*presenting, *fields]) == expected
    refused = front.metric(r"ephemeral_tokens_refused_total\{")
    assert refused == (expected[0] != 200)


MISPLACED = {
    "query, on a cookie route": ("cookie", True, False, "missing"),
    "query, on a header route": ("header", True, False, "missing"),
    "header, on a query route": ("query", False, True, "unknown"),
    "header, on a cookie route": ("cookie", False, True, "unknown"),
}


@pytest.mark.parametrize(("name", "in_query", "in_header", "why"), MISPLACED.values(), ids=MISPLACED)
async def test_token_in_the_wrong_place(
    name: str, in_query: bool, in_header: bool, why: str, front: Front
) -> None:
    """A good token opens nothing where its route does not read it, and is not spent."""
    token = await issue(front, name)
    fields: Fields = [("X-VX11-Token", token)] if in_header else ()
    suffix = query(token) if in_query else ""
    assert await outcome(front, f"/sse/{name}{suffix}", fields) == (401, why)
    assert "redeem" not in front.store.taken
    assert token not in front.logs.text


async def test_cookie_on_a_query_route(front: Front) -> None:
    """A cookie opens nothing where the token has to be in the URL."""
    token = await issue(front, "cookie")
    assert await outcome(front, "/sse/query", placed("cookie", token)[1]) == (401, "missing")


@pytest.mark.parametrize("name", ["query", "cookie", "header", "once"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
async def test_only_get_redeems(method: str, name: str, front: Front, upstream: ScriptedUpstream) -> None:
    """No other method spends a token, nor reaches the upstream with one; the token is good afterwards."""
    target, fields = placed(name, await issue(front, name))
    reply = await front.call(target, fields, method=method)
    assert reply.status == (401 if method in ("HEAD", "OPTIONS") else 405)
    assert "redeem" not in front.store.taken
    assert upstream.exchanges == []
    assert await outcome(front, target, fields) == (200, "ephemeral_token")


# What goes up.

QUERIES = {
    "alone": ("?token={}", ""),
    "first": ("?token={}&a=%zz&b=+", "?a=%zz&b=+"),
    "between": ("?a=1&token={}&&b=%41", "?a=1&&b=%41"),
    "escaped name": ("?%74ok%65n={}&a", "?a"),
    "look-alikes": ("?Token=1&token={}&mytoken=2&token%20=3", "?Token=1&mytoken=2&token%20=3"),
}


@pytest.mark.parametrize(("suffix", "rest"), QUERIES.values(), ids=QUERIES)
async def test_token_does_not_go_up(suffix: str, rest: str, front: Front, upstream: ScriptedUpstream) -> None:
    """It is taken out of the query, of which every other byte goes on."""
    token = await issue(front, "query")
    assert await outcome(front, "/sse/query" + suffix.format(token), ()) == (200, "ephemeral_token")
    assert upstream.exchanges[-1].head.target == "/sse/query" + rest
    assert token not in upstream.exchanges[-1].head.raw.decode()
    assert token not in front.logs.text


async def test_token_in_a_header_does_not_go_up(front: Front, upstream: ScriptedUpstream) -> None:
    """It goes where a principal's token would go: nowhere."""
    token = await issue(front, "header")
    await outcome(front, *placed("header", token))
    assert token not in upstream.exchanges[-1].head.raw.decode()
    assert token not in front.logs.text


async def test_token_goes_up_where_the_route_hands_it_on(front: Front, upstream: ScriptedUpstream) -> None:
    """With forward_credential the query goes on as it came; the binding never does."""
    token = await issue(front, "handed-on")
    cookie = ("Cookie", "a=1; tentaculo_binding=x")
    await outcome(front, f"/sse/handed-on?a=1&%74oken={token}", [cookie])
    head = upstream.exchanges[-1].head
    assert (head.target, head.values("Cookie")) == (f"/sse/handed-on?a=1&%74oken={token}", ["a=1"])


# Cookies of other sites' pages.

SITES: dict[str, tuple[Fields, tuple[int, str]]] = {
    "own page": ([("Sec-Fetch-Site", "same-origin")], (200, "ephemeral_token")),
    "no browser": ([], (200, "ephemeral_token")),
    "own origin": ([("Origin", "http://gateway.test")], (200, "ephemeral_token")),
    "cross site": ([("Sec-Fetch-Site", "cross-site")], (403, "cross_site")),
    "same site": (
        [("Sec-Fetch-Site", "same-site"), ("Origin", "http://gateway.test:81")],
        (403, "cross_site"),
    ),
    "other origin": ([("Origin", APP)], (403, "cross_site")),
}


@pytest.mark.parametrize(("fields", "expected"), SITES.values(), ids=SITES)
async def test_site_of_a_cookie(fields: Fields, expected: tuple[int, str], front: Front) -> None:
    """A page of another site can't open a stream by this one's cookie, nor spend its token."""
    target, presenting = placed("cookie", await issue(front, "cookie"))
    assert await outcome(front, target, [*presenting, *fields]) == expected
    assert ("redeem" in front.store.taken) is (expected[0] == 200)


async def test_site_matters_to_cookies_only(front: Front) -> None:
    """A principal's header, and a token in a URL, are sent by nobody unasked."""
    foreign = ("Sec-Fetch-Site", "cross-site")
    assert (await front.call("/sse/cookie", [*GOOD, foreign])).status == 200
    assert (await front.call(placed("query", await issue(front, "query"))[0], [foreign])).status == 200


@pytest.mark.parametrize(
    ("scheme", "prefix", "status"),
    [("https", "__Secure-", 200), ("https", "", 401), ("http", "__Secure-", 401), ("http", "", 200)],
    ids=["secure under TLS", "plain under TLS", "secure without", "plain without"],
)
async def test_name_of_the_cookie(scheme: str, prefix: str, status: int, front: Front) -> None:
    """Under TLS, as the trusted peer says, only names count that no plain page can set."""
    token = told_cookie(await issue(front, "cookie"))
    fields = [("Cookie", prefix + token), ("X-Forwarded-Proto", scheme)]
    assert (await front.call("/sse/cookie", fields)).status == status


def told_cookie(token: str) -> str:
    """Write the cookie of a token."""
    return f"{COOKIE}={token}"


async def test_untrusted_peer_is_not_believed_about_tls(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Whoever is not trusted can't make other names count."""
    upstream.canned["/sse/cookie"] = EVENTS
    front = await start_front(token_configuration(upstream))
    cookie = told_cookie(await issue(front, "cookie"))
    fields = [("Cookie", "__Secure-" + cookie), ("X-Forwarded-Proto", "https")]
    assert (await front.call("/sse/cookie", fields)).status == 401
    assert (await front.call("/sse/cookie", [("Cookie", cookie)])).status == 200


async def test_deprecated_use_is_seen(front: Front) -> None:
    """A principal's token in a URL is counted and said in the log, without the token."""
    assert await outcome(front, f"/sse/open?sse_token={TOKEN}", ()) == (200, "principal_query")
    assert "deprecated" in front.logs.named("stream.opened")[0]
    assert front.metric(r'sse_streams_opened_total\{credential="principal_query"\}') == 1
    assert TOKEN not in front.logs.text


async def test_answers_to_bad_tokens_are_alike(front: Front) -> None:
    """Unknown, expired, used, of another route: nobody learns which from the answer."""
    once, old = await issue(front, "once"), await issue(front, "query")
    await outcome(front, placed("once", once)[0], ())
    front.pass_time(61)
    replies = [
        await front.call(target, ())
        for target in (placed("once", once)[0], placed("query", old)[0], placed("query", UNKNOWN)[0])
    ]
    shown = []
    for reply in replies:
        body = told(reply)
        assert body.pop("request_id") == reply.head.value("X-Request-Id")
        rest = [field for field in reply.head.fields if field[0] != "X-Request-Id"]
        shown.append((reply.status, rest, body))
    assert shown[0] == shown[1] == shown[2]
    assert shown[0][0] == 401
