"""The life of a stream that a token opened: take-over, revocation, age, and the lease it leaves."""

from __future__ import annotations

import pytest

from tentaculo.relay.delivery import chunk
from tentaculo.relay.last_words import BEAT, last_event
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import issue, open_stream, placed, token_configuration

MORE = """
  - {name: aged, path: /sse/aged, upstream: backend, stream: {max_age: 100s, last_event: false}}
  - {name: slow, path: /slow-head, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /token/slow-head}}
  - {name: retrying, path: /drop/retrying, upstream: backend, access: ephemeral-token,
     stream: {unavailable: retry}, ephemeral_token: {issue_path: /token/drop}}
"""
LAST = b"0\r\n\r\n"


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with routes of every kind."""
    text = token_configuration(upstream)
    return await start_front(text + MORE)


def ended(reason: str) -> bytes:
    """What a client reads last of a stream that the gateway ends."""
    words = last_event(reason, 6.0)  # the front spreads as far as may be
    return chunk(words) + LAST


async def opened(front: Front, upstream: ScriptedUpstream, name: str) -> tuple[RawClient, Exchange, str]:
    """Have a token issued and open a stream with it."""
    token = await issue(front, name)
    client, exchange = await open_stream(front, upstream, name, token)
    return client, exchange, token


async def reasons(front: Front, count: int = 1) -> list[str]:
    """Why the last streams ended."""
    await front.logs.wait_for("stream.ended", count=count)
    return [event["end_reason"] for event in front.logs.named("stream.ended")]


# Take-over.


async def test_newer_opening_ends_the_older(front: Front, upstream: ScriptedUpstream) -> None:
    """The older stream says why it ends; the newer one goes on."""
    first, exchange, token = await opened(front, upstream, "query")
    second, _ = await open_stream(front, upstream, "query", token)
    assert await first.until(LAST) == ended("superseded")
    await exchange.gone()
    assert await reasons(front) == ["superseded"]
    upstream.events.put_nowait(b"data: 1\n\n")
    assert b"data: 1" in await second.until(b"\n\n")


async def test_newer_opening_ends_one_that_waits(front: Front, upstream: ScriptedUpstream) -> None:
    """An older opening whose upstream has not answered yet is refused."""
    token = await issue(front, "slow-head")
    target = f"/slow-head?token={token}"
    first, second = await front.client(), await front.client()
    await first.send(request("GET", target))
    await upstream.next()
    await second.send(request("GET", target))
    reply = await first.reply()
    assert (reply.status, told(reply)["code"]) == (401, "unauthorized")
    await upstream.next()
    second.leave()
    await front.logs.wait_for("request.finished", count=3)
    assert front.logs.named("request.finished")[1]["reason"] == "superseded"


async def test_tabs_of_one_cookie(front: Front, upstream: ScriptedUpstream) -> None:
    """As many streams as a token may have are open side by side; one more is told to wait for its turn."""
    first, _, token = await opened(front, upstream, "cookie")
    await open_stream(front, upstream, "cookie", token)
    target, fields = placed("cookie", token)
    reply = await front.call(target, fields)
    assert (reply.status, told(reply)["code"], reply.head.value("Retry-After")) == (
        429,
        "too_many_openings",
        "1",
    )
    assert len(front.relay.streams) == 2
    first.leave()
    await reasons(front)
    await front.relay.released()
    await open_stream(front, upstream, "cookie", token)


async def test_lease_is_renewed(front: Front, upstream: ScriptedUpstream) -> None:
    """A stream outlives its token, and holds its place all the time."""
    client, _, token = await opened(front, upstream, "query")
    for _ in range(30):
        front.pass_time(5)
        await front.upkeep.look()
    assert len(front.relay.streams) == 1
    await open_stream(front, upstream, "query", token)
    assert await client.until(LAST) == chunk(BEAT) * 10 + ended("superseded"), "it beats every 15 s, too"


# Revocation.


@pytest.mark.parametrize("how", ["token", "header"])
async def test_revocation_ends_streams(how: str, front: Front, upstream: ScriptedUpstream) -> None:
    """Whatever opened it, a stream of the principal ends, and says so."""
    if how == "token":
        client, exchange, _ = await opened(front, upstream, "query")
    else:
        client = await front.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
        exchange = await upstream.next()
    await front.tokens.revoke("operator-ui")
    assert await client.until(LAST) == ended("revoked")
    await exchange.gone()
    assert await reasons(front) == ["revoked"]
    assert front.metric(r'tentaculo_streams_ended_total\{.*"revoked"') == 1


async def test_revocation_of_another_ends_nothing(front: Front, upstream: ScriptedUpstream) -> None:
    """Streams of others, and of nobody, go on."""
    await opened(front, upstream, "query")
    public = await front.client()
    await public.send(request("GET", "/sse/delegated"))
    assert (await public.head()).status == 200
    await front.tokens.revoke("reader")
    assert len(front.relay.streams) == 2
    await front.tokens.revoke("operator-ui")
    assert await reasons(front) == ["revoked"]
    assert len(front.relay.streams) == 1


async def test_revocation_ends_a_stream_of_an_ordinary_route(
    front: Front, upstream: ScriptedUpstream
) -> None:
    """An event stream is one also where the route does not say so; its calls go on."""
    client, call = await front.client(), await front.client()
    await client.send(request("GET", "/sse/ordinary", GOOD))
    assert (await client.head()).status == 200
    await call.send(request("GET", "/slow-head/x", GOOD))
    await upstream.next()
    await upstream.next()
    await front.tokens.revoke("operator-ui")
    assert await client.until(LAST) == LAST
    assert await reasons(front) == ["revoked"]
    upstream.gates.open("head")
    assert (await call.reply()).status == 200


async def test_lost_message_ends_streams_at_the_next_look(front: Front, upstream: ScriptedUpstream) -> None:
    """A principal is asked for every few seconds, in case nobody told."""
    client, _, _ = await opened(front, upstream, "query")
    await front.upkeep.look()
    front.store.loses_messages = True
    await front.tokens.revoke("operator-ui")
    assert len(front.relay.streams) == 1
    await front.upkeep.look()
    assert await client.until(LAST) == ended("revoked")


EVENT = b"id: 1\ndata: a\n\n"


@pytest.mark.parametrize("at", range(1, len(EVENT)))
async def test_revocation_within_an_event(at: int, front: Front, upstream: ScriptedUpstream) -> None:
    """In the middle of an event nothing is added to it."""
    client, _, _ = await opened(front, upstream, "query")
    upstream.events.put_nowait(EVENT[:at])
    part = b"%x\r\n%b\r\n" % (at, EVENT[:at])
    assert await client.until(part) == part
    await front.tokens.revoke("operator-ui")
    assert await client.until(LAST) == LAST


async def test_revocation_between_redeem_and_answer(front: Front, upstream: ScriptedUpstream) -> None:
    """A stream that is about to open does not, and its upstream is let go."""
    token = await issue(front, "slow-head")
    client = await front.client()
    await client.send(request("GET", f"/slow-head?token={token}"))
    exchange = await upstream.next()
    await front.tokens.revoke("operator-ui")
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (401, "unauthorized")
    await exchange.gone()
    assert (await front.last_event(2))["reason"] == "revoked"


@pytest.mark.parametrize(("whose", "status"), [("operator-ui", 401), ("reader", 200)])
async def test_revocation_that_overtakes_a_redeem(
    whose: str, status: int, front: Front, upstream: ScriptedUpstream
) -> None:
    """Where the store's message comes before its answer, the stream does not open all the same."""
    token = await issue(front, "query")
    front.store.delivers.clear()
    client = await front.client()
    await client.send(request("GET", f"/sse/query?token={token}"))
    await front.store.redeemed.wait()
    await front.tokens.revoke(whose)
    front.store.delivers.set()
    assert (await client.head()).status == status
    assert len(upstream.exchanges) == (status == 200)


