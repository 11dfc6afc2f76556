"""Known secrets, planted wherever a request or a reply can hold one, turn up nowhere they should not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath
from urllib.parse import quote

import pytest

from tentaculo.config.loader import load_text
from tests.fakes.client import Fields, request
from tests.fakes.messages import Cut, Message
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import HEAD
from tests.functional.conftest import StartGateway
from tests.functional.running import OTHER_TOKEN, TOKEN, RunningGateway

SERVICE = "service-5ecret-of-gateway"
MASKED_NAMES = (
    "token",
    "TOKEN",
    "access_token",
    "sse-token",
    "refreshToken",
    "password",
    "passwd",
    "client_secret",
    "apikey",
    "x_api_key",
    "jwt",
    "session",
    "signature",
    "authorization",
    "key",
    "sig",
    "code",
    "auth",
    "sid",
    "token[]",
    "token[0]",
    "%74oken",
    "to%6Ben",
    "own_name",
)
QUERY = {name: f"query-5ecret-{number:02}-of-url" for number, name in enumerate(MASKED_NAMES)}
AUTHORIZATION = "authz-5ecret-of-backend"
COOKIE = "cookie-5ecret-of-session"
REFERER = "referer-5ecret-of-page"
BODY = "body-5ecret-of-form"
WRONG = "wrong-5ecret-in-header"
REPLY = "reply-5ecret-of-upstream"
LOCATION = "location-5ecret-of-upstream"
PLANTED = (TOKEN, SERVICE, *QUERY.values(), AUTHORIZATION, COOKIE, REFERER, BODY, WRONG, REPLY, LOCATION)

URL_QUERY = "&".join(f"{name}={value}" for name, value in QUERY.items()) + "&plain=shown"
HARMLESS: Fields = (
    ("Authorization", f"Bearer {AUTHORIZATION}"),
    ("Cookie", f"session={COOKIE}"),
    ("Referer", f"https://app.example/?token={REFERER}"),
    ("User-Agent", f"agent token={REFERER}"),
)
GOOD: Fields = (*HARMLESS, ("X-VX11-Token", TOKEN))
WRONG_TOKEN: Fields = (*HARMLESS, ("X-VX11-Token", WRONG))
FORM = f"password={BODY}".encode()


def configuration(port: int) -> str:
    """Make every refusal and every fault reachable, with a secret of the gateway's own."""
    return f"""{HEAD.replace("format: json", "format: json, sanitize: [own_name]")}
limits: {{body: 4KiB, header_timeout: 300ms, body_timeout: 300ms}}
principals:
  - {{name: operator-ui, token: {TOKEN}, routes: [all, off, posts]}}
  - {{name: elsewhere, token: {OTHER_TOKEN}}}
upstreams:
  backend:
    servers: ['http://127.0.0.1:{port}']
    credential: {{header: X-Service-Token, value: {SERVICE}}}
    timeouts: {{connect: 300ms, response: 300ms, idle: 300ms}}
  plain: 'http://127.0.0.1:{port}'
  nobody: 'http://127.0.0.1:1'
routes:
  - {{name: all, path: /*, upstream: backend}}
  - {{name: off, path: /off, upstream: backend, enabled: false}}
  - {{name: forbidden, path: /forbidden, upstream: backend}}
  - {{name: posts, path: /echo/posts, methods: [POST], upstream: backend}}
  - {{name: refused, path: /unreachable, upstream: nobody, access: public}}
  - {{name: token-redirect, path: /redirect/stream, upstream: plain, access: upstream, stream: {{}}}}
  - {{name: token-other, path: /echo/stream, upstream: plain, access: upstream, stream: {{}}}}
  - {{name: token-stream, path: /sse/stream, upstream: plain, access: upstream, stream: {{}}}}
"""


@dataclass(frozen=True, slots=True)
class Path:
    """One way through the gateway: its request and the status it ends in; 0 is a cut reply."""

    name: str
    status: int
    target: str
    fields: Fields = GOOD
    method: str = "GET"
    body: bytes = b""
    raw: bytes | None = None


def head_only(target: str, *fields: tuple[str, str]) -> bytes:
    """Write a head that promises more than comes."""
    return request("POST", target, [*GOOD, *fields])


def malformed(target: str) -> bytes:
    """Write a head with a broken field after all the good ones."""
    return request("GET", target, GOOD)[:-2] + f"Bad Field {AUTHORIZATION}: x\r\n\r\n".encode()


