"""What the gateway answers itself: CORS on all of it, preflights, and streams that can't be had yet."""

from __future__ import annotations

import pytest

from tentaculo.relay.last_words import NOT_YET
from tentaculo.relay.opening import token_cookie
from tests.fakes.client import Fields, request, told
from tests.fakes.messages import Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD, OTHER_TOKEN, TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import (
    APP,
    BLOCKED,
    EVENTS,
    ROUTES,
    UNKNOWN,
    issue,
    open_stream,
    placed,
    token_configuration,
)

MORE = f"""
  - {{name: named, path: /sse/named, upstream: backend, access: ephemeral-token, stream: {{}},
     cors: {{origins: ['{APP}']}}, ephemeral_token: {{issue_path: /token/named}}}}
  - {{name: cookies, path: /sse/cookies, upstream: backend, access: ephemeral-token, stream: {{}},
     cors: {{origins: ['{APP}'], credentials: true}}, ephemeral_token: {{issue_path: /token/cookies}}}}
  - {{name: anyone, path: /echo/anyone, upstream: backend, access: public, cors: {{origins: ['*']}}}}
  - {{name: retrying, path: /drop/retrying, upstream: backend, access: ephemeral-token,
     stream: {{unavailable: retry}}, cors: {{origins: ['{APP}']}}, ephemeral_token: {{issue_path: /token/r}}}}
  - {{name: denying, path: '/status/{{code}}', upstream: backend, access: ephemeral-token,
     stream: {{unavailable: retry}}, ephemeral_token: {{issue_path: /token/s}}}}
  - {{name: failing, path: /drop/failing, upstream: backend, access: ephemeral-token, stream: {{}},
     ephemeral_token: {{issue_path: /token/f}}}}
  - {{name: tabs, path: /sse/tabs, upstream: backend, access: ephemeral-token,
     stream: {{unavailable: retry}},
     ephemeral_token: {{issue_path: /token/cookie2, carry: cookie, max_streams_per_token: 2}}}}
"""
FROM_APP: Fields = [("Origin", APP)]


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with routes of every kind."""
    text = token_configuration(upstream, ROUTES + MORE)
    return await start_front(text.replace("principals:", "limits: {streams: 2}\nprincipals:", 1))


def cors_of(reply: Message) -> dict[str, list[str]]:
    """Return the fields that are of CORS, and what it varies by."""
    names = {name.lower() for name, _ in reply.head.fields}
    found = {name: reply.head.values(name) for name in names if name.startswith("access-control-")}
    return found | {"vary": [value for value in reply.head.values("Vary") if value == "Origin"]}


ALLOWED = {
    "access-control-allow-origin": [APP],
    "access-control-expose-headers": ["Retry-After, X-Request-Id, RateLimit, RateLimit-Policy"],
    "vary": ["Origin"],
}
NOBODY: dict[str, list[str]] = {"vary": ["Origin"]}
CASES: dict[str, tuple[str, str, str, dict[str, list[str]]]] = {
    "error": ("GET", "/sse/named", APP, ALLOWED),
    "error to another origin": ("GET", "/sse/named", "https://evil.test", NOBODY),
    "error with cookies": (
        "GET",
        "/sse/cookies",
        APP,
        ALLOWED | {"access-control-allow-credentials": ["true"]},
    ),
    "refused issue": ("POST", "/token/named", APP, ALLOWED),
    "refused issue to another": ("POST", "/token/named", "https://evil.test", NOBODY),
    "method": ("POST", "/sse/named", APP, ALLOWED),
    "HEAD": ("HEAD", "/sse/named", APP, ALLOWED),
    "bad token": ("GET", f"/sse/named?token={UNKNOWN}", APP, ALLOWED),
    "anyone": ("GET", "/echo/anyone", APP, ALLOWED | {"access-control-allow-origin": ["*"]}),
    "route without cors": ("GET", "/sse/query", APP, {"vary": []}),
}


@pytest.mark.parametrize(("method", "target", "origin", "fields"), CASES.values(), ids=CASES)
async def test_pages_can_read_answers(
    method: str, target: str, origin: str, fields: dict[str, list[str]], front: Front
) -> None:
    """Errors have the fields of CORS too, or a page could not tell 401 from 503."""
    assert cors_of(await front.call(target, [("Origin", origin)], method=method)) == fields


async def test_pages_can_read_tokens_and_streams(front: Front, upstream: ScriptedUpstream) -> None:
    """So do a token's answer and a stream, whose upstream has no say in it."""
    upstream.canned["/sse/named"] = EVENTS.replace(
        b"\r\n\r\n", b"\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 9\r\n\r\n", 1
    )
    issued = await front.call("/token/named", [*GOOD, *FROM_APP], method="POST")
    assert cors_of(issued) == ALLOWED
    reply = await front.call(f"/sse/named?token={told(issued)['sse_token']}", FROM_APP)
    assert (reply.status, cors_of(reply)) == (200, ALLOWED)
    assert reply.head.values("Cache-Control") == ["no-store"]


