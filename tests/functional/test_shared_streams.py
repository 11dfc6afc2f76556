"""Shared streams from outside: who shares them, and what the upstream learns of those who do."""

from __future__ import annotations

import re

import pytest

from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, TOKEN, RunningGateway
from tests.functional.shared import OTHER, PERSONAL, opened, shared_gateway
from tests.functional.tokens import issue


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway with shared routes of every kind."""
    return await start_gateway(shared_gateway(upstream.port))


# Who shares.

SHARING = {
    "all the same": (("/sse/a", GOOD), ("/sse/a", GOOD)),
    "two principals": (("/sse/a", GOOD), ("/sse/a", OTHER)),
    "other fields": (("/sse/a", GOOD), ("/sse/a", [*OTHER, *PERSONAL])),
    "where to go on": (("/sse/a?b=1", GOOD), ("/sse/a?last_event_id=4&b=1", GOOD)),
    "where to go on, alone": (("/sse/a", GOOD), ("/sse/a?last_event_id=4", [*GOOD, ("Last-Event-ID", "5")])),
    "another spelling of the path": (("/sse/%61", GOOD), ("/sse/a", GOOD)),
    "one language": (
        ("/sse/language", [*GOOD, ("Accept-Language", "es")]),
        ("/sse/language", [*OTHER, ("accept-language", "es")]),
    ),
    "two languages": (
        ("/sse/language", [*GOOD, ("Accept-Language", "es"), ("Accept-Language", "en")]),
        ("/sse/language", [("accept-language", "es"), *OTHER, ("Accept-Language", "en")]),
    ),
}
APART = {
    "paths": (("/sse/a", GOOD), ("/sse/b", GOOD)),
    "queries": (("/sse/a?b=1", GOOD), ("/sse/a?b=2", GOOD)),
    "one query": (("/sse/a?b=1", GOOD), ("/sse/a", GOOD)),
    "routes": (("/sse/a", GOOD), ("/sse/aging", GOOD)),
    "languages": (
        ("/sse/language", [*GOOD, ("Accept-Language", "es")]),
        ("/sse/language", [*GOOD, ("Accept-Language", "en")]),
    ),
    "one language": (("/sse/language", [*GOOD, ("Accept-Language", "es")]), ("/sse/language", GOOD)),
    "order of languages": (
        ("/sse/language", [*GOOD, ("Accept-Language", "es"), ("Accept-Language", "en")]),
        ("/sse/language", [*GOOD, ("Accept-Language", "en"), ("Accept-Language", "es")]),
    ),
    "principals the upstream is told": (("/sse/told", GOOD), ("/sse/told", OTHER)),
    "principals with one cookie": (
        ("/sse/personal", [*GOOD, ("Cookie", "a=b")]),
        ("/sse/personal", [*OTHER, ("Cookie", "a=b")]),
    ),
    "principals without one": (("/sse/personal", GOOD), ("/sse/personal", OTHER)),
    "cookies of one principal": (
        ("/sse/personal", [*GOOD, ("Cookie", "a=b")]),
        ("/sse/personal", [*GOOD, ("Cookie", "a=c")]),
    ),
}


@pytest.mark.parametrize("case", SHARING)
async def test_clients_that_share(case: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """One upstream stream, whose events both get."""
    clients = [(await opened(gateway, target, fields))[0] for target, fields in SHARING[case]]
    upstream.events.put_nowait(b"data: both\n\n")
    for client in clients:
        await client.until(b"data: both\n\n")
    assert len(upstream.exchanges) == len(upstream.wires) == 1


@pytest.mark.parametrize("case", APART)
async def test_clients_that_do_not_share(
    case: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Each has its own, and gets nothing of the other's."""
    one, other = [(await opened(gateway, target, fields))[0] for target, fields in APART[case]]
    exchanges = upstream.exchanges
    assert len(exchanges) == 2
    await exchanges[0].write(b"b\r\ndata: one\n\n\r\n")
    await exchanges[1].write(b"d\r\ndata: other\n\n\r\n")
    await one.until(b"data: one\n\n")
    await other.until(b"data: other\n\n")
    assert b"other" not in one.wire.seen.partition(b"\r\n\r\n")[2]
    assert b"data: one" not in other.wire.seen


