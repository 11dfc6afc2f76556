"""Upstreams over https: verified by default, with an authority and a name of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.client import request
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.certificates import Authority
from tests.functional.configuration import HEAD, PRINCIPALS, ROUTES
from tests.functional.conftest import StartGateway, StartUpstream
from tests.functional.running import GOOD


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the configuration names."""
    return Authority(tmp_path_factory.mktemp("tls"), "right")


def configuration(host: str, port: int, tls: str, routes: str = ROUTES) -> str:
    """Point one route at an https upstream."""
    backend = f"upstreams:\n  backend: {{servers: ['https://{host}:{port}'], tls: {{{tls}}}}}\n"
    return f"{HEAD}{PRINCIPALS}{backend}{routes}"


async def test_verified_upstream(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """With the right authority calls, bodies and streams pass."""
    upstream = await start_upstream(tls=authority.server_context("IP:127.0.0.1"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}"))
    assert (await gateway.call("/echo", GOOD, b"x" * 300_000, method="POST")).status == 200
    assert len((await gateway.call("/huge?bytes=3000000")).body) == 3_000_000
    upstream.events.put_nowait(b"data: 1\n\n")
    upstream.events.put_nowait(None)
    assert (await gateway.call("/sse")).body == b"data: 1\n\n"
    assert len(upstream.wires) == 1


async def test_gathered_stream(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """What comes in the socket is not what the stream says, so that is read as if it were not gathered."""
    upstream = await start_upstream(tls=authority.server_context("IP:127.0.0.1"))
    routes = "routes:\n  - {name: gathered, path: /*, upstream: backend, stream: {gather: 1ms}}\n"
    text = configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}", routes)
    gateway = await start_gateway(text)
    client = await gateway.client()
    await client.send(request("GET", "/sse", GOOD))
    for number in range(9):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        assert await client.until(b"data: %d\n\n" % number)


async def test_unknown_authority(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority, tmp_path: Path
) -> None:
    """A certificate of another authority is 502, and no request is sent."""
    upstream = await start_upstream(tls=Authority(tmp_path, "wrong").server_context("IP:127.0.0.1"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}"))
    assert (await gateway.call("/echo")).status == 502
    assert upstream.exchanges == []
    assert await gateway.metric(r".*upstream_faults") == 1


async def test_system_authorities_by_default(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """Without `ca` the system's authorities count, and they do not know the test's."""
    upstream = await start_upstream(tls=authority.server_context("IP:127.0.0.1"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, ""))
    assert (await gateway.call("/echo")).status == 502
    assert upstream.exchanges == []


async def test_wrong_name(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """A certificate for another name is 502."""
    upstream = await start_upstream(tls=authority.server_context("DNS:other.test"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}"))
    assert (await gateway.call("/echo")).status == 502
    assert upstream.exchanges == []


async def test_server_name_is_sent_and_verified(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """`server_name` goes out as SNI and is what the certificate must be for."""
    context = authority.server_context("DNS:reports.test")
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, _: asked.append(name)
    upstream = await start_upstream(tls=context)
    tls = f"ca: {authority.certificate}, server_name: reports.test"
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, tls))
    assert (await gateway.call("/echo")).status == 200
    assert asked == ["reports.test"]


async def test_host_name_is_sent_as_server_name(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """Without `server_name` the upstream's host name is the SNI."""
    context = authority.server_context("DNS:localhost")
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, _: asked.append(name)
    upstream = await start_upstream(tls=context)
    gateway = await start_gateway(configuration("localhost", upstream.port, f"ca: {authority.certificate}"))
    assert (await gateway.call("/echo")).status == 200
    assert asked == ["localhost"]


async def test_verification_can_be_switched_off(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """`verify: false` takes any certificate."""
    upstream = await start_upstream(tls=authority.server_context("DNS:other.test"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, "verify: false"))
    assert (await gateway.call("/echo")).status == 200


async def test_plain_upstream_behind_https(start_gateway: StartGateway, upstream: ScriptedUpstream) -> None:
    """An upstream that takes the TLS greeting for a slow request never connects: 504."""
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, "verify: false"))
    assert (await gateway.call("/echo")).status == 504


async def test_gone_client_over_tls(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """An https upstream learns of a client that left too."""
    upstream = await start_upstream(tls=authority.server_context("IP:127.0.0.1"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}"))
    client = await gateway.client()
    await client.send(request("GET", "/slow-head", GOOD))
    exchange = await upstream.next()
    client.leave()
    await exchange.gone()


async def test_cut_over_tls(
    start_gateway: StartGateway, start_upstream: StartUpstream, authority: Authority
) -> None:
    """A reply that breaks off under TLS is seen as cut."""
    upstream = await start_upstream(tls=authority.server_context("IP:127.0.0.1"))
    gateway = await start_gateway(configuration("127.0.0.1", upstream.port, f"ca: {authority.certificate}"))
    client = await gateway.client()
    await client.send(request("GET", "/drop-mid?framing=chunked", GOOD))
    await client.until(b"part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.until(b"0\r\n\r\n", 3)
