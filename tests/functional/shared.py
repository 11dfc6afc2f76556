"""Routes with shared streams of every kind, and how a client opens one."""

from __future__ import annotations

from tests.fakes.client import Fields, RawClient, request
from tests.fakes.messages import Head
from tests.functional.running import GOOD, OTHER_TOKEN, RunningGateway
from tests.functional.tokens import stream_route
from tests.relay.shared_parts import shared_configuration, shared_route

OTHER: Fields = (("X-VX11-Token", OTHER_TOKEN),)
PUBLIC = "access: public, cors: {origins: ['https://a.example', 'https://b.example'], credentials: true}"
ROUTES = (
    shared_route(name="sse", path="/sse/{name}"),
    shared_route("vary: [X-Tentaculo-Principal]", name="told", path="/sse/told"),
    shared_route("vary: [Cookie, Authorization]", name="personal", path="/sse/personal"),
    shared_route("vary: [Accept-Language]", name="language", path="/sse/language"),
    shared_route(name="public", path="/sse/public", more=PUBLIC, upstream="plain"),
    shared_route("max_age: 1h", name="aging", path="/sse/aging"),
    shared_route("last_event: false", name="silent", path="/sse/silent"),
    shared_route("max_streams_per_principal: 1", name="single", path="/sse/single"),
    shared_route(name="late", path="/late-sse"),
    shared_route(name="rest", path="/*"),
    stream_route(stream="shared: true", terms="reuse: ttl"),
)
PERSONAL: Fields = (
    ("Cookie", "session=cookie-of-the-client"),
    ("Authorization", "Basic authorization-of-the-client"),
    ("X-Tentaculo-Principal", "claimed"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("Forwarded", "for=203.0.113.9"),
    ("X-Real-IP", "203.0.113.9"),
    ("User-Agent", "agent-of-the-client"),
    ("Referer", "https://page.example/"),
    ("Origin", "https://a.example"),
    ("Accept-Language", "language-of-the-client"),
    ("X-Request-Id", "id-of-the-client"),
    ("X-Anything", "anything"),
)


def shared_gateway(port: int) -> str:
    """Write a file with a credential of the gateway's own, and these routes."""
    own = "timeouts: {}, credential: {header: X-Backend, value: the-gateways-own}"
    text = shared_configuration(port, *ROUTES).replace("timeouts: {}", own)
    return text.replace("\nupstreams:\n", f"\nupstreams:\n  plain: 'http://127.0.0.1:{port}'\n")


async def opened(
    gateway: RunningGateway, target: str = "/sse/a", fields: Fields = GOOD, version: str = "1.1"
) -> tuple[RawClient, Head]:
    """Open a stream; its client and its head."""
    client = await gateway.client()
    await client.send(request("GET", target, fields, version=version))
    head = await client.head()
    assert head.status == 200, client.wire.seen
    return client, head