PATHS = (
    Path("200", 200, "/echo", body=FORM, method="POST"),
    Path("200-reply", 200, "/canned"),
    Path("302", 302, f"/redirect?to=/x%3Ftoken={LOCATION}"),
    Path("404-upstream", 404, "/status/404"),
    Path("500-upstream", 500, "/status/500"),
    Path("400-target", 400, "/echo/../x"),
    Path("400-escape", 400, "/echo/%zz"),
    Path("400-head", 400, "/echo", raw=malformed(f"/echo?{URL_QUERY}")),
    Path("400-line", 400, "/echo", raw=f"GET /echo?{URL_QUERY} NONSENSE/1.1\r\n\r\n".encode()),
    Path(
        "400-chunks",
        400,
        "/sink",
        raw=head_only(f"/sink?{URL_QUERY}", ("Transfer-Encoding", "chunked")) + b"zz" + FORM,
    ),
    Path("400-two-credentials", 400, "/echo", fields=(*GOOD, ("X-VX11-Token", WRONG))),
    Path("401-none", 401, "/echo", fields=HARMLESS),
    Path("401-wrong", 401, "/echo", fields=WRONG_TOKEN),
    Path("403", 403, "/forbidden"),
    Path("405", 405, "/echo/posts"),
    Path("405-stream", 405, "/sse/stream", method="POST", body=FORM),
    Path("408-head", 408, "/echo", raw=request("GET", f"/echo?{URL_QUERY}", GOOD)[:-4]),
    Path("408-body", 408, "/sink", raw=head_only(f"/sink?{URL_QUERY}", ("Content-Length", "99")) + FORM),
    Path("413", 413, "/sink", raw=head_only(f"/sink?{URL_QUERY}", ("Content-Length", "9999")) + FORM),
    Path("414", 414, "/echo?token=" + BODY + "x" * 9000),
    Path("417", 417, "/echo", fields=(*GOOD, ("Expect", REFERER))),
    Path("431", 431, "/echo", fields=(*GOOD, ("X-Big", BODY + "x" * 9000))),
    Path("502-unreachable", 502, "/unreachable"),
    Path("502-drop", 502, "/drop"),
    Path("502-bad-head", 502, "/bad-reply"),
    Path("502-redirect", 502, f"/redirect/stream?to=/x%3Ftoken={LOCATION}"),
    Path("502-not-a-stream", 502, "/echo/stream"),
    Path("503-off", 503, "/off"),
    Path("504", 504, "/slow-head"),
    Path("505", 505, "/echo", raw=request("GET", f"/echo?{URL_QUERY}", GOOD, version="2.0")),
    Path("cut", 0, "/drop-mid?fin"),
    Path("idle", 0, "/slow-body"),
    Path("stream", 200, "/sse/stream"),
)
REPLY_WITH_SECRETS = (
    f"HTTP/1.1 200 {REPLY}\r\nSet-Cookie: session={REPLY}\r\nX-Error: token={REPLY}\r\n"
    f"Location: /?token={LOCATION}\r\nContent-Length: {len(REPLY)}\r\n\r\n{REPLY}"
).encode()


def play_upstream(upstream: ScriptedUpstream) -> None:
    """Prepare the replies that hold secrets of the upstream's."""
    upstream.canned["/canned"] = REPLY_WITH_SECRETS
    upstream.canned["/bad-reply"] = f"HTTP/1.1 2x0 {REPLY}\r\nX-A {REPLY}\r\n\r\n{REPLY}".encode()
    upstream.gates.open("drop")
    upstream.events.put_nowait(f"data: {REPLY}\n\n".encode())
    upstream.events.put_nowait(None)


async def walk(gateway: RunningGateway, path: Path) -> Message | None:
    """Go one way, to the end of the exchange; None when the reply was cut before its head."""
    mark = "&" if "?" in path.target else "?"
    client = await gateway.client()
    raw = request(path.method, f"{path.target}{mark}{URL_QUERY}", path.fields, path.body)
    await client.send(path.raw or raw)
    try:
        reply = await client.reply(path.method)
    except Cut:
        reply = None
    client.leave()
    await gateway.logs.wait_for("stream.ended" if path.name == "stream" else "request.finished")
    return reply


def spellings(secrets: Iterable[str]) -> list[str]:
    """Every secret, as it is and percent-encoded."""
    return [spelling for secret in secrets for spelling in (secret, quote(secret, safe=""))]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
