"""`carry: cookie` as HTTP sees it: several tabs of one browser, other sites, and what the cookies say."""

from __future__ import annotations

import pytest

from tests.fakes.client import Fields
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import (
    BROWSER,
    ELSE,
    Stream,
    call,
    issue,
    open_stream,
    reaches,
    refusal,
    sample,
    stream_route,
    token_configuration,
)

PATH = "/sse/events"
CORS = "cors: {origins: ['https://app.example.org'], credentials: true}"
SITE = "Sec-Fetch-Site"


def cookies(port: int, terms: str = "", *, more: str = "", extra: str = "") -> str:
    """Write a file whose stream is opened by a cookie."""
    route = stream_route(terms=f"carry: cookie, {terms}", more=more)
    return token_configuration(port, route, extra=extra)


async def tabs(gateway: RunningGateway, fields: Fields, count: int) -> list[Stream]:
    """Open streams as so many tabs of one browser do."""
    return [await open_stream(gateway, PATH, fields) for _ in range(count)]


async def test_two_tabs(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """One cookie holds two streams open, neither takes the other's place."""
    gateway = await start_gateway(cookies(upstream.port))
    issued = await issue(gateway)
    streams = await tabs(gateway, (*BROWSER, issued.cookie), 2)
    for stream, exchange in zip(streams, upstream.exchanges, strict=True):
        await exchange.write(b"9\r\ndata: 1\n\n\r\n")
        assert await stream.client.until(b"data: 1\n\n")
    assert gateway.logs.named("stream.ended") == []
    assert await sample(gateway, "tentaculo_streams_open{") == 2


async def test_no_url_or_body_holds_the_token(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The token is in an HttpOnly cookie of the stream's path alone."""
    gateway = await start_gateway(cookies(upstream.port, "resume_max_age: 30m"))
    issued = await issue(gateway)
    assert issued.told == {"ttl_sec": 60, "endpoint": PATH}
    binding, token = issued.reply.head.values("Set-Cookie")
    end = "Max-Age=1800; HttpOnly; SameSite=Strict"
    assert binding == f"tentaculo_binding={issued.cookies['tentaculo_binding']}; Path=/; {end}"
    name = next(name for name in issued.cookies if name.startswith("tentaculo_token_"))
    assert token == f"{name}={issued.cookies[name]}; Path={PATH}; {end}"
    assert issued.cookies[name] not in issued.reply.body.decode()


async def test_cross_site_cookies(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Where pages of another site may call, the cookies travel there, and by TLS only."""
    gateway = await start_gateway(cookies(upstream.port, "same_site: none", more=CORS))
    for value in (await issue(gateway)).reply.head.values("Set-Cookie"):
        assert value.endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


async def test_under_tls(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Behind a proxy that ends TLS the cookies have names that only TLS can set, and no others count."""
    gateway = await start_gateway(cookies(upstream.port, extra="trusted_peers: [127.0.0.1/32]"))
    tls = (("X-Forwarded-Proto", "https"),)
    issued = await issue(gateway, fields=(*GOOD, *tls))
    assert all(name.startswith("__Secure-tentaculo_") for name in issued.cookies)
    planted = ("Cookie", issued.cookie[1].replace("__Secure-", ""))
    assert await refusal(gateway, PATH, (*tls, planted)) == (401, "unauthorized")
    await open_stream(gateway, PATH, (*tls, issued.cookie))


async def test_ninth_tab(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Eight streams are one token's most; the place of one that ends is free at once."""
    gateway = await start_gateway(cookies(upstream.port))
    fields = (*BROWSER, (await issue(gateway)).cookie)
    streams = await tabs(gateway, fields, 8)
    reply = await call(gateway, PATH, fields)
    assert (reply.status, reply.head.value("Retry-After")) == (429, "1")
    assert b'"code":"too_many_openings"' in reply.body
    streams[3].client.leave()
    await gateway.logs.wait_for("stream.ended")
    await open_stream(gateway, PATH, fields)
    assert await sample(gateway, 'ephemeral_tokens_refused_total{reason="too_many_streams"}') == 1


async def test_tab_after_the_tokens_life(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A token older than its ttl opens another tab while one is open; unused, it opens nothing."""
    gateway = await start_gateway(cookies(upstream.port, "ttl: 1s"))
    issued, unused = await issue(gateway), await issue(gateway)
    await open_stream(gateway, PATH, (*BROWSER, issued.cookie))
    await reaches(gateway, "ephemeral_tokens_expired_total", 1)
    assert await refusal(gateway, PATH, (*BROWSER, unused.cookie)) == (401, "unauthorized")
    assert (await gateway.logs.wait_for("request.finished", count=3))["reason"] == "token_expired"
    await open_stream(gateway, PATH, (*BROWSER, issued.cookie))


async def test_last_tab_closed(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Once the last tab has been closed for longer than the grace, the cookie opens nothing."""
    gateway = await start_gateway(cookies(upstream.port, "resume_grace: 200ms"))
    fields = (*BROWSER, (await issue(gateway)).cookie)
    first, second = await tabs(gateway, fields, 2)
    first.client.leave()
    await gateway.logs.wait_for("stream.ended")
    second.client.leave()
    await gateway.logs.wait_for("stream.ended", count=2)
    (await open_stream(gateway, PATH, fields)).client.leave()
    await gateway.logs.wait_for("stream.ended", count=3)
    await reaches(gateway, "ephemeral_tokens_valid", 0)
    assert await refusal(gateway, PATH, fields) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ((), 200),
        (((SITE, "same-origin"),), 200),
        (((SITE, "cross-site"),), 403),
        (((SITE, "same-site"),), 403),
        (((SITE, "none"),), 403),
        (((SITE, ""),), 403),
        ((("Sec-Fetch-Mode", "cors"),), 403),
        ((("Sec-Fetch-Dest", "image"),), 403),
        (((SITE, "cross-site"), ("Origin", "https://app.example.org")), 200),
        (((SITE, "cross-site"), ("Origin", "https://evil.example.org")), 403),
        (((SITE, "cross-site"), ("Origin", "null")), 403),
        (((SITE, "same-site"), ("Origin", "http://gateway.test:81")), 403),
        ((("Origin", "http://gateway.test"),), 200),
        ((("Origin", "http://gateway.test.evil.example"),), 403),
        ((("Origin", "http://evil.example/gateway.test"),), 403),
        ((("Origin", "https://app.example.org:8443"),), 403),
        ((("Origin", "https://evil.example"),), 403),
        ((("Origin", ""),), 403),
    ],
)  # fmt: skip
async def test_other_sites(
    more: Fields, status: int, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Only a page of this origin, or of one that is listed, makes a browser's cookie open a stream."""
    gateway = await start_gateway(cookies(upstream.port, more=CORS))
    fields = (*BROWSER, (await issue(gateway)).cookie)
    if status == 200:
        await open_stream(gateway, PATH, (*fields, *more))
        return
    assert await refusal(gateway, PATH, (*fields, *more)) == (403, "cross_site")
    assert upstream.exchanges == []
    await open_stream(gateway, PATH, (*ELSE, fields[-1]))  # nothing was spent, and nobody bound


@pytest.mark.parametrize("carry", ["query", "header"])
async def test_other_sites_do_not_matter_elsewhere(
    carry: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A token that no browser sends by itself may come from a page of any site."""
    route = stream_route(terms=f"carry: {carry}")
    gateway = await start_gateway(token_configuration(upstream.port, route))
    issued = await issue(gateway)
    fields = () if carry == "query" else (("X-VX11-Token", issued.token),)
    target = issued.target if carry == "query" else PATH
    await open_stream(gateway, target, (*fields, (SITE, "cross-site"), ("Origin", "https://any.example")))


async def test_stolen_cookie(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """The token's cookie without the binding cookie that came with it opens nothing once it was used."""
    gateway = await start_gateway(cookies(upstream.port))
    issued = await issue(gateway)
    await open_stream(gateway, PATH, (*BROWSER, issued.cookie))
    name = next(name for name in issued.cookies if name.startswith("tentaculo_token_"))
    alone = ("Cookie", f"{name}={issued.cookies[name]}")
    assert await refusal(gateway, PATH, (*BROWSER, alone)) == (401, "unauthorized")
    await open_stream(gateway, PATH, (*ELSE, issued.cookie))  # the cookies are the client, not its name


async def test_binding_is_kept(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A browser that asks for a second token keeps its binding, so the first one's streams may resume."""
    gateway = await start_gateway(cookies(upstream.port))
    first = await issue(gateway)
    second = await issue(gateway, fields=(*GOOD, first.cookie))
    assert second.cookies["tentaculo_binding"] == first.cookies["tentaculo_binding"]
    fixed = await issue(gateway, fields=(*GOOD, ("Cookie", "tentaculo_binding=planted")))
    assert fixed.cookies["tentaculo_binding"] != "planted"


async def test_anyone_is_not_everyones_cookie(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Where any page may call, none of another site may do so with the browser's cookie."""
    gateway = await start_gateway(cookies(upstream.port, more="cors: {origins: ['*']}"))
    fields = (
        *BROWSER,
        (await issue(gateway)).cookie,
        (SITE, "cross-site"),
        ("Origin", "https://any.example"),
    )
    assert await refusal(gateway, PATH, fields) == (403, "cross_site")
