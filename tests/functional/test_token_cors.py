"""Pages of other origins: what a browser is told at issue paths and stream routes, errors included."""

from __future__ import annotations

import pytest

from tests.fakes.client import Fields
from tests.fakes.messages import Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD
from tests.functional.tokens import call, issue, open_stream, sample, stream_route, token_configuration

APP = "https://app.example.org"
FROM_APP: Fields = (("Origin", APP),)
FROM_EVIL: Fields = (("Origin", "https://evil.example.org"),)
ASKING: Fields = (
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "x-vx11-token, last-event-id"),
)
LISTED = stream_route(more=f"cors: {{origins: ['{APP}'], credentials: true}}")
ANYONE = stream_route("anyone", more="cors: {origins: ['*']}")


def told(reply: Message) -> dict[str, str]:
    """What the browser is told about other origins."""
    return {
        name.lower().removeprefix("access-control-"): value
        for name, value in reply.head.fields
        if name.lower().startswith("access-control-")
    }


READABLE = {
    "allow-origin": APP,
    "allow-credentials": "true",
    "expose-headers": "Retry-After, X-Request-Id, RateLimit, RateLimit-Policy",
}


@pytest.mark.parametrize(("path", "method"), [("/tokens/events", "POST"), ("/sse/events", "GET")])
async def test_preflight(
    path: str, method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A preflight needs no token, is answered by the gateway, and for listed origins only."""
    gateway = await start_gateway(token_configuration(upstream.port, LISTED))
    asking = (("Access-Control-Request-Method", method), ASKING[1])
    reply = await call(gateway, path, (*FROM_APP, *asking), method="OPTIONS")
    assert reply.status == 204
    assert told(reply) == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "allow-methods": method,
        "allow-headers": "x-vx11-token, last-event-id",
        "max-age": "600",
    }
    refused = await call(gateway, path, (*FROM_EVIL, *asking), method="OPTIONS")
    assert (refused.status, told(refused)) == (403, {})
    assert upstream.exchanges == []
    assert await sample(gateway, "ephemeral_tokens_issued_total") == 0


@pytest.mark.parametrize(
    ("path", "method", "fields", "status"),
    [
        ("/tokens/events", "POST", GOOD, 200),
        ("/tokens/events", "POST", (), 401),
        ("/tokens/events", "POST", (*GOOD, *GOOD), 400),
        ("/sse/events", "GET", (), 401),
        ("/sse/events?token=x", "GET", (), 401),
        ("/sse/events", "POST", (), 405),
    ],
)  # fmt: skip
async def test_page_can_read_it(
    path: str,
    method: str,
    fields: Fields,
    status: int,
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
) -> None:
    """A listed page can tell one error from another; any other page is told nothing."""
    gateway = await start_gateway(token_configuration(upstream.port, LISTED))
    for origin, expected in ((FROM_APP, READABLE), (FROM_EVIL, {}), ((), {})):
        reply = await call(gateway, path, (*fields, *origin), method=method)
        assert (reply.status, told(reply)) == (status, expected)
        assert reply.head.values("Vary") == ["Origin"]


async def test_stream_of_another_origin(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """What the upstream says about origins is replaced by what the gateway was told."""
    gateway = await start_gateway(token_configuration(upstream.port, LISTED, ANYONE))
    own = "fields=Access-Control-Allow-Origin:%20*%0D%0AAccess-Control-Allow-Credentials:%20true%0D%0A"
    listed = await open_stream(gateway, f"{(await issue(gateway)).target}&{own}", FROM_APP)
    assert told(Message(listed.head)) == READABLE
    evil = await open_stream(gateway, f"{(await issue(gateway)).target}&{own}", FROM_EVIL)
    assert told(Message(evil.head)) == {}
    anyone = await open_stream(gateway, f"{(await issue(gateway, 'anyone')).target}&{own}", FROM_EVIL)
    assert told(Message(anyone.head)) == {"allow-origin": "*", "expose-headers": READABLE["expose-headers"]}
    assert upstream.exchanges[0].query == {"fields": upstream.exchanges[0].query["fields"]}


async def test_without_cors(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Where the file says nothing about origins, nor does the gateway, and a preflight opens nothing."""
    gateway = await start_gateway(token_configuration(upstream.port))
    reply = await call(gateway, "/tokens/events", (*GOOD, *FROM_APP), method="POST")
    assert (reply.status, told(reply)) == (200, {})
    for path in ("/tokens/events", "/sse/events"):
        refused = await call(gateway, path, (*FROM_APP, *ASKING), method="OPTIONS")
        assert (refused.status in (401, 405), told(refused)) == (True, {})
    assert upstream.exchanges == []
