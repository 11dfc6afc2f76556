"""The main listener under TLS: with the clients that there are, under load, and while certificates change."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tentaculo.config.settings import TlsCertificate
from tests.fakes.client import Fields, RawClient, request, told
from tests.fakes.gates import soon
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.certificates import SERVER_NAME, Authority, secure_client
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway, StartInstance, StartUpstream
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD, RunningGateway
from tests.functional.tokens import stream_route, token_configuration

HANDSHAKES = 200
BIG = 10_000_000
PLAIN = "listen: 127.0.0.1:0"
HEALTH = request("GET", "/health")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who issues the gateway's certificates."""
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


def under_tls(text: str, *certificates: TlsCertificate) -> str:
    """Put a configuration's main listener under TLS."""
    shown = ", ".join(f"{{certificate: {one.certificate}, key: {one.key}}}" for one in certificates)
    assert PLAIN in text
    return text.replace(PLAIN, f"listen: {{address: 127.0.0.1:0, tls: [{shown}]}}")


@pytest.fixture
async def gateway(
    start_gateway: StartGateway, upstream: ScriptedUpstream, authority: Authority
) -> RunningGateway:
    """A gateway under TLS before a scripted upstream."""
    text = configuration(upstream.port, limits="header_timeout: 200ms")
    return await start_gateway(under_tls(text, authority.issue(f"DNS:{SERVER_NAME}")))


Secure = Callable[[RunningGateway | GatewayProcess], Awaitable[RawClient]]


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[Secure]:
    """Open connections under TLS, which end with the test."""
    clients: list[RawClient] = []

    async def connect(gateway: RunningGateway | GatewayProcess) -> RawClient:
        clients.append(await secure_client(gateway.port, authority.client_context()))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