async def test_no_secret_shows(path: Path, start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """On success and on every error path, logs at DEBUG, metrics and error bodies hold no secret."""
    play_upstream(upstream)
    gateway = await start_gateway(configuration(upstream.port))
    reply = await walk(gateway, path)
    assert (reply.status if reply and reply.complete else 0) == path.status, gateway.logs.text
    shown = gateway.logs.text + await gateway.metrics()
    if reply is not None and reply.head.value("Content-Type") == "application/problem+json":
        shown += reply.head.raw.decode("latin-1") + reply.body.decode()
    assert [secret for secret in spellings(PLANTED) if secret in shown] == []
    check_upstream(path, upstream)


def check_upstream(path: Path, upstream: ScriptedUpstream) -> None:
    """The principal's token never goes on, and the gateway's own secret only where it was configured."""
    for exchange in upstream.exchanges:
        assert TOKEN.encode() not in exchange.wire.seen or exchange.path.endswith("/stream")
        plain = exchange.path.endswith("/stream")
        assert exchange.head.values("X-Service-Token") == ([] if plain else [SERVICE])
    if path.status in (400, 401, 403, 405, 413, 414, 417, 431, 503, 505) and path.name != "400-chunks":
        assert upstream.exchanges == []


async def test_log_still_says_what_happened(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """Sanitizing leaves names, order and everything harmless of a URL."""
    gateway = await start_gateway(configuration(upstream.port))
    await gateway.call(f"/echo?a=1&token={WRONG}&plain=shown&own_name={BODY}", GOOD)
    event = await gateway.logs.wait_for("request.finished")
    assert event["url"] == "/echo?a=1&token=***&plain=shown&own_name=***"


@pytest.mark.parametrize("place", ["/echo/{}", "/echo?q={}", "/echo?q=a{}b"])
async def test_presented_token_is_removed_by_value(
    place: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """The exchange's own credential is not logged even where no name gives it away."""
    gateway = await start_gateway(configuration(upstream.port))
    reply = await gateway.call(place.format(TOKEN), GOOD)
    assert reply.status == 200
    event = await gateway.logs.wait_for("request.finished")
    assert TOKEN not in gateway.logs.text
    assert "***" in event["url"]


BEARERS = {"proxied": "Proxy-Authorization", "plain": "Authorization"}


@pytest.mark.parametrize("name", BEARERS.values(), ids=BEARERS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer ", "Basic"])
async def test_refused_token_is_removed_by_value(
    name: str, scheme: str, start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """A request that is refused before its credentials are read shows none of them either."""
    gateway = await start_gateway(configuration(upstream.port).replace("path: /*,", "path: /echo,"))
    value = f"{scheme} {TOKEN}" if scheme != "Basic" else TOKEN
    reply = await gateway.call(f"/zzz/{TOKEN}", ((name, value),))
    assert reply.status == 404
    event = await gateway.logs.wait_for("request.finished")
    assert event["url"] == "/zzz/***"


async def test_many_credentials_are_few_secrets(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """However many different credentials a request brings, its log line stays readable and masked."""
    gateway = await start_gateway(configuration(upstream.port).replace("path: /*,", "path: /echo,"))
    fields = [("X-VX11-Token", f"{TOKEN}-{number:02}") for number in range(20)]
    reply = await gateway.call(f"/zzz/{TOKEN}-00?a=%41", (*fields, *fields))
    assert reply.status == 404
    event = await gateway.logs.wait_for("request.finished")
    assert (event["url"], event["client"]) == ("/zzz/***?a=%41", "127.0.0.1")


async def test_two_types_are_no_stream(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """A reply to a stream's request that says it is also something else is not passed on."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Type: text/event-stream\r\n\r\n"
    upstream.canned["/sse/stream"] = reply
    gateway = await start_gateway(configuration(upstream.port))
    assert (await gateway.call("/sse/stream")).status == 502


async def test_gone_client_leaves_no_secret(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An exchange that its client abandoned is logged without a secret too."""
    gateway = await start_gateway(configuration(upstream.port).replace("response: 300ms", "response: 30s"))
    client = await gateway.client()
    await client.send(request("GET", f"/slow-head?{URL_QUERY}", GOOD))
    exchange = await upstream.next()
    client.leave()
    await exchange.gone()
    await gateway.logs.wait_for("request.finished")
    shown = gateway.logs.text + await gateway.metrics()
    assert [secret for secret in spellings(PLANTED) if secret in shown] == []


async def test_health_and_admin_show_no_secret(
    start_gateway: StartGateway, upstream: ScriptedUpstream
) -> None:
    """Probes and metrics asked with secrets in their URL show none."""
    gateway = await start_gateway(configuration(upstream.port))
    replies = [await gateway.call(f"/health?{URL_QUERY}", GOOD)]
    replies += [
        await gateway.admin(f"{path}?{URL_QUERY}") for path in ("/live", "/ready", "/metrics", "/nowhere")
    ]
    shown = gateway.logs.text + "".join(r.head.raw.decode("latin-1") + r.body.decode() for r in replies)
    assert [secret for secret in spellings(PLANTED) if secret in shown] == []


def test_settings_show_no_secret() -> None:
    """The loaded configuration does not print the secrets it holds."""
    settings = load_text(configuration(9), source=FilePath("tentaculo.yaml"), environ={})
    assert [secret for secret in PLANTED if secret in repr(settings)] == []