async def test_upstream_decides_where_the_route_does_not(front: Front, upstream: ScriptedUpstream) -> None:
    """Without `cors` its fields pass."""
    upstream.canned["/echo/public"] = EVENTS.replace(
        b"\r\n\r\n", b"\r\nAccess-Control-Allow-Origin: *\r\n\r\n", 1
    )
    reply = await front.call("/echo/public", FROM_APP)
    assert reply.head.values("Access-Control-Allow-Origin") == ["*"]


# Preflights.


async def preflight(front: Front, target: str, method: str, fields: Fields) -> Message:
    """Ask as a browser does before a call."""
    asking = [("Access-Control-Request-Method", method), *fields]
    return await front.call(target, asking, method="OPTIONS")


@pytest.mark.parametrize(
    ("target", "method"), [("/token/named", "POST"), ("/sse/named", "GET")], ids=["issue", "stream"]
)
async def test_preflight(target: str, method: str, front: Front, upstream: ScriptedUpstream) -> None:
    """It needs no credential, and is answered by the gateway alone."""
    asked = [*FROM_APP, ("Access-Control-Request-Headers", "x-vx11-token")]
    reply = await preflight(front, target, method, asked)
    assert (reply.status, reply.body) == (204, b"")
    assert cors_of(reply) == {
        "access-control-allow-origin": [APP],
        "access-control-allow-methods": [method],
        "access-control-allow-headers": ["x-vx11-token"],
        "access-control-max-age": ["600"],
        "vary": ["Origin"],
    }
    assert upstream.exchanges == []
    event = front.logs.named("request.finished")[-1]
    assert (event["status"], event["route"]) == (204, "named")


@pytest.mark.parametrize(
    ("target", "method", "origin"),
    [
        ("/token/named", "POST", "https://evil.test"),
        ("/sse/named", "GET", "null"),
        ("/sse/named", "G\u00cbT", APP),
        ("/sse/named", "GET, PUT", APP),
    ],
    ids=["issue", "stream", "method beyond ASCII", "no method"],
)
async def test_preflight_that_is_refused(target: str, method: str, origin: str, front: Front) -> None:
    """Nothing of what was asked is said back."""
    reply = await preflight(front, target, method, [("Origin", origin)])
    assert (reply.status, told(reply)["code"]) == (403, "origin_not_allowed")
    assert cors_of(reply) == NOBODY


NO_PREFLIGHTS: dict[str, tuple[str, str, Fields, int]] = {
    "route without cors": ("/echo/public", "GET", FROM_APP, 200),
    "no origin": ("/echo/anyone", "GET", (), 200),
    "unknown path": ("/sse/nothing", "GET", FROM_APP, 401),
    "method of no route": ("/token/named", "GET", FROM_APP, 405),
}


