"""Every way to carry and reuse an ephemeral token with every way to present a credential."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.settings import Carry, EphemeralTokenSettings, Reuse, RouteSettings
from tests.fakes.client import Fields, request
from tests.fakes.messages import Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import OTHER_TOKEN, TOKEN, RunningGateway
from tests.functional.test_access_matrix import PRESENTED as ON_CALLS
from tests.functional.test_access_matrix import header
from tests.functional.test_access_matrix import presented_tokens as credentials_of_call
from tests.functional.tokens import Issued, call, issue, stream_route, token_configuration

COMBINED = [
    stream_route(f"{carry}-{reuse}", terms=f"carry: {carry}, reuse: {reuse}")
    for carry in Carry
    for reuse in Reuse
]
VARIED = [
    stream_route("off", more="enabled: false"),
    stream_route("compatible", terms="principal_in_query: allow"),
    stream_route("forwarded", more="forward_credential: true"),
    stream_route("bound", terms="bind_client: true"),
    stream_route("renamed", terms="parameter: event_token"),
    stream_route("bearer", terms="carry: header", more="credential_headers: [Authorization]"),
]
LINES = [*COMBINED, *VARIED, stream_route("another")]
ROUTES = load_text(token_configuration(9, *LINES), source=Path("matrix.yaml"), environ={}).routes
OPENED = [route for route in ROUTES if route.ephemeral_token and route.name != "another"]
UNKNOWN = "3f0e7c1a-9d52-4a60-8a55-0c6f4f1f6c11"
WRONG = "wrong-but-long-enough"


@dataclass(frozen=True, slots=True)
class Shown:
    """One way to present a credential: `{mine}` is a token of the route, `{foreign}` of another one.

    `{cookie}` and `{parameter}` are where the route takes one.
    """

    name: str
    fields: Fields = ()
    query: str = ""
    method: str = "GET"

    def filled(self, **values: str) -> Shown:
        """Fill in what a run has."""
        fields = tuple((name, value.format(**values)) for name, value in self.fields)
        return Shown(self.name, fields, self.query.format(**values), self.method)


def cookie(value: str) -> tuple[str, str]:
    """The cookie that carries a token."""
    return "Cookie", "{cookie}=" + value


SHOWN = (
    Shown("none"),
    Shown("principal", (header(TOKEN),)),
    Shown("limited-principal", (header(OTHER_TOKEN),)),
    Shown("wrong", (header(WRONG),)),
    Shown("empty", (header(""),)),
    Shown("principal-bearer", (("Authorization", f"Bearer {TOKEN}"),)),
    Shown("principal-query", query=f"?{{parameter}}={TOKEN}"),
    Shown("limited-principal-query", query=f"?{{parameter}}={OTHER_TOKEN}"),
    Shown("principal-cookie", (cookie(TOKEN),)),
    Shown("query", query="?a=1&{parameter}={mine}&b=2"),
    Shown("query-escaped-name", query="?event_tok%65n={mine}&tok%65n={mine}"),
    Shown("query-other-name", query="?sse_token={mine}"),
    Shown("query-header-name", query="?X-VX11-Token={mine}"),
    Shown("query-empty", query="?{parameter}="),
    Shown("query-cut", query="?{parameter}={cut}"),
    Shown("query-other-case", query="?{parameter}={upper}"),
    Shown("query-foreign", query="?{parameter}={foreign}"),
    Shown("query-unknown", query="?{parameter}=" + UNKNOWN),
    Shown("query-twice", query="?{parameter}={mine}&{parameter}={mine}"),
    Shown("query-and-principal", (header(TOKEN),), "?{parameter}={mine}"),
    Shown("query-head", query="?{parameter}={mine}", method="HEAD"),
    Shown("cookie", (cookie("{mine}"),)),
    Shown("cookie-among-others", (("Cookie", "theme=dark; {cookie}={mine}; lang=es"),)),
    Shown("cookie-foreign", (cookie("{foreign}"),)),
    Shown("cookie-unknown", (cookie(UNKNOWN),)),
    Shown("cookie-two-values", (cookie("{mine}; {cookie}={foreign}"),)),
    Shown("cookie-other-name", (("Cookie", "token={mine}"),)),
    Shown("cookie-and-principal", (cookie("{mine}"), header(TOKEN))),
    Shown("cookie-head", (cookie("{mine}"),), method="HEAD"),
    Shown("header", (header("{mine}"),)),
    Shown("header-foreign", (header("{foreign}"),)),
    Shown("header-unknown", (header(UNKNOWN),)),
    Shown("header-list", (header("{mine}, {mine}"),)),
    Shown("header-twice", (header("{mine}"), header("{mine}"))),
    Shown("header-and-principal", (header("{mine}"), header(TOKEN))),
    Shown("header-head", (header("{mine}"),), method="HEAD"),
    Shown("bearer", (("Authorization", "Bearer {mine}"),)),
)
ALLOWED = {TOKEN: True, OTHER_TOKEN: False}


def terms_of(route: RouteSettings) -> EphemeralTokenSettings:
    """The route's rules for tokens."""
    assert route.ephemeral_token is not None
    return route.ephemeral_token