async def curl(authority: Authority, port: int, *options: str, name: str = SERVER_NAME) -> bytes:
    """Call by curl; what it printed."""
    process = await asyncio.create_subprocess_exec(
        "curl",
        "--silent",
        "--show-error",
        "--cacert",
        str(authority.certificate),
        "--resolve",
        f"{name}:{port}:127.0.0.1",
        *options,
        f"https://{name}:{port}/echo",
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    printed, _ = await soon(process.communicate(), 20)
    assert process.returncode == 0
    return printed


# Clients.


@pytest.mark.parametrize("version", ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"])
@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
async def test_curl(version: str, http: str, gateway: RunningGateway, authority: Authority) -> None:
    """curl gets on with either version of TLS, and with HTTP/1.1 also where it would like another."""
    token = ": ".join(GOOD[0])
    options = (*version.split(), http, "--header", token, "--write-out", "\n%{http_version}")
    body, _, spoken = (await curl(authority, gateway.port, *options)).rpartition(b"\n")
    assert b'["X-Forwarded-Proto", "https"]' in body
    assert spoken == b"1.1"


async def test_certificates_by_name(
    start_gateway: StartGateway, upstream: ScriptedUpstream, authority: Authority
) -> None:
    """Each name gets its own certificate, verified by curl."""
    made = [authority.issue(f"DNS:{name}") for name in ("one.test", "two.test", "*.many.test")]
    gateway = await start_gateway(under_tls(configuration(upstream.port), *made))
    for name in ("one.test", "two.test", "any.many.test", "TWO.test"):
        assert b"unauthorized" in await curl(authority, gateway.port, name=name)
    with pytest.raises(ssl.SSLCertVerificationError, match="three"):
        await secure_client(gateway.port, authority.client_context(), "three.test")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_old_client(gateway: RunningGateway, authority: Authority) -> None:
    """TLS 1.1 is refused, without a line in the log."""
    context = authority.client_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    before = len(gateway.logs.lines)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await secure_client(gateway.port, context)
    assert len(gateway.logs.lines) == before


async def test_plain_client(gateway: RunningGateway) -> None:
    """A client without TLS is let go, without an answer or a line in the log."""
    before = len(gateway.logs.lines)
    client = await gateway.client()
    await client.send(request("GET", "/echo", GOOD))
    assert await client.rest() == b""
    assert len(gateway.logs.lines) == before


async def test_silent_clients(gateway: RunningGateway) -> None:
    """Clients that don't shake hands, or not to the end, are gone after `header_timeout`."""
    clients = [await gateway.client() for _ in range(50)]
    for client in clients[::2]:
        await client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01")
    for client in clients:
        assert await client.ended()
    assert await gateway.metric("tentaculo_connections_open") == 0


@pytest.mark.parametrize(
    ("trusted", "said", "proto"), [(True, "http", "http"), (True, None, "https"), (False, "http", "https")]
)
async def test_scheme(
    trusted: bool,
    said: str | None,
    proto: str,
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    authority: Authority,
    secure: Secure,
) -> None:
    """The upstream is told of TLS, unless a trusted peer knows better."""
    extra = "trusted_peers: [127.0.0.1]\n" if trusted else ""
    text = configuration(upstream.port, extra=extra)
    gateway = await start_gateway(under_tls(text, authority.issue(f"DNS:{SERVER_NAME}")))
    client = await secure(gateway)
    more = [("X-Forwarded-Proto", said), ("Forwarded", "proto=http")] if said else []
    await client.send(request("GET", "/echo", [*GOOD, *more]))
    fields = dict(told(await client.reply())["headers"])
    assert fields["X-Forwarded-Proto"] == proto
    if trusted and said:
        assert f';proto=https;host="{SERVER_NAME}"' in fields["Forwarded"]


async def test_cookies(
    start_gateway: StartGateway, upstream: ScriptedUpstream, authority: Authority, secure: Secure
) -> None:
    """Cookies have names that only TLS can set, and open their stream."""
    text = token_configuration(upstream.port, stream_route(terms="carry: cookie"))
    gateway = await start_gateway(under_tls(text, authority.issue(f"DNS:{SERVER_NAME}")))
    client = await secure(gateway)
    await client.send(request("POST", "/tokens/events", GOOD))
    cookies = [value.partition(";")[0] for value in (await client.reply("POST")).head.values("Set-Cookie")]
    assert cookies
    assert all(cookie.startswith("__Secure-tentaculo_") for cookie in cookies)
    ask: Fields = [("Cookie", "; ".join(cookies)), ("Sec-Fetch-Site", "same-origin")]
    await client.send(request("GET", "/sse/events", ask))
    assert (await client.head()).status == 200


# Bytes.


async def test_bodies(
    start_gateway: StartGateway,
    start_upstream: StartUpstream,
    authority: Authority,
) -> None:
    """Big bodies pass both ways byte for byte."""
    upstream = await start_upstream()
    text = configuration(upstream.port, limits=f"body: {BIG}")
    gateway = await start_gateway(under_tls(text, authority.issue(f"DNS:{SERVER_NAME}")))
    sent = os.urandom(BIG // 2).hex()
    client = await secure_client(gateway.port, authority.client_context())
    await client.send(request("PUT", "/echo", GOOD, sent.encode()))
    assert told(await client.reply("PUT", 60))["body"] == sent
    await client.aclose()


async def test_pipelined_requests(gateway: RunningGateway, secure: Secure) -> None:
    """Requests sent in one go, with and without bodies, are answered one after the other."""
    client = await secure(gateway)
    await client.send(b"".join(request("POST", f"/echo?n={n}", GOOD, b"b" * n * 1000) for n in range(20)))
    for number in range(20):
        answer = told(await client.reply("POST"))
        assert (answer["target"], len(answer["body"])) == (f"/echo?n={number}", number * 1000)


async def test_events_come_one_by_one(
    gateway: RunningGateway, upstream: ScriptedUpstream, secure: Secure
) -> None:
    """Each event reaches the client before the next one is sent."""
    client = await secure(gateway)
    await client.send(request("GET", "/sse", GOOD))
    for number in range(20):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        assert await client.until(b"data: %d\n\n" % number)


async def test_gone_client(gateway: RunningGateway, upstream: ScriptedUpstream, secure: Secure) -> None:
    """The upstream is let go when a client under TLS leaves."""
    client = await secure(gateway)
    await client.send(request("GET", "/slow-head", GOOD))
    exchange = await upstream.next()
    client.leave()
    await exchange.gone()


async def test_reply_that_breaks_off(
    gateway: RunningGateway, upstream: ScriptedUpstream, secure: Secure
) -> None:
    """It is seen as cut."""
    client = await secure(gateway)
    await client.send(request("GET", "/drop-mid?framing=chunked", GOOD))
    await client.until(b"part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.until(b"0\r\n\r\n", 3)


# Many, and changes.


async def test_many_handshakes_at_once(
    start_gateway: StartGateway, upstream: ScriptedUpstream, authority: Authority, secure: Secure
) -> None:
    """All of them end well."""
    text = configuration(upstream.port)
    gateway = await start_gateway(under_tls(text, authority.issue(f"DNS:{SERVER_NAME}")))
    clients = await asyncio.gather(*(secure(gateway) for _ in range(HANDSHAKES)))
    for client in clients:
        await client.send(HEALTH)
    assert {(await client.reply()).status for client in clients} == {200}
    assert await gateway.metric("tentaculo_connections_open") == HANDSHAKES


def put(files: TlsCertificate, source: TlsCertificate) -> None:
    """Write a certificate to files that the configuration names."""
    files.certificate.write_bytes(source.certificate.read_bytes())
    files.key.write_bytes(source.key.read_bytes())


async def test_reload(
    start_instance: StartInstance,
    upstream: ScriptedUpstream,
    authority: Authority,
    secure: Secure,
    tmp_path: Path,
) -> None:
    """New certificates are shown after a reload, bad ones never; connections and streams go on."""
    files = TlsCertificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    other = Authority(tmp_path, "other")
    put(files, authority.issue(f"DNS:{SERVER_NAME}"))
    process = await start_instance(under_tls(configuration(upstream.port), files))
    idle, streaming = await secure(process), await secure(process)
    await streaming.send(request("GET", "/sse", GOOD))
    files.key.write_text("no key")
    process.signal(signal.SIGHUP)
    await process.logged("config.rejected")
    await (await secure(process)).aclose()
    put(files, other.issue(f"DNS:{SERVER_NAME}"))
    process.signal(signal.SIGHUP)
    await process.logged("config.reloaded")
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure(process)
    new = await secure_client(process.port, other.client_context())
    for client in (idle, new):
        await client.send(HEALTH)
        assert (await client.reply()).status == 200
    upstream.events.put_nowait(b"data: 1\n\n")
    assert await streaming.until(b"data: 1\n\n")
    new.leave()


async def test_process_under_attack(
    start_instance: StartInstance, upstream: ScriptedUpstream, authority: Authority
) -> None:
    """Broken handshakes of all kinds leave no line in the log and none on stderr."""
    made = (authority.issue(f"DNS:{SERVER_NAME}"), authority.issue("DNS:other.test"))
    process = await start_instance(under_tls(configuration(upstream.port), *made))
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="other.test").do_handshake()
    hello = outgoing.read()
    for sent in (
        hello.replace(b"other.test", b"\xff\xfeher.test"),
        hello[:50],
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ):
        client = await process.client()
        await client.send(sent)
        client.finish_sending()
        assert not (await client.rest()).startswith(b"HTTP")
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure_client(process.port, context)
    before = len(process.lines)
    process.signal(signal.SIGTERM)
    assert await process.ended() == 0
    assert [b"gateway.stopped" in line for line in process.lines[before:]] == [True]
    assert await process.stderr() == b""
