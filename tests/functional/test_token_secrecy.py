"""Tokens, cookies and Redis' password turn up in no log, metric, error or upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.problems import ConfigError
from tests.fakes.client import Fields, request
from tests.fakes.messages import Cut, Message
from tests.fakes.redis_server import RedisServer, running_redis
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, TOKEN, RunningGateway
from tests.functional.tokens import (
    ADMIN_TOKEN,
    BROWSER,
    ELSE,
    STORE_TRIALS,
    Issued,
    issue,
    revoke,
    stream_route,
    token_configuration,
)

PASSWORD = "Redis-pa55word-of-test"
WRONG_ADMIN = "wr0ng-admin-token-of-test"
UNKNOWN = "3f0e7c1a-9d52-4a60-8a55-0c6f4f1f6c11"
CORS = "cors: {origins: ['https://app.example.org'], credentials: true}"
ROUTES = (
    stream_route(more=CORS),
    stream_route("tabs", terms="carry: cookie, max_streams_per_token: 2"),
    stream_route("fetch", terms="carry: header"),
    stream_route("single", terms="reuse: once"),
    stream_route("compatible", terms="principal_in_query: allow"),
    stream_route("off", more="enabled: false"),
    stream_route("unreachable", upstream="nobody"),
    stream_route("patient", upstream="nobody", stream="unavailable: retry"),
    stream_route("redirecting"),
    stream_route("page"),
    stream_route("broken"),
    stream_route("silent", more="timeouts: {response: 200ms}"),
    stream_route("cut"),
)
STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way through the gateway; 0 is a cut reply. `{token}`, `{cookie}` and `{binding}` are filled in.

    `twice` goes it once before, as another client.
    """

    name: str
    status: int
    target: str = "/sse/events?token={token}"
    fields: Fields = ()
    method: str = "GET"
    of: str = "events"
    twice: bool = False


COOKIES = ("Cookie", "{cookie}; {binding}")
IN_HEADER = ("X-VX11-Token", "{token}")
TYPED = ("Sec-Fetch-Site", "none")
WAYS = (
    Way(name="open", status=200),
    Way(name="open-bound", status=200, fields=(("Cookie", "a=b; {binding}"),)),
    Way(name="open-cookie", status=200, of="tabs", target="/sse/tabs", fields=(COOKIES,)),
    Way(name="open-header", status=200, of="fetch", target="/sse/fetch", fields=(IN_HEADER,)),
    Way(name="open-deprecated", status=200, target=f"/sse/compatible?token={TOKEN}"),
    Way(name="issue", status=200, method="POST", target="/tokens/events?token={token}", fields=GOOD),
    Way(name="issue-cookie", status=200, method="POST", target="/tokens/tabs", fields=(*GOOD, COOKIES)),
    Way(name="issue-with-token", status=401, method="POST", target="/tokens/events?token={token}"),
    Way(name="call-with-token", status=401, target="/echo/api?token={token}", fields=(COOKIES,)),
    Way(name="call", status=200, of="tabs", target="/echo/api", fields=(*GOOD, COOKIES)),
    Way(name="nowhere", status=404, target="/nowhere/token/{token}?token={token}", fields=(COOKIES,)),
    Way(name="bad-target", status=400, target="/sse/../events?token={token}", fields=(COOKIES,)),
    Way(name="post", status=405, method="POST"),
    Way(name="head", status=401, method="HEAD", fields=(COOKIES,)),
    Way(name="ambiguous", status=400, fields=(*GOOD, COOKIES)),
    Way(name="repeated", status=400, target="/sse/events?token={token}&%74oken={token}"),
    Way(name="cut-token", status=401, target="/sse/events?token={token}0"),
    Way(name="unknown", status=401, target=f"/sse/events?token={UNKNOWN}", fields=(COOKIES,)),
    Way(name="other-route", status=401, target="/sse/single?token={token}"),
    Way(name="used", status=401, of="single", target="/sse/single?token={token}", twice=True),
    Way(name="reused", status=401, twice=True, fields=(("Cookie", "{binding}x"),)),
    Way(name="cross-site", status=403, of="tabs", target="/sse/tabs", fields=(COOKIES, TYPED)),
    Way(name="expect", status=417, fields=(("Expect", "{token}"),)),
    Way(name="off", status=503, target="/sse/off?token={token}"),
    Way(name="unreachable", status=502, of="unreachable", target="/sse/unreachable?token={token}"),
    Way(name="patient", status=200, of="patient", target="/sse/patient?token={token}", fields=(COOKIES,)),
    Way(name="redirected", status=502, of="redirecting", target="/sse/redirecting?token={token}"),
    Way(name="page", status=502, of="page", target="/sse/page?token={token}"),
    Way(name="broken", status=502, of="broken", target="/sse/broken?token={token}"),
    Way(name="silent", status=504, of="silent", target="/sse/silent?token={token}"),
    Way(name="cut", status=0, of="cut", target="/sse/cut?token={token}&close=1"),
)  # fmt: skip


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis with a password."""
    with running_redis(tmp_path, password=PASSWORD) as server:
        yield server


def configuration(port: int, server: RedisServer) -> str:
    """Write a file that plants the password and the admin token."""
    store = server.url.replace("unix://", f"unix://:{PASSWORD}@")
    text = token_configuration(port, *ROUTES, store=f"{{url: '{store}', timeout: 400ms}}")
    return text.replace("upstreams:\n", "upstreams:\n  nobody: 'http://127.0.0.1:1'\n")


def play(upstream: ScriptedUpstream) -> None:
    """Prepare the upstream's replies."""
    upstream.canned["/sse/redirecting"] = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    upstream.canned["/sse/page"] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    upstream.canned["/sse/broken"] = b"HTTP/1.1 2x0 No\r\n\r\n"
    upstream.canned["/sse/silent"] = b""
    upstream.canned["/sse/cut"] = f"{STREAM}Transfer-Encoding: chunked\r\n\r\n9\r\nda".encode()
    for _ in range(2):
        upstream.events.put_nowait(None)


