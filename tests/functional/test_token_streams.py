"""Streams that ephemeral tokens opened: take-over, binding, ends and their reasons, limits."""

from __future__ import annotations

import pytest

from tests.fakes.client import Fields
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, OTHER_TOKEN, RunningGateway
from tests.functional.tokens import (
    ADMIN,
    BROWSER,
    ELSE,
    call,
    issue,
    open_stream,
    reaches,
    refusal,
    revoke,
    sample,
    stream_route,
    token_configuration,
)

REUSED = 'ephemeral_tokens_refused_total{reason="token_reused"}'
RETRY = "unavailable: retry"


def said(reason: str) -> bytes:
    """The last event of a stream that the gateway ends."""
    return f'event: {reason}\ndata: {{"reason": "{reason}"}}\n\n'.encode()


async def test_take_over(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The same client that opens again takes over: the older stream ends, and says so."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    old = await open_stream(gateway, issued.target)
    new = await open_stream(gateway, issued.target, (*BROWSER, ("Last-Event-ID", "17")))
    assert said("superseded") in await old.last()
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "superseded"
    assert upstream.exchanges[1].head.value("Last-Event-ID") == "17"
    await upstream.exchanges[1].write(b"9\r\ndata: 1\n\n\r\n")
    assert await new.client.until(b"data: 1\n\n")


@pytest.mark.parametrize("dropped", [False, True], ids=["live", "dropped"])
async def test_second_client(dropped: bool, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Who has only seen the URL of a stream gets nothing, and is counted; the stream does not notice."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    if dropped:
        stream.client.leave()
        await gateway.logs.wait_for("stream.ended")
    for who in (ELSE, (), (*ELSE, ("Cookie", "tentaculo_binding=" + "x" * 43))):
        assert await refusal(gateway, issued.target, who) == (401, "unauthorized")
    assert await sample(gateway, REUSED) == 3
    assert len(gateway.logs.named("stream.ended")) == dropped
    await open_stream(gateway, issued.target)


async def test_binding_cookie(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Where the issuing call's cookie came along it binds, and address and User-Agent count for nothing."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    await open_stream(gateway, issued.target, (*BROWSER, issued.cookie))
    assert await refusal(gateway, issued.target, BROWSER) == (401, "unauthorized")
    other = ("Cookie", f"{issued.cookie[1]}; tentaculo_binding=another")
    assert await refusal(gateway, issued.target, (*BROWSER, other)) == (401, "unauthorized")
    await open_stream(gateway, issued.target, (*ELSE, issued.cookie))


@pytest.mark.parametrize("terms", ["resume_grace: 200ms", "ttl: 1s, resume_max_age: 1s"])
async def test_end_of_resuming(terms: str, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Past its grace, or its greatest age, a token opens nothing more."""
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(terms=terms)))
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    stream.client.leave()
    await gateway.logs.wait_for("stream.ended")
    await reaches(gateway, "ephemeral_tokens_valid", 0)
    assert await refusal(gateway, issued.target) == (401, "unauthorized")
    assert (await gateway.logs.wait_for("request.finished", count=2))["reason"] == "token_expired"
    assert await sample(gateway, "ephemeral_tokens_expired_total") == 0  # it was used


TRUSTING = "trusted_peers: [127.0.0.1/32]"


@pytest.mark.parametrize("reuse", ["once", "ttl", "resume"])
async def test_bound_to_the_address(
    reuse: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """With `bind_client` no other address redeems the token, whatever else it brings."""
    route = stream_route(terms=f"bind_client: true, reuse: {reuse}")
    gateway = await start_gateway(token_configuration(upstream.port, route, extra=TRUSTING))
    here, there = (("X-Forwarded-For", "192.0.2.1"),), (("X-Forwarded-For", "192.0.2.2"),)
    issued = await issue(gateway, fields=(*GOOD, *here))
    assert await refusal(gateway, issued.target, (*BROWSER, *there, issued.cookie)) == (401, "unauthorized")
    await open_stream(gateway, issued.target, (*BROWSER, *here))
    assert await sample(gateway, REUSED) == 1


async def test_revoke(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Revoking ends the principal's streams and tokens, however they were opened, and nobody else's."""
    both = [stream_route(), stream_route("other-events")]
    gateway = await start_gateway(token_configuration(upstream.port, *both))
    elsewhere = await issue(gateway, "other-events", (("X-VX11-Token", OTHER_TOKEN),))
    issued, unused = await issue(gateway), await issue(gateway)
    streams = [await open_stream(gateway, issued.target), await open_stream(gateway, "/sse/events", GOOD)]
    bystander = await open_stream(gateway, elsewhere.target)
    assert (await revoke(gateway, "operator-ui")).status == 200
    for stream in streams:
        assert said("revoked") in await stream.last()
    assert [e["end_reason"] for e in gateway.logs.named("stream.ended")] == ["revoked", "revoked"]
    for dead in (issued, unused):
        assert await refusal(gateway, dead.target) == (401, "unauthorized")
    await upstream.exchanges[2].write(b"9\r\ndata: 1\n\n\r\n")
    assert await bystander.client.until(b"data: 1\n\n")
    await open_stream(gateway, (await issue(gateway)).target)  # it was not blocked


@pytest.mark.parametrize(
    ("name", "query", "fields", "status"),
    [
        ("operator-ui", "", (), 401),
        ("operator-ui", "", GOOD, 401),
        ("operator-ui", "", (("Authorization", f"Bearer {ADMIN[0][1]}"),), 401),
        ("operator-ui", "", (*ADMIN, *ADMIN), 401),
        ("nobody", "", ADMIN, 404),
        ("operator-ui", "?block=forever", ADMIN, 400),
    ],
)
async def test_refused_revocation(
    name: str,
    query: str,
    fields: Fields,
    status: int,
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
) -> None:
    """Without the admin token, or with a mistake, nothing is revoked."""
    gateway = await start_gateway(token_configuration(upstream.port))
    issued = await issue(gateway)
    assert (await revoke(gateway, name, query=query, fields=fields)).status == status
    await open_stream(gateway, issued.target)


async def test_no_admin_token_no_admin_api(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Without an admin token in the file nobody revokes."""
    text = token_configuration(upstream.port).replace(", token: Adm1n-token-of-the-test", "")
    gateway = await start_gateway(text)
    assert (await revoke(gateway, "operator-ui")).status == 404
    assert (await revoke(gateway, "operator-ui", fields=())).status == 404


async def test_max_age(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A stream ends in good order at its greatest age, and its client comes back with the same token."""
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(stream="max_age: 100ms")))
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    assert said("deadline") in await stream.last()
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "deadline"
    await open_stream(gateway, issued.target)


@pytest.mark.parametrize(
    ("stream", "sent"), [("last_event: false", b""), ("", b"data: half an ev")], ids=["off", "mid-event"]
)
async def test_no_last_event(
    stream: str, sent: bytes, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The last event is left out where the file says so, and where it would break into another one."""
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(stream=stream)))
    opened = await open_stream(gateway, (await issue(gateway)).target)
    if sent:
        await upstream.exchanges[0].write(b"%x\r\n%b\r\n" % (len(sent), sent))
        await opened.client.until(sent)
    await revoke(gateway, "operator-ui")
    assert (await opened.last()).removeprefix(b"\r\n") == b"0\r\n\r\n"


async def unavailable(gateway: RunningGateway, target: str) -> None:
    """Hold an answer to what makes an EventSource come again."""
    reply = await call(gateway, target, BROWSER)
    assert (reply.status, reply.head.value("Content-Type")) == (200, "text/event-stream"), reply.body
    assert reply.head.value("Cache-Control") == "no-store"
    assert reply.body.startswith(b"retry: 3000\n:")
    assert reply.body.endswith(b"\n\n")


async def test_unavailable_upstream(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """With `unavailable: retry` a bound client is asked to come again; anyone else is refused as ever."""
    routes = [stream_route(stream=RETRY), stream_route("strict")]
    gateway = await start_gateway(token_configuration(upstream.port, *routes))
    issued, strict = await issue(gateway), await issue(gateway, "strict")
    await upstream.stop()
    await unavailable(gateway, issued.target)
    await unavailable(gateway, issued.target)
    assert await refusal(gateway, issued.target, ELSE) == (401, "unauthorized")
    assert await refusal(gateway, "/sse/events", GOOD) == (502, "upstream_unreachable")
    assert await refusal(gateway, strict.target) == (502, "upstream_unreachable")
    assert gateway.logs.named("request.finished")[2]["code"] == "upstream_unreachable"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable"])
async def test_upstreams_own_unavailability(
    status: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """An upstream that answers that it is not available is as good as one that does not answer."""
    upstream.canned["/sse/events"] = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    gateway = await start_gateway(token_configuration(upstream.port, stream_route(stream=RETRY)))
    await unavailable(gateway, (await issue(gateway)).target)


async def test_no_room_for_a_bound_client(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A client that comes back when `limits.streams` is reached is asked to come again, not sent away."""
    text = token_configuration(upstream.port, stream_route(stream=RETRY), extra="limits: {streams: 1}")
    gateway = await start_gateway(text)
    issued = await issue(gateway)
    stream = await open_stream(gateway, issued.target)
    stream.client.leave()
    await gateway.logs.wait_for("stream.ended")
    await open_stream(gateway, (await issue(gateway)).target, ELSE)
    await unavailable(gateway, issued.target)


async def test_no_room_for_another_tab(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A tab too many is asked to come again: a 429 would end its EventSource for good."""
    route = stream_route(terms="carry: cookie, max_streams_per_token: 2", stream=RETRY)
    gateway = await start_gateway(token_configuration(upstream.port, route))
    fields = (*BROWSER, (await issue(gateway)).cookie)
    for _ in range(2):
        await open_stream(gateway, "/sse/events", fields)
    reply = await call(gateway, "/sse/events", fields)
    assert (reply.status, reply.head.value("Content-Type")) == (200, "text/event-stream"), reply.body


async def test_issue_rate(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A principal that asks too fast is told when to come again, and others do not notice."""
    text = token_configuration(upstream.port, stream_route(), stream_route("other-events"))
    gateway = await start_gateway(text.replace("rate: 1000/s, burst: 10000", "rate: 0.1/s, burst: 2"))
    for _ in range(2):
        await issue(gateway)
    reply = await call(gateway, "/tokens/events", GOOD, method="POST")
    assert (reply.status, b'"code":"issue_rate_exceeded"' in reply.body) == (429, True)
    assert 1 <= int(reply.head.value("Retry-After") or 0) <= 10
    await issue(gateway, "other-events", (("X-VX11-Token", OTHER_TOKEN),))
    assert await sample(gateway, "ephemeral_tokens_issued_total") == 3


async def test_full_store(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A full store refuses a new token and lets no live one go; expired ones make room."""
    text = token_configuration(
        upstream.port, stream_route(terms="ttl: 1s"), store="{url: memory, max_tokens: 2}"
    )
    gateway = await start_gateway(text)
    issued = [await issue(gateway), await issue(gateway)]
    reply = await call(gateway, "/tokens/events", GOOD, method="POST")
    assert (reply.status, b'"code":"token_store_full"' in reply.body) == (503, True)
    await open_stream(gateway, issued[0].target)
    await reaches(gateway, "ephemeral_tokens_valid", 1)
    await issue(gateway)


async def test_deprecated_way_in(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Each stream is counted by what opened it; a principal's token in a URL is logged as deprecated."""
    route = stream_route(terms="principal_in_query: allow")
    gateway = await start_gateway(token_configuration(upstream.port, route))
    await open_stream(gateway, (await issue(gateway)).target)
    await open_stream(gateway, "/sse/events", GOOD)
    await open_stream(gateway, f"/sse/events?token={GOOD[0][1]}")
    for kind in ("ephemeral_token", "principal_header", "principal_query"):
        assert await sample(gateway, f'sse_streams_opened_total{{credential="{kind}"}}') == 1
    assert await sample(gateway, "sse_connect_latency_ms_count") == 3
    opened = gateway.logs.named("stream.opened")
    assert ["deprecated" in event for event in opened] == [False, False, True]
    assert opened[2]["url"] == "/sse/events?token=***"