async def test_tokens_do_not_tell_streams_apart(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Clients with tokens of their own share, and the upstream sees none of them."""
    tokens = [await issue(gateway), await issue(gateway, fields=GOOD)]
    clients = [(await opened(gateway, token.target, ()))[0] for token in tokens]
    upstream.events.put_nowait(b"data: both\n\n")
    for client in clients:
        await client.until(b"data: both\n\n")
    (exchange,) = upstream.exchanges
    assert exchange.head.target == "/sse/events"
    seen = exchange.head.raw.decode() + gateway.logs.text
    assert not [token for token in tokens if token.token in seen]


# What the upstream learns.


@pytest.mark.parametrize("path", ["/sse/a", "/sse/public"])
async def test_upstream_learns_nothing_of_clients(
    path: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """It gets the gateway's own request and credential, whoever came first and with whatever."""
    client, _ = await opened(gateway, path, [*GOOD, *PERSONAL] if path == "/sse/a" else PERSONAL)
    (exchange,) = upstream.exchanges
    names = [name for name, _ in exchange.head.fields]
    own = ["X-Backend"] if path == "/sse/a" else []
    assert names == ["Host", "Accept", *own, "Accept-Encoding", "Via", "X-Request-Id"]
    assert exchange.head.values("X-Backend") == ["the-gateways-own"] * len(own)
    assert exchange.head.value("Host") == f"127.0.0.1:{upstream.port}"
    raw = exchange.head.raw.decode()
    for secret in (TOKEN, *(value for _, value in PERSONAL), "gateway.test"):
        assert secret not in raw
    assert re.fullmatch("[0-9a-f]{32}", exchange.head.value("X-Request-Id") or "")
    client.leave()


async def test_each_principal_has_its_own_name(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Where the upstream is told, it is told the truth, whatever a client claims."""
    for fields in (GOOD, OTHER):
        await opened(gateway, "/sse/told", [*fields, ("X-Tentaculo-Principal", "operator-ui")])
    names = [exchange.head.values("X-Tentaculo-Principal") for exchange in upstream.exchanges]
    assert names == [["operator-ui"], ["other-ui"]]


async def test_fields_to_vary_by_go_up(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """They and no others."""
    await opened(gateway, "/sse/personal", [*GOOD, *PERSONAL])
    head = upstream.exchanges[0].head
    assert head.values("Cookie") == ["session=cookie-of-the-client"]
    assert head.values("Authorization") == ["Basic authorization-of-the-client"]
    assert head.values("X-Tentaculo-Principal") == head.values("Accept-Language") == []


async def test_fields_to_vary_by_go_up_in_order(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """The first may count more than the second."""
    for languages in (("es", "en"), ("en", "es")):
        fields = [*GOOD, *(("Accept-Language", language) for language in languages)]
        await opened(gateway, "/sse/language", fields)
    heads = [exchange.head for exchange in upstream.exchanges]
    assert [head.values("Accept-Language") for head in heads] == [["es", "en"], ["en", "es"]]


async def test_reply_is_nobodys_own(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """Each client has its own id and its own CORS; cookies and other ids of the upstream go to nobody."""
    fields = "Set-Cookie:%20a=b%0d%0aX-Request-Id:%20upstreams%0d%0aAccess-Control-Allow-Origin:%20*%0d%0a"
    target = f"/sse/public?fields={fields}X-Kept:%20yes%0d%0a"
    heads = [
        (await opened(gateway, target, [("Origin", f"https://{origin}.example")]))[1]
        for origin in ("a", "b", "evil")
    ]
    assert len(upstream.exchanges) == 1
    assert [head.values("Access-Control-Allow-Origin") for head in heads] == [
        ["https://a.example"],
        ["https://b.example"],
        [],
    ]
    assert len({head.value("X-Request-Id") for head in heads} - {"upstreams"}) == 3
    opened_ids = [line["request_id"] for line in gateway.logs.named("stream.opened")]
    assert opened_ids == [head.value("X-Request-Id") for head in heads]
    for head in heads:
        assert head.values("Set-Cookie") == []
        assert head.values("X-Kept") == ["yes"]
        assert head.values("Content-Type") == ["text/event-stream"]
