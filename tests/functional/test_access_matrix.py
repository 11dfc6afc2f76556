"""Every route of a configuration with every way to present a credential, against an oracle of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.settings import Access, RouteSettings
from tests.fakes.client import Fields
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import HEAD
from tests.functional.conftest import StartGateway
from tests.functional.running import OTHER_TOKEN, TOKEN

ROTATED = "The-new-token-while-rotating"
SERVICE = "service-credential-of-the-gateway"
SECRETS = (TOKEN, OTHER_TOKEN, ROTATED)
PRINCIPALS = {TOKEN: "operator-ui", ROTATED: "operator-ui", OTHER_TOKEN: "elsewhere"}
ROUTES_OF = {"operator-ui": "", "elsewhere": "other-"}


def configuration(port: int) -> str:
    """Give every kind of access, switched on and off, with and without its variations."""
    return f"""{HEAD}
principals:
  - {{name: operator-ui, token: [{TOKEN}, {ROTATED}]}}
  - {{name: elsewhere, token: {OTHER_TOKEN}, routes: ["other-*"]}}
upstreams:
  backend: 'http://127.0.0.1:{port}'
  guarded:
    servers: ['http://127.0.0.1:{port}']
    credential: {{header: X-Service-Token, value: {SERVICE}}}
routes:
  - {{name: checked, path: /echo/checked, upstream: backend, access: header-token}}
  - {{name: checked-off, path: /echo/checked-off, upstream: backend, access: header-token, enabled: false}}
  - {{name: implied, path: /echo/implied, upstream: backend}}
  - {{name: other-checked, path: /echo/other, upstream: backend}}
  - {{name: guarded, path: /echo/guarded, upstream: guarded}}
  - {{name: forwarded, path: /echo/forwarded, upstream: backend, forward_credential: true}}
  - {{name: bearer, path: /echo/bearer, upstream: backend, credential_headers: [Authorization]}}
  - {{name: both, path: /echo/both, upstream: backend, credential_headers: [Authorization, X-VX11-Token]}}
  - {{name: checked-stream, path: /sse/checked, upstream: backend, stream: {{}}}}
  - {{name: open, path: /echo/open, upstream: backend, access: public}}
  - {{name: open-off, path: /echo/open-off, upstream: backend, access: public, enabled: false}}
  - {{name: delegated, path: /sse/delegated, upstream: backend, access: upstream, stream: {{}}}}
  - {{name: delegated-off, path: /sse/off, upstream: backend, access: upstream, stream: {{}}, enabled: false}}