async def test_blocked_principal(front: Front, upstream: ScriptedUpstream) -> None:
    """Its own token is refused as long as it is blocked, and good afterwards."""
    await front.tokens.revoke("operator-ui", block=60)
    assert (await front.call("/sse/query", GOOD)).status == 403
    assert (await front.call("/echo", GOOD)).status == 403
    front.pass_time(60)
    assert (await front.call("/echo", GOOD)).status == 200


async def test_rotated_token_takes_its_tokens_with_it(front: Front, upstream: ScriptedUpstream) -> None:
    """What an old principal token was issued opens nothing once that is gone."""
    token = await issue(front, "query")
    front.reload(token_configuration(upstream).replace(dict(GOOD)["X-VX11-Token"], "a-new-token-of-it"))
    reply = await front.call(placed("query", token)[0], ())
    assert (reply.status, front.logs.named("request.finished")[-1]["reason"]) == (401, "principal_gone")
    await front.relay.released()
    assert front.store.taken[-1] == "release"


# Age.


@pytest.mark.parametrize(("spread", "age"), [(0.0, 80), (0.5, 90), (1.0, 100)])
async def test_age(spread: float, age: float, front: Front, upstream: ScriptedUpstream) -> None:
    """A stream ends at its greatest age, spread over the last fifth, or all would come again at once."""
    front.relay.spread = lambda: spread
    client = await front.client()
    await client.send(request("GET", "/sse/aged", GOOD))
    assert (await client.head()).status == 200
    front.pass_time(age - 0.1)
    assert len(front.relay.streams) == 1
    front.pass_time(0.2)
    assert await client.until(LAST) == LAST, "the route wants no last event"
    assert await reasons(front) == ["deadline"]


