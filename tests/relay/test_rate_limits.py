"""Routes that may be called so often: what is counted together, and what who calls too often is told."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from tentaculo.access.rate_limits import RateLimits
from tentaculo.access.rate_sharing import RateSharing
from tentaculo.access.redis_store import RedisStore
from tentaculo.config.settings import Rate, RateLimitSettings, Secret, Settings, TokenStoreSettings
from tentaculo.relay.admission import Admission
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.snapshot import Snapshot, build_snapshot
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tests.fakes.client import Fields, request, told
from tests.fakes.messages import Message
from tests.fakes.redis_server import running_redis
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.running import GOOD, OTHER_TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import parsed_request, route_of, settings_of
from tests.relay.token_routes import EVENTS, issue, placed, token_configuration

LIMIT = "rate: 1/s, burst: 2"
ROUTES = f"""
  - {{name: one-each, path: /echo/*, upstream: backend, rate_limit: {{{LIMIT}}}}}
  - {{name: addresses, path: /echo/addresses, upstream: backend, access: public, rate_limit: {{{LIMIT}}}}}
  - {{name: all, path: /echo/all, upstream: backend, rate_limit: {{{LIMIT}, per: route}},
     cors: {{origins: ["https://app.test"]}}}}
  - {{name: slow, path: /echo/slow, upstream: backend, access: public, rate_limit: {{rate: 1/m, burst: 1}}}}
  - {{name: free, path: /echo/free, upstream: backend}}
  - {{name: events, path: /sse/*, upstream: backend, access: public, stream: {{}}, rate_limit: {{{LIMIT}}}}}
  - {{name: query, path: /sse/query, upstream: backend, access: ephemeral-token, stream: {{}},
     ephemeral_token: {{issue_path: /token/query}}, rate_limit: {{{LIMIT}}}}}
  - {{name: retrying, path: /sse/retrying, upstream: backend, access: ephemeral-token,
     stream: {{unavailable: retry}}, ephemeral_token: {{issue_path: /token/retrying}},
     rate_limit: {{{LIMIT}}}}}
"""
OTHER: Fields = [("X-VX11-Token", OTHER_TOKEN)]
POLICY = '"default";q=2;w=2'


def text(upstream: ScriptedUpstream, extra: str = "trusted_peers: [127.0.0.1]\n") -> str:
    """Write a file in which two principals may call everything."""
    whole = token_configuration(upstream, ROUTES, extra)
    return whole.replace("routes: [query, header]", 'routes: ["*"]').replace('"off"', "free")


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front whose streams end by themselves."""
    for path in ("/sse/query", "/sse/retrying", "/sse/1"):
        upstream.canned[path] = EVENTS
    return await start_front(text(upstream))


def from_(address: str) -> Fields:
    """Say for whom a trusted peer calls."""
    return [("X-Forwarded-For", address)]


async def statuses(front: Front, target: str, *callers: Fields) -> list[int]:
    """Make a call of each and return how they were answered."""
    return [(await front.call(target, fields)).status for fields in callers]


async def refused(front: Front, target: str, fields: Fields = GOOD) -> Message:
    """Call until that is too often."""
    for _ in range(3):
        reply = await front.call(target, fields)
        if reply.status == 429:
            return reply
    raise AssertionError(reply)


async def test_per_principal(front: Front, upstream: ScriptedUpstream) -> None:
    """What one principal calls leaves the other its calls; what is refused costs the upstream nothing."""
    assert await statuses(front, "/echo/a", GOOD, GOOD, GOOD) == [200, 200, 429]
    assert len(upstream.exchanges) == 2
    assert await statuses(front, "/echo/b", OTHER, OTHER, OTHER, GOOD) == [200, 200, 429, 429]
    assert await statuses(front, "/echo/free", GOOD, GOOD, GOOD) == [200, 200, 200]


async def test_per_client(front: Front) -> None:
    """On a route that anyone may call it counts by address, of IPv6 the network's part of it."""
    one, other = from_("192.0.2.7"), from_("192.0.2.8")
    assert await statuses(front, "/echo/addresses", one, one, one, other) == [200, 200, 429, 200]
    net, neighbour = from_("2001:db8::1"), from_("2001:db8:0:1::1")
    rotated = from_("2001:db8::dead:beef:0:1")
    assert await statuses(front, "/echo/addresses", net, rotated, net, neighbour) == [200, 200, 429, 200]


async def test_per_route(front: Front) -> None:
    """Everyone's calls count together."""
    assert await statuses(front, "/echo/all", GOOD, OTHER, OTHER, GOOD) == [200, 200, 429, 429]


async def test_what_is_told(front: Front) -> None:
    """A refusal is problem details with the time to wait, which is right, and with the limit's fields."""
    reply = await refused(front, "/echo/slow", ())
    assert reply.head.value("Content-Type") == "application/problem+json"
    assert {key: told(reply)[key] for key in ("status", "code", "title")} == {
        "status": 429,
        "code": "rate_limited",
        "title": "Too many calls",
    }
    assert reply.head.value("Retry-After") == "60"
    assert reply.head.value("RateLimit-Policy") == '"default";q=1;w=60'
    assert reply.head.value("RateLimit") == '"default";r=0;t=60'
    front.pass_time(20.5)
    assert (await front.call("/echo/slow", ())).head.value("Retry-After") == "40"
    front.pass_time(38.5)
    assert (await front.call("/echo/slow", ())).head.value("Retry-After") == "1"
    front.pass_time(1)
    assert (await front.call("/echo/slow", ())).status == 200


async def test_what_is_logged_and_counted(front: Front) -> None:
    """A refusal is logged with its code and counted for its route."""
    await refused(front, "/echo/a")
    event = await front.last_event(3)
    assert (event["status"], event["code"], event["reason"]) == (429, "rate_limited", "rate_limit")
    assert (event["route"], event["principal"]) == ("one-each", "operator-ui")
    assert front.metric('tentaculo_rate_limited_total{route="one-each"}') == 1
    assert front.metric("tentaculo_rate_limited_total") == 1


async def test_calls_that_are_not_counted(front: Front) -> None:
    """Those that access refuses, preflights that the gateway answers, and health checks."""
    nobody: Fields = [("X-VX11-Token", "nobody-s-own-token")]
    assert await statuses(front, "/echo/all", nobody, nobody, nobody) == [401] * 3
    asking = [("Origin", "https://app.test"), ("Access-Control-Request-Method", "GET")]
    for _ in range(3):
        assert (await front.call("/echo/all", asking, method="OPTIONS")).status == 204
        assert (await front.call("/health", ())).status == 200
    assert await statuses(front, "/echo/all", GOOD, GOOD, GOOD) == [200, 200, 429]


async def test_page_may_read_a_refusal(front: Front) -> None:
    """It carries the fields of CORS too."""
    fields: Fields = [*GOOD, ("Origin", "https://app.test")]
    reply = await refused(front, "/echo/all", fields)
    assert reply.head.value("Access-Control-Allow-Origin") == "https://app.test"


@pytest.mark.parametrize("warm", [True, False])
async def test_a_call_counts_once(warm: bool, front: Front) -> None:
    """Also where a connection to its upstream is still to be made, or its body to come."""
    if warm:
        await front.call("/echo/free")
    client = await front.client()
    for body in (b"", b"hello"):
        await client.send(request("POST", "/echo/a", GOOD, body))
        assert (await client.reply("POST")).status == 200
    await client.send(request("POST", "/echo/a", GOOD, b"hello"))
    assert (await client.reply("POST")).status == 429


async def test_connection_stays_open(front: Front) -> None:
    """Who was refused may call again on the same connection."""
    client = await front.client()
    found = []
    for _ in range(4):
        await client.send(request("GET", "/echo/a", GOOD))
        found.append((await client.reply()).status)
    assert found == [200, 200, 429, 429]


async def test_a_stream_is_one_call(front: Front) -> None:
    """However long it is open and whatever it carries."""
    assert await statuses(front, "/sse/1", (), (), ()) == [200, 200, 429]


async def test_stream_that_a_token_opens(front: Front) -> None:
    """It counts for the principal that the token stands for, as its own token does."""
    found = []
    for _ in range(3):
        target, fields = placed("query", await issue(front, "query"))
        found.append((await front.call(target, fields)).status)
    assert found == [200, 200, 429]
    assert await statuses(front, "/sse/query", GOOD, OTHER) == [429, 200]
    events = front.logs.named("request.finished")
    assert [event["principal"] for event in events if event.get("code") == "rate_limited"] == [
        "operator-ui"
    ] * 2


async def test_token_that_opens_nothing_is_not_counted(front: Front) -> None:
    """Who has no token can't use up the calls of who has."""
    unknown = "/sse/query?token=5f0c2f6e-0a52-4d2c-9d3c-7f4a3d1b9e11"
    assert await statuses(front, unknown, (), (), ()) == [401] * 3
    target, fields = placed("query", await issue(front, "query"))
    assert (await front.call(target, fields)).status == 200


async def test_bound_client_comes_again(front: Front) -> None:
    """Where the route says so, a client whose token is bound is asked to come again instead."""
    target = f"/sse/retrying?token={await issue(front, 'retrying')}"
    replies = [await front.call(target, ()) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert [b"data: 1" in reply.body for reply in replies] == [True, True, False]


async def test_fields_of_an_allowed_call(front: Front) -> None:
    """What may still come is known with the decision; without a limit there is nothing to say."""
    limited = Admission(front.relay, parsed_request(request("GET", "/echo/a", GOOD)))
    limited.decide()
    assert limited.rate == (("RateLimit-Policy", POLICY), ("RateLimit", '"default";r=1;t=1'))
    free = Admission(front.relay, parsed_request(request("GET", "/echo/free", GOOD)))
    free.decide()
    assert free.rate == ()


def build(settings: Settings, previous: Snapshot | None = None) -> Snapshot:
    """Compile settings."""
    return build_snapshot(settings, metrics=Metrics(version="0"), deadlines=Deadlines(), previous=previous)


def plan_at(snapshot: Snapshot, path: str) -> RoutePlan:
    """Return the route of a path."""
    plan = snapshot.table.match("", path, "GET")
    assert isinstance(plan, RoutePlan)
    return plan


def test_buckets_outlive_a_reload() -> None:
    """A snapshot goes on with the buckets of the one before; with Redis its limits are shared."""
    limit = RateLimitSettings(rate=Rate(rate=1.0, burst=1))
    settings = settings_of(route_of(rate_limit=limit), route_of(name="free", path="/free"))
    before = build(settings)
    kept = plan_at(before, "/api/a").rate_limit
    assert kept is not None
    assert [each.shared for each in before.rate_limits] == [False]
    after = build(settings, before)
    assert plan_at(after, "/api/a").rate_limit is kept
    assert plan_at(after, "/free").rate_limit is None
    redis = TokenStoreSettings(url=Secret("redis://redis.test"))
    shared = build(settings_of(route_of(rate_limit=limit), token_store=redis))
    assert [each.shared for each in shared.rate_limits] == [True]


def limits_of(front: Front) -> RateLimits:
    """Return the limits that count."""
    return front.relay.snapshot.rate_limits


async def test_two_gateways_that_share_a_redis(
    tmp_path: Path, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """What one has let pass the other refuses, from the next time on that they share."""
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_redis(tmp_path))
        whole = text(upstream, f"token_store: '{server.url}'\n")
        one, two = fronts = [await start_front(whole) for _ in range(2)]
        sharings: list[RateSharing] = []
        for front in fronts:
            store = RedisStore(server.url, timeout=5, clock=one.clock)
            closing.push_async_callback(store.close)
            sharings.append(RateSharing(store.rates, partial(limits_of, front), clock=front.clock))
        assert await statuses(one, "/echo/a", GOOD, GOOD) == [200, 200]
        assert await statuses(two, "/echo/a", GOOD) == [200], "it has not heard yet"
        for sharing in sharings:
            await sharing.share()
        reply = await two.call("/echo/a")
        assert (reply.status, reply.head.value("Retry-After")) == (429, "2")
        assert await statuses(two, "/echo/a", OTHER) == [200]
        for front in fronts:
            front.pass_time(2)
        assert await statuses(two, "/echo/a", GOOD, GOOD) == [200, 429]
