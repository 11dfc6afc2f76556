"""Connections under TLS: counted and timed from the beginning, and under the certificates of the day."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from tentaculo.relay.tls import ServerTls
from tests.fakes.client import request, told
from tests.fakes.gates import eventually
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.certificates import SERVER_NAME, Authority, secure_client
from tests.functional.running import GOOD
from tests.relay.conftest import Secure
from tests.relay.front import HEAD, HEALTH, Front, statuses
from tests.relay.secure_parts import SecureSlowClient, made


@pytest.fixture
def front(secured_front: Front) -> Front:
    """All of this is under TLS."""
    return secured_front


async def test_request_under_tls(front: Front, secure: Secure) -> None:
    """A connection under TLS carries calls; the upstream is told of it."""
    client = await secure()
    for _ in range(2):
        await client.send(request("GET", "/echo", GOOD))
        fields = dict(told(await client.reply())["headers"])
        assert fields["X-Forwarded-Proto"] == "https"
    assert front.listener.open_connections == 1


async def test_request_that_comes_with_the_end_of_the_handshake(
    front: Front, secure_slow_client: SecureSlowClient
) -> None:
    """Nothing is lost of what a client sends at once."""
    await secure_slow_client.connect_and_send(front, HEALTH)
    assert (await secure_slow_client.take(15)) == b"HTTP/1.1 200 OK"


async def test_handshake_that_does_not_come(front: Front) -> None:
    """A silent client is let go when the time of its first head is over, and is counted until then."""
    client = await front.client()
    await eventually(lambda: front.listener.open_connections == 1)
    front.pass_time(9.9)
    assert len(front.listener.handshakes) == 1
    front.pass_time(0.2)
    assert await client.rest() == b""
    await front.closed()
    assert not front.listener.handshakes
    assert front.logs.lines == []


async def test_handshake_and_head_share_their_time(
    front: Front, secure_slow_client: SecureSlowClient
) -> None:
    """A slow handshake leaves less for the head."""
    await secure_slow_client.arrive(front)
    front.pass_time(6)
    await secure_slow_client.shake_hands()
    await made(front)
    front.pass_time(3.9)
    await secure_slow_client.send(HEAD + b"\r\n")
    assert (await secure_slow_client.take(15)) == b"HTTP/1.1 200 OK"


async def test_head_that_does_not_come_after_a_handshake(
    front: Front, secure_slow_client: SecureSlowClient
) -> None:
    """When the time is over the connection is, with a goodbye."""
    await secure_slow_client.arrive(front)
    front.pass_time(6)
    await secure_slow_client.shake_hands()
    await made(front)
    front.pass_time(4.1)
    assert await secure_slow_client.take(1) == b""
    assert secure_slow_client.said_goodbye


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", bytes(500)],
    ids=["http", "broken", "zeros"],
)
async def test_what_is_no_handshake(sent: bytes, front: Front) -> None:
    """Whatever else is sent ends the connection, without a line in the log."""
    client = await front.client()
    await client.send(sent)
    with suppress(Cut):
        assert await client.rest() == b""
    await front.closed()
    assert front.logs.lines == []


@pytest.mark.parametrize("when", ["at-once", "known"])
@pytest.mark.parametrize("politely", [True, False], ids=["closed", "reset"])
async def test_client_that_leaves_in_the_handshake(politely: bool, when: str, front: Front) -> None:
    """It is forgotten."""
    client = await front.client()
    if when == "known":
        await eventually(lambda: front.listener.open_connections == 1)
    await client.send(b"\x16\x03\x01")
    if politely:
        await client.aclose()
    else:
        client.leave()
    await eventually(lambda: front.metric("tentaculo_connections_open") == 0)
    await front.closed()
    assert not front.listener.handshakes
    assert front.logs.lines == []


async def test_client_that_does_not_believe(front: Front) -> None:
    """A client that refuses the certificate is gone without a line in the log."""
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure_client(front.port, ssl.create_default_context())
    await front.closed()
    assert front.logs.lines == []


async def test_connections_are_bounded(front: Front, secure: Secure) -> None:
    """Handshakes count as connections; one too many is told so under TLS, when it asks in time."""
    for count in (1, 2, 3):
        await front.client()
        await eventually(lambda count=count: front.listener.open_connections == count)  # type: ignore[misc]
    client = await secure()
    await client.send(HEALTH)
    assert (await client.reply()).status == 503
    assert await client.ended()
    silent = await front.client()
    await eventually(lambda: front.listener.open_connections == 4)
    front.pass_time(1.1)
    assert await silent.rest() == b""
    await eventually(lambda: front.listener.open_connections == 3)


async def test_shutdown_ends_handshakes(front: Front) -> None:
    """A handshake in hand does not outlive the listener."""
    client = await front.client()
    await eventually(lambda: front.listener.open_connections == 1)
    front.listener.pre_shutdown()
    assert await client.rest() == b""
    await front.closed()


async def test_other_certificates(
    front: Front, secure: Secure, upstream: ScriptedUpstream, authority: Authority, tmp_path: Path
) -> None:
    """New handshakes see other certificates, or none; open connections and streams go on."""
    idle, streaming = await secure(), await secure()
    await idle.send(HEALTH)
    assert (await idle.reply()).status == 200
    await streaming.send(request("GET", "/sse", GOOD))
    other = Authority(tmp_path, "other")
    front.listener.tls = ServerTls((other.issue(f"DNS:{SERVER_NAME}"),))
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure()
    new = await secure_client(front.port, other.client_context())
    await new.send(HEALTH + HEAD + b"Connection: close\r\n\r\n")
    assert await statuses(new, 2) == [200, 200]
    await new.aclose()
    await made(front, 2)
    front.listener.tls = None
    for client in (idle, await front.client()):
        await client.send(HEALTH)
        assert (await client.reply()).status == 200
    upstream.events.put_nowait(b"data: 1\n\n")
    assert await streaming.until(b"data: 1\n\n")


async def test_events_come_one_by_one(front: Front, upstream: ScriptedUpstream, secure: Secure) -> None:
    """Each event reaches the client before the next one is sent."""
    client = await secure()
    await client.send(request("GET", "/sse", GOOD))
    for number in range(20):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        assert await client.until(b"data: %d\n\n" % number)
    upstream.events.put_nowait(None)
    assert await client.until(b"0\r\n\r\n")