def credentials(route: RouteSettings, shown: Shown) -> list[str]:
    """The values of the header that the route reads credentials from."""
    if route.credential_headers == ("Authorization",):
        return [value.removeprefix("Bearer ") for name, value in shown.fields if name == "Authorization"]
    return [value for name, value in shown.fields if name == "X-VX11-Token"]


def tokens(route: RouteSettings, shown: Shown, values: dict[str, str]) -> list[str]:
    """What stands where a token of this route may, besides a credential header."""
    if terms_of(route).carry is Carry.QUERY:
        pairs = [unquote(pair).partition("=") for pair in shown.query.removeprefix("?").split("&")]
        return [value for name, _, value in pairs if name == values["parameter"]]
    if terms_of(route).carry is Carry.COOKIE:
        cookies = [value for name, value in shown.fields if name == "Cookie"]
        crumbs = [crumb.partition("=") for value in cookies for crumb in value.split("; ")]
        return [value for name, _, value in crumbs if name == values["cookie"]]
    return []


def expected_status(route: RouteSettings, shown: Shown, values: dict[str, str]) -> int:
    """Decide as design and documentation say."""
    terms, presented = terms_of(route), credentials(route, shown)
    carried = tokens(route, shown, values)
    if not route.enabled:
        return 503
    if len(presented) + len(carried) != 1:
        return 400 if presented or carried else 401
    value = (presented + carried)[0]
    if value in ALLOWED and (presented or terms.principal_in_query):
        return 200 if ALLOWED[value] else 403
    good = value == values["mine"] and (not presented or terms.carry is Carry.HEADER)
    return 200 if good and shown.method == "GET" else 401