@pytest.mark.parametrize(("target", "method", "fields", "status"), NO_PREFLIGHTS.values(), ids=NO_PREFLIGHTS)
async def test_other_preflights_are_requests_like_others(
    target: str, method: str, fields: Fields, status: int, front: Front
) -> None:
    """Where the gateway does not know the origins, the upstream answers whoever may call it."""
    assert (await preflight(front, target, method, fields)).status == status


async def test_connection_goes_on_after_a_preflight(front: Front) -> None:
    """The call itself comes on the same connection."""
    client = await front.client()
    asking = [*FROM_APP, ("Access-Control-Request-Method", "POST")]
    await client.send(request("OPTIONS", "/token/named", asking))
    assert (await client.reply("OPTIONS")).status == 204
    await client.send(request("POST", "/token/named", [*GOOD, *FROM_APP]))
    assert (await client.reply("POST")).status == 200


# Not yet.


async def test_client_with_a_bound_token_comes_again(front: Front, upstream: ScriptedUpstream) -> None:
    """EventSource gives up on any error: it gets a stream that ends at once, and may open again."""
    token = await issue(front, "r")
    for _ in range(2):
        reply = await front.call(f"/drop/retrying?token={token}", FROM_APP)
        assert (reply.status, reply.body) == (200, NOT_YET)
        assert reply.head.value("Content-Type") == "text/event-stream"
        assert reply.head.value("Cache-Control") == "no-store"
        assert reply.head.value("Referrer-Policy") == "no-referrer"
        assert cors_of(reply) == ALLOWED
    event = front.logs.named("request.finished")[-1]
    assert (event["status"], event["code"]) == (200, "upstream_unreachable")
    assert front.logs.named("stream.opened") == []


@pytest.mark.parametrize("status", [429, 502, 503, 504, 400, 401, 404, 500])
async def test_upstream_that_has_no_stream_now(status: int, front: Front) -> None:
    """What passes by itself is no end for EventSource; what does not is answered as it is."""
    token = await issue(front, "s")
    reply = await front.call(f"/status/{status}?token={token}", ())
    if status in (429, 502, 503, 504):
        assert (reply.status, reply.body) == (200, NOT_YET)
        assert front.logs.named("request.finished")[-1]["code"] == "stream_unavailable"
    else:
        assert (reply.status, reply.body) == (status, b"status body")
    assert (await front.call(f"/status/{status}", GOOD)).status == status, "a principal has no token"


ERRORS: dict[str, tuple[str, Fields, int]] = {
    "bad token": (f"/drop/retrying?token={UNKNOWN}", (), 401),
    "no token": ("/drop/retrying", (), 401),
    "principal": ("/drop/retrying", GOOD, 502),
}


@pytest.mark.parametrize(("target", "fields", "status"), ERRORS.values(), ids=ERRORS)
async def test_others_are_told_the_error(target: str, fields: Fields, status: int, front: Front) -> None:
    """Whoever has no bound token must not be kept coming."""
    assert (await front.call(target, fields)).status == status


async def test_error_is_the_default(front: Front) -> None:
    """Where the route does not say otherwise, an error is an error."""
    token = await issue(front, "f")
    assert (await front.call(f"/drop/failing?token={token}", ())).status == 502


async def test_no_room_for_a_bound_token(front: Front, upstream: ScriptedUpstream) -> None:
    """Where the gateway has no room for a stream, such a client comes again, and others are told."""
    token, once = await issue(front, "r"), await issue(front, "once")
    for _ in range(2):
        client = await front.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
    reply = await front.call(f"/drop/retrying?token={token}", ())
    assert (reply.status, reply.body) == (200, NOT_YET)
    refused = await front.call(placed("once", once)[0], ())
    assert (refused.status, told(refused)["code"]) == (503, "too_many_streams")
    assert front.store.taken.count("redeem") == 1, "a token that opens nothing is not spent"
    assert len(upstream.exchanges) == 2