"""


@dataclass(frozen=True, slots=True)
class Presented:
    """One way to present a credential."""

    name: str
    fields: Fields = ()
    query: str = ""


def header(value: str) -> tuple[str, str]:
    """The default credential header."""
    return ("X-VX11-Token", value)


PRESENTED = (
    Presented("none"),
    Presented("good", (header(TOKEN),)),
    Presented("rotated", (header(ROTATED),)),
    Presented("good-other-spelling-of-name", (("x-vx11-TOKEN", TOKEN),)),
    Presented("wrong", (header("wrong-but-long-enough"),)),
    Presented("prefix", (header(TOKEN[:-1]),)),
    Presented("suffix", (header(TOKEN + "x"),)),
    Presented("other-case", (header(TOKEN.swapcase()),)),
    Presented("empty", (header(""),)),
    Presented("two-headers", (header(TOKEN), header("wrong-but-long-enough"))),
    Presented("two-principals", (header(TOKEN), header(OTHER_TOKEN))),
    Presented("twice-the-same", (header(TOKEN), header(TOKEN))),
    Presented("list", (header(f"{TOKEN}, {TOKEN}"),)),
    Presented("authorization", (("Authorization", f"Bearer {TOKEN}"),)),
    Presented("authorization-lower-scheme", (("Authorization", f"bearer {TOKEN}"),)),
    Presented("authorization-basic", (("Authorization", f"Basic {TOKEN}"),)),
    Presented("authorization-bare", (("Authorization", TOKEN),)),
    Presented("authorization-and-header", (("Authorization", f"Bearer {TOKEN}"), header(TOKEN))),
    Presented("query", query=f"?token={TOKEN}"),
    Presented("query-header-name", query=f"?X-VX11-Token={TOKEN}"),
    Presented("cookie", (("Cookie", f"X-VX11-Token={TOKEN}"),)),
    Presented("limited-principal", (header(OTHER_TOKEN),)),
    Presented("underscore", (("X_VX11_Token", TOKEN),)),
    Presented("listed-in-connection", (header(TOKEN), ("Connection", "X-VX11-Token"))),
)
ROUTES = load_text(configuration(9), source=Path("matrix.yaml"), environ={}).routes


def presented_tokens(route: RouteSettings, presented: Presented) -> list[str]:
    """What counts as a credential on this route."""
    names = {name.lower() for name in route.credential_headers}
    tokens = []
    for name, value in presented.fields:
        scheme, _, rest = value.partition(" ")
        if name.lower() == "authorization" and "authorization" in names and scheme.lower() == "bearer":
            tokens.append(rest)
        elif name.lower() in names - {"authorization"}:
            tokens.append(value)
    return tokens


def expected_status(route: RouteSettings, presented: Presented) -> int:
    """Decide as design and documentation say."""
    tokens = presented_tokens(route, presented)
    if not route.enabled:
        return 503
    if route.access is not Access.HEADER_TOKEN:
        return 200
    if not tokens or len(tokens) > 1:
        return 400 if tokens else 401
    principal = PRINCIPALS.get(tokens[0])
    if principal is None:
        return 401
    return 200 if route.name.startswith(ROUTES_OF[principal]) else 403


def expected_fields(route: RouteSettings, presented: Presented) -> list[str]:
    """The values, of those the client sent, that the upstream may see with a secret in them."""
    counted = presented_tokens(route, presented)
    untouched = route.forward_credential or route.access is Access.UPSTREAM
    kept = []
    for name, value in presented.fields:
        counts = (
            bool(counted) and any(value.endswith(token) for token in counted) and name.lower() != "cookie"
        )
        mine = name.lower() in {n.lower() for n in route.credential_headers} and counts
        if any(secret in value for secret in SECRETS) and (untouched or not mine) and "_" not in name:
            kept.append(value)
    return kept


@pytest.mark.parametrize("presented", PRESENTED, ids=lambda presented: presented.name)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_matrix(
    route: RouteSettings, presented: Presented, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A route opens to exactly the credentials it should, and the upstream sees no more than it should."""
    gateway = await start_gateway(configuration(upstream.port))
    upstream.events.put_nowait(None)
    reply = await gateway.call(route.path + presented.query, presented.fields)
    expected = expected_status(route, presented)
    assert reply.status == expected, gateway.logs.text
    assert len(upstream.exchanges) == (expected == 200)
    assert not [secret for secret in SECRETS if secret in gateway.logs.text]
    if expected == 200:
        check_what_the_upstream_saw(route, presented, upstream)


def check_what_the_upstream_saw(
    route: RouteSettings, presented: Presented, upstream: ScriptedUpstream
) -> None:
    """Compare secrets, identity and the gateway's own credential."""
    head = upstream.exchanges[0].head
    seen = [value for _, value in head.fields if any(secret in value for secret in SECRETS)]
    assert seen == expected_fields(route, presented)
    assert head.target == route.path + presented.query
    principal = [PRINCIPALS[token] for token in presented_tokens(route, presented) if token in PRINCIPALS]
    assert head.values("X-Tentaculo-Principal") == (principal if route.access is Access.HEADER_TOKEN else [])
    assert head.values("X-Service-Token") == ([SERVICE] if route.name == "guarded" else [])


@pytest.mark.parametrize(
    "path", ["/echo/nowhere", "/echo", "/", "/echo/checked/more", "/ECHO/checked", "/sse/delegated/more"]
)
async def test_no_route_no_upstream(
    path: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A good credential opens nothing that is not configured."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call(path)
    assert reply.status == 404
    assert upstream.exchanges == []


@pytest.mark.parametrize("presented", PRESENTED[:5], ids=lambda presented: presented.name)
async def test_health_needs_no_credential(
    presented: Presented, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The health path answers whatever is presented, and never asks the upstream."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/health", presented.fields)
    assert reply.status == 200
    assert upstream.exchanges == []


@pytest.mark.parametrize(
    "name", ["X-Service-Token", "x-service-token", "X_Service_Token", "X-Tentaculo-Principal"]
)
async def test_client_cannot_send_the_gateways_fields(
    name: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """What the gateway adds stands alone, whatever the client sends under that name."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call("/echo/guarded", [header(TOKEN), (name, "of-the-client")])
    assert reply.status == 200
    head = upstream.exchanges[0].head
    assert b"of-the-client" not in head.raw
    assert head.values("X-Service-Token") == [SERVICE]
    assert head.values("X-Tentaculo-Principal") == ["operator-ui"]