async def prepared(gateway: RunningGateway, route: RouteSettings) -> tuple[Issued, dict[str, str]]:
    """Get tokens of this route and of another one, and tell where they go."""
    terms, enabled = terms_of(route), route.enabled
    bearer = route.credential_headers == ("Authorization",)
    good = ("Authorization", f"Bearer {TOKEN}") if bearer else header(TOKEN)
    issued = await issue(gateway, route.name if enabled else "another", (good,))
    foreign = await issue(gateway, "another")
    names = [name for name in issued.cookies if name.startswith("tentaculo_token_")]
    mine = issued.cookies[names[0]] if names else issued.token
    place = {"cookie": names[0] if names else "tentaculo_token_0", "parameter": terms.parameter}
    return issued, {"mine": mine, "foreign": foreign.token, "cut": mine[:-1], "upper": mine.upper(), **place}


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
@pytest.mark.parametrize("route", OPENED, ids=lambda route: route.name)
async def test_matrix(
    route: RouteSettings, shown: Shown, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A stream opens to exactly the credentials it should, and the upstream sees none that it should not."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    _, values = await prepared(gateway, route)
    shown = shown.filled(**values)
    upstream.events.put_nowait(None)
    reply = await call(gateway, route.path + shown.query, shown.fields, method=shown.method)
    expected = expected_status(route, shown, values)
    assert reply.status == expected, gateway.logs.text
    assert len(upstream.exchanges) == (expected == 200)
    secrets = (TOKEN, OTHER_TOKEN, values["mine"], values["foreign"])
    assert not [secret for secret in secrets if secret in gateway.logs.text]
    if expected == 200:
        check_what_the_upstream_saw(route, shown, upstream, values)


def check_what_the_upstream_saw(
    route: RouteSettings, shown: Shown, upstream: ScriptedUpstream, values: dict[str, str]
) -> None:
    """What carries a credential on this route is gone unless it hands credentials on; all else is as sent."""
    head, terms, keep = upstream.exchanges[0].head, terms_of(route), route.forward_credential
    pairs = [pair for pair in shown.query.removeprefix("?").split("&") if pair]
    if terms.carry is Carry.QUERY and not keep:
        pairs = [pair for pair in pairs if unquote(pair).partition("=")[0] != values["parameter"]]
    assert head.target == route.path + ("?" + "&".join(pairs) if pairs else "")
    crumbs = [crumb for name, value in shown.fields if name == "Cookie" for crumb in value.split("; ")]
    if terms.carry is Carry.COOKIE and not keep:
        crumbs = [crumb for crumb in crumbs if crumb.partition("=")[0] != values["cookie"]]
    assert "; ".join(head.values("Cookie")) == "; ".join(crumbs)
    for name in ("X-VX11-Token", "Authorization"):
        sent = [value for field, value in shown.fields if field == name]
        assert head.values(name) == ([] if name in route.credential_headers and not keep else sent)
    assert head.values("X-Tentaculo-Principal") == ["operator-ui"]


SAME: Fields = (("User-Agent", "one"),)
OTHER: Fields = (("User-Agent", "two"),)
# Statuses of: the first redeem, the same client again, another client.
REUSED = {Reuse.ONCE: (200, 401, 401), Reuse.RESUME: (200, 200, 401), Reuse.TTL: (200, 200, 200)}


def way_in(route: RouteSettings, values: dict[str, str]) -> tuple[str, Fields]:
    """The URL and the fields that carry the route's token."""
    shown = next(shown for shown in SHOWN if shown.name == terms_of(route).carry.value).filled(**values)
    return route.path + shown.query, shown.fields


@pytest.mark.parametrize("route", OPENED[:9], ids=lambda route: route.name)
async def test_reuse(route: RouteSettings, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """How often and for whom a token opens depends on its reuse alone, not on how it is carried."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    _, values = await prepared(gateway, route)
    target, fields = way_in(route, values)
    for _ in range(3):
        upstream.events.put_nowait(None)
    statuses = tuple([(await call(gateway, target, (*fields, *who))).status for who in (SAME, SAME, OTHER)])
    assert statuses == REUSED[terms_of(route).reuse]


@pytest.mark.parametrize("route", OPENED[:9], ids=lambda route: route.name)
async def test_head_spends_nothing(
    route: RouteSettings, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """HEAD with a good token is refused, and the token is as good as before, for whoever comes first."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    _, values = await prepared(gateway, route)
    target, fields = way_in(route, values)
    upstream.events.put_nowait(None)
    assert (await call(gateway, target, (*fields, *OTHER), method="HEAD")).status == 401
    assert (await call(gateway, target, (*fields, *SAME))).status == 200


async def ask(gateway: RunningGateway, target: str, fields: Fields, method: str = "POST") -> Message:
    """Make a call to an issue path."""
    client = await gateway.client()
    await client.send(request(method, target, fields))
    return await client.reply(method)


@pytest.mark.parametrize("presented", ON_CALLS, ids=lambda presented: presented.name)
async def test_issue_path(presented: Shown, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An issue path gives a token to exactly the principal tokens in the credential header."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    reply = await ask(gateway, f"/tokens/query-once{presented.query}", presented.fields)
    values = credentials_of_call(ROUTES[0], presented)  # type: ignore[arg-type]
    known = {TOKEN: 200, OTHER_TOKEN: 403}
    expected = known.get(values[0], 401) if len(values) == 1 else 400 if values else 401
    assert reply.status == expected, gateway.logs.text
    assert reply.head.value("Cache-Control") == "no-store"
    assert ("sse_token" in json.loads(reply.body)) == (expected == 200)
    assert bool(reply.head.values("Set-Cookie")) == (expected == 200)
    assert not [secret for secret in (TOKEN, OTHER_TOKEN) if secret in gateway.logs.text]
    assert upstream.exchanges == []


@pytest.mark.parametrize("where", ["query", "cookie", "header"])
async def test_token_gets_no_token(
    where: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """An ephemeral token is no principal token: it opens neither an issue path nor a call."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    route = next(route for route in OPENED if route.name == f"{where}-ttl")
    _, values = await prepared(gateway, route)
    shown = next(shown for shown in SHOWN if shown.name == where).filled(**values)
    for path, method in ((f"/tokens/{route.name}", "POST"), ("/echo/api", "GET")):
        assert (await call(gateway, path + shown.query, shown.fields, method=method)).status == 401
    assert upstream.exchanges == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_issue_path_takes_post_only(
    method: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """No other method gives a token: a link or an image can't ask for one."""
    gateway = await start_gateway(token_configuration(upstream.port, *LINES))
    reply = await ask(gateway, "/tokens/query-once", (header(TOKEN),), method)
    assert (reply.status, reply.head.value("Allow")) == (405, "POST")
    assert upstream.exchanges == []