async def test_one_tab_too_many_comes_again(front: Front, upstream: ScriptedUpstream) -> None:
    """A token with as many streams as it may have is bound to its client, who may wait for one to end."""
    reply = await front.call("/token/cookie2", GOOD, method="POST")
    (cookie,) = [v.partition(";")[0] for v in reply.head.values("Set-Cookie") if "tentaculo_token" in v]
    for _ in range(2):
        client = await front.client()
        await client.send(request("GET", "/sse/tabs", [("Cookie", cookie)]))
        assert (await client.head()).status == 200
    front.relay.streams.limit = 9
    reply = await front.call("/sse/tabs", [("Cookie", cookie)])
    assert (reply.status, reply.body) == (200, NOT_YET)
    stranger = await front.call("/sse/tabs", [("Cookie", cookie), ("User-Agent", "other")])
    assert stranger.status == 401


# The store.


async def test_store_that_is_away(front: Front, upstream: ScriptedUpstream) -> None:
    """Nobody is let in on a guess, open streams go on, and principals need no store."""
    token = await issue(front, "query")
    client, _ = await open_stream(front, upstream, "query", token)
    front.store.away = True
    reply = await front.call(placed("query", token)[0], ())
    assert (reply.status, told(reply)["code"]) == (503, "token_store_unavailable")
    assert reply.head.value("Retry-After") == "1"
    assert reply.head.value("Referrer-Policy") == "no-referrer"
    assert (await front.call("/echo")).status == 200
    await front.upkeep.look()
    upstream.events.put_nowait(b"data: 1\n\n")
    assert b"data: 1" in await client.until(b"\n\n")


async def test_bug_of_the_store_leaks_nothing(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    """It is an internal error, in the log without the token."""
    token = await issue(front, "query")
    front.store.fault = LookupError(f"at {token}")
    reply = await front.call(placed("query", token)[0], ())
    front.store.fault = None
    assert (reply.status, told(reply)["code"]) == (500, "internal_error")
    assert token not in reply.body.decode()
    assert token not in front.logs.text
    assert len(front.logs.named("exchange.failed")) == 1


# What the log knows of secrets.

COOKIE: Fields = [("Cookie", f"{token_cookie('/token/cookie')}={UNKNOWN}")]
SECRETS: dict[str, tuple[str, Fields, tuple[str, ...]]] = {
    "a credential": ("/echo", GOOD, (TOKEN,)),
    "several credentials": ("/echo", [*GOOD, *BLOCKED], (TOKEN, OTHER_TOKEN)),
    "a token": (f"/sse/query?token={UNKNOWN}&", [], (UNKNOWN,)),
    "a credential and a token": (f"/sse/query?token={UNKNOWN}&", GOOD, (TOKEN, UNKNOWN)),
    "a cookie": ("/sse/cookie", COOKIE, (UNKNOWN,)),
    "a credential and a cookie": ("/sse/cookie", [*GOOD, *COOKIE], (TOKEN, UNKNOWN)),
    "a cookie that this route has no use for": ("/echo", [*GOOD, *COOKIE], (TOKEN, UNKNOWN)),
    "a path of nobody's": ("/%00", GOOD, (TOKEN,)),
}


@pytest.mark.parametrize(("target", "fields", "secrets"), SECRETS.values(), ids=SECRETS)
async def test_secrets_are_found_elsewhere(
    target: str, fields: Fields, secrets: tuple[str, ...], front: Front
) -> None:
    """What presents somebody is kept out of the log by its value too, wherever a client repeats it."""
    mark = "" if "?" in target else "?"
    await front.call(f"{target}{mark}about={'/'.join(secrets)}", fields)
    event = await front.last_event()
    assert event["url"].endswith(f"about={'/'.join('***' for _ in secrets)}")
    assert not any(secret in front.logs.text for secret in secrets)
