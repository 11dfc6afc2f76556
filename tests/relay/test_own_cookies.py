"""The gateway's own cookies on their way up: no upstream gets one that its route does not hand on."""

from __future__ import annotations

import re

import pytest

from tests.fakes.client import Fields
from tests.fakes.upstream import ScriptedUpstream
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.token_routes import EVENTS, ROUTES, issue, placed, token_configuration


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front whose streams end by themselves."""
    for name in ("cookie", "delegated"):
        upstream.canned[f"/sse/{name}"] = EVENTS
    return await start_front(token_configuration(upstream))


async def opening(front: Front, target: str, fields: Fields) -> int:
    """Open a stream that ends at once; return the status."""
    return (await front.call(target, fields)).status


async def test_cookies_of_the_gateway_do_not_go_up(front: Front, upstream: ScriptedUpstream) -> None:
    """The token's and the binding's are taken out, and all others go on; on other routes too."""
    target, fields = placed("cookie", await issue(front, "cookie"))
    own = ("Cookie", "tentaculo_binding=x; c=3;d=4")
    await opening(front, target, [*fields, own])
    assert upstream.exchanges[-1].head.values("Cookie") == ["a=1; b=2", "c=3;d=4"]
    for other in ("/echo/public", "/sse/delegated"):
        await front.call(other, [*fields, own])
        assert upstream.exchanges[-1].head.values("Cookie") == ["a=1; b=2", "c=3;d=4"]


async def test_token_cookie_goes_up_where_the_route_hands_it_on(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """With forward_credential the route's own cookie goes on, and no other of the gateway's."""
    routes = re.sub("carry: cookie.*", "carry: cookie}, forward_credential: true}", ROUTES)
    upstream.canned["/sse/cookie"] = EVENTS
    front = await start_front(token_configuration(upstream, routes))
    target, fields = placed("cookie", token := await issue(front, "cookie"))
    await opening(front, target, [*fields, ("Cookie", "tentaculo_binding=x; z=1")])
    sent = "; ".join(upstream.exchanges[-1].head.values("Cookie"))
    assert token in sent
    assert "z=1" in sent
    assert "binding" not in sent


async def test_removed_cookies_still_open(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A route that sends its upstream no cookies still reads the gateway's own."""
    routes = re.sub("carry: cookie.*", "carry: cookie}, request_headers: {remove: [Cookie]}}", ROUTES)
    upstream.canned["/sse/cookie"] = EVENTS
    front = await start_front(token_configuration(upstream, routes))
    target, fields = placed("cookie", await issue(front, "cookie"))
    assert await opening(front, target, fields) == 200
    assert upstream.exchanges[-1].head.values("Cookie") == []