async def test_age_of_a_stream_that_tokens_open(front: Front, upstream: ScriptedUpstream) -> None:
    """It ends like any other, and its client may come again with its token."""
    client, _, token = await opened(front, upstream, "query")
    await front.upkeep.look()
    front.pass_time(4 * 3600.0 + 1)
    assert await client.until(LAST) == ended("deadline")
    assert (await front.call(placed("query", token)[0], ())).status == 401


# The lease, at every end.


async def _by_upstream(front: Front, upstream: ScriptedUpstream, client: RawClient) -> None:
    upstream.events.put_nowait(None)


async def _by_client(front: Front, upstream: ScriptedUpstream, client: RawClient) -> None:
    client.leave()


async def _by_fault(front: Front, upstream: ScriptedUpstream, client: RawClient) -> None:
    upstream.exchanges[-1].wire.abort()


async def _by_drain(front: Front, upstream: ScriptedUpstream, client: RawClient) -> None:
    front.end_streams("draining")


@pytest.mark.parametrize(
    "end", [_by_upstream, _by_client, _by_fault, _by_drain], ids=lambda end: end.__name__
)
async def test_lease_is_released(end: object, front: Front, upstream: ScriptedUpstream) -> None:
    """However a stream ends, the store is told, and the grace runs from there."""
    client, _, token = await opened(front, upstream, "query")
    assert callable(end)
    await end(front, upstream, client)
    await reasons(front)
    await front.relay.released()
    assert front.store.taken == ["issue", "redeem", "release"]
    front.pass_time(31)
    assert (await front.call(placed("query", token)[0], ())).status == 401


@pytest.mark.parametrize("target", ["/drop/retrying", "/slow-head"], ids=["refused", "left"])
async def test_lease_of_what_never_opened(target: str, front: Front, upstream: ScriptedUpstream) -> None:
    """A client that leaves, or is answered otherwise, holds nothing either."""
    token = await issue(front, target.split("/")[1])
    client = await front.client()
    await client.send(request("GET", f"{target}?token={token}"))
    await upstream.next()
    client.leave()
    await front.last_event(2)
    await eventually(lambda: "release" in front.store.taken)
    await front.relay.released()


async def test_release_while_the_store_is_away(front: Front, upstream: ScriptedUpstream) -> None:
    """The stream ends all the same, and nobody complains."""
    client, _, _ = await opened(front, upstream, "query")
    front.store.away = True
    upstream.events.put_nowait(None)
    await client.until(LAST)
    assert await reasons(front) == ["upstream_closed"]
    await front.relay.released()


@pytest.mark.parametrize("name", ["once", "ttl"])
async def test_streams_without_a_lease(name: str, front: Front, upstream: ScriptedUpstream) -> None:
    """Tokens that nobody resumes leave nothing to release."""
    client, _, _ = await opened(front, upstream, name)
    client.leave()
    await reasons(front)
    await front.relay.released()
    assert front.store.taken == ["issue", "redeem"]