class Planted:
    """The secrets of one run, and how they fill a way in."""

    def __init__(self, issued: Issued) -> None:
        self.binding = issued.cookies["tentaculo_binding"]
        name = next((name for name in issued.cookies if name != "tentaculo_binding"), "tentaculo_token_0")
        self.token = issued.token or issued.cookies[name]
        self._name = name
        self.secrets = [TOKEN, ADMIN_TOKEN, WRONG_ADMIN, PASSWORD, self.token, self.binding]

    def fill(self, text: str) -> str:
        """Fill in the places of a template."""
        return text.format(
            token=self.token, cookie=f"{self._name}={self.token}", binding=f"tentaculo_binding={self.binding}"
        )

    def found_in(self, text: str) -> list[str]:
        """The secrets, as they are or percent-encoded, that a text shows."""
        spelled = [spelling for each in self.secrets for spelling in (each, quote(each), each.upper())]
        return [secret for secret in spelled if secret in text]


async def go(gateway: RunningGateway, way: Way, planted: Planted, who: Fields) -> Message | None:
    """Go one way to its end; None when the reply was cut."""
    client = await gateway.client()
    fields = [(name, planted.fill(value)) for name, value in way.fields]
    await client.send(request(way.method, planted.fill(way.target), [*who, *fields]))
    try:
        reply = await client.reply(way.method)
    except Cut:
        return None
    finally:
        client.leave()
    return reply if reply.complete else None


async def reach_the_end(gateway: RunningGateway, way: Way, planted: Planted, who: Fields) -> Message | None:
    """Go one way until the store has answered: on a busy machine it may miss its time limit."""
    for _ in range(STORE_TRIALS):
        reply = await go(gateway, way, planted, who)
        if reply is None or b"token_store_unavailable" not in reply.body:
            break
        await asyncio.sleep(0.1)
    return reply


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_no_secret_shows(
    way: Way, start_gateway: StartGateway, upstream: ScriptedUpstream, guarded_redis: RedisServer
) -> None:
    """On success and on every error path, logs at DEBUG, metrics, errors and upstreams hold no secret."""
    play(upstream)
    gateway = await start_gateway(configuration(upstream.port, guarded_redis))
    planted = Planted(await issue(gateway, way.of))
    if way.twice:
        await reach_the_end(gateway, way, planted, BROWSER)
    reply = await reach_the_end(gateway, way, planted, ELSE)
    assert (reply.status if reply is not None else 0) == way.status, gateway.logs.text
    await gateway.logs.wait_for("request.finished", count=1 + way.twice)
    shown = gateway.logs.text + await gateway.metrics()
    if reply is not None and way.status != 200:
        shown += reply.head.raw.decode("latin-1") + reply.body.decode()
    shown += "".join(wire.seen.decode("latin-1") for wire in upstream.wires)
    assert planted.found_in(shown) == []


async def test_store_fault_shows_no_secret(
    start_gateway: StartGateway, upstream: ScriptedUpstream, guarded_redis: RedisServer
) -> None:
    """A Redis that is gone shows neither password nor token anywhere."""
    gateway = await start_gateway(configuration(upstream.port, guarded_redis))
    planted = Planted(await issue(gateway))
    guarded_redis.kill()
    way = Way(name="away", status=503)
    replies = [await go(gateway, way, planted, ELSE), await revoke(gateway, "operator-ui")]
    assert [reply and reply.status for reply in replies] == [503, 503]
    shown = gateway.logs.text + await gateway.metrics()
    shown += "".join(reply.body.decode() for reply in replies if reply)
    assert planted.found_in(shown) == []


@pytest.mark.parametrize("token", [ADMIN_TOKEN, WRONG_ADMIN])
@pytest.mark.parametrize("query", ["", f"?block={ADMIN_TOKEN}", f"?token={ADMIN_TOKEN}"])
async def test_admin_api_shows_no_secret(
    token: str,
    query: str,
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    guarded_redis: RedisServer,
) -> None:
    """However the admin API is called, the admin token is neither logged nor told back."""
    gateway = await start_gateway(configuration(upstream.port, guarded_redis))
    planted = Planted(await issue(gateway))
    for name in ("operator-ui", token):
        fields = (("Authorization", f"Bearer {token}"),)
        reply = await revoke(gateway, name, query=query, fields=fields)
        shown = reply.head.raw.decode("latin-1") + reply.body.decode()
        assert planted.found_in(shown + gateway.logs.text + await gateway.metrics()) == []


@pytest.mark.parametrize(
    "url", [f"redis://:{PASSWORD}@[bad", f"redis://u:{PASSWORD}/x@redis", f"ftp://:{PASSWORD}@redis"]
)
def test_problem_shows_no_password(url: str) -> None:
    """A URL of Redis that is wrong is a problem that does not show its password."""
    with pytest.raises(ConfigError) as caught:
        load_text(token_configuration(9, store=f"'{url}'"), source=Path("x.yaml"), environ={})
    assert "token_store" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    """The loaded configuration does not print the secrets it holds."""
    text = configuration(9, RedisServer(tmp_path))
    shown = repr(load_text(text, source=Path("x.yaml"), environ={}))
    assert not [secret for secret in (PASSWORD, ADMIN_TOKEN, TOKEN) if secret in shown]
