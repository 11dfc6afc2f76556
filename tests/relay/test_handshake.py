"""Connections under TLS: counted and timed from the beginning, cut and closed so that it can be told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tentaculo.relay.downstream import DownstreamConnection
from tentaculo.relay.tls import ServerTls
from tests.fakes.behaviours import BLOCK
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.certificates import SERVER_NAME, Authority, secure_client
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import HEAD, HEALTH, SMALL, TIMES, Front, SlowClient, statuses
from tests.relay.parts import RecordingTransport

Secure = Callable[[], Awaitable[RawClient]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who issues the front's certificate."""
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ServerTls:
    """What clients are shown."""
    return ServerTls((authority.issue(f"DNS:{SERVER_NAME}"),))


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream, tls: ServerTls) -> Front:
    """A front under TLS, with ten seconds for a head and twenty for a client that takes nothing."""
    front = await start_front(configuration(upstream.port, limits=TIMES))
    front.listener.tls = tls
    return front


@pytest.fixture
async def secure(front: Front, authority: Authority) -> AsyncIterator[Secure]:
    """Open connections under TLS, which end with the test."""
    clients: list[RawClient] = []

    async def connect() -> RawClient:
        clients.append(await secure_client(front.port, authority.client_context()))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


class SecureSlowClient(SlowClient):
    """A slow client that speaks TLS: it takes from its socket no more than it is told to."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.said_goodbye = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=SERVER_NAME)

    async def connect(self, front: Front) -> None:
        """Connect and shake hands; the gateway's end gets a small buffer too."""
        await self.arrive(front)
        await self.shake_hands()
        await eventually(lambda: bool(front.listener.connections))
        (connection,) = front.listener.connections
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    async def connect_and_send(self, front: Front, data: bytes) -> None:
        """Connect, and send bytes in one piece with the last of the handshake."""
        await self.arrive(front)
        await self._greet()
        await self.send(data)

    async def arrive(self, front: Front) -> None:
        """Connect, without a handshake yet."""
        await self._loop.sock_connect(self._socket, ("127.0.0.1", front.port))
        await eventually(lambda: front.listener.open_connections == 1)

    async def shake_hands(self) -> None:
        """Do so to the end."""
        await self._greet()
        await self._flush()

    async def _greet(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await soon(self._loop.sock_recv(self._socket, SMALL)))

    async def say_goodbye(self) -> None:
        """Send a close_notify, and go on reading or not."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        await self._flush()

    def half_close(self) -> None:
        """End the sending side of the connection alone."""
        self._socket.shutdown(socket.SHUT_WR)

    async def send(self, data: bytes) -> None:
        """Send."""
        self._tls.write(data)
        await self._flush()

    async def take(self, size: int) -> bytes:
        """Take up to `size` bytes of what was sent; fewer only at the end."""
        data = b""
        while len(data) < size:
            try:
                piece = self._tls.read(size - len(data))
            except ssl.SSLWantReadError:
                sealed = await soon(self._loop.sock_recv(self._socket, SMALL))
                if not sealed:
                    break
                self._incoming.write(sealed)
            else:
                self.said_goodbye = not piece
                if not piece:
                    break
                data += piece
        return data

    async def _flush(self) -> None:
        await self._loop.sock_sendall(self._socket, self._outgoing.read())


@pytest.fixture
async def slow_client(authority: Authority) -> AsyncIterator[SecureSlowClient]:
    """A client under TLS that takes no byte unless told to."""
    client = SecureSlowClient(authority.client_context())
    yield client
    client.close()


async def made(front: Front, count: int = 1) -> list[DownstreamConnection]:
    """Wait until so many connections are under TLS."""
    await eventually(lambda: len(front.listener.connections) == count and not front.listener.handshakes)
    return [one for one in front.listener.connections if isinstance(one, DownstreamConnection)]


# Handshakes.


async def test_request_under_tls(front: Front, secure: Secure) -> None:
    """A connection under TLS carries calls; the upstream is told of it."""
    client = await secure()
    for _ in range(2):
        await client.send(request("GET", "/echo", GOOD))
        fields = dict(told(await client.reply())["headers"])
        assert fields["X-Forwarded-Proto"] == "https"
    assert front.listener.open_connections == 1


async def test_request_that_comes_with_the_end_of_the_handshake(
    front: Front, slow_client: SecureSlowClient
) -> None:
    """Nothing is lost of what a client sends at once."""
    await slow_client.connect_and_send(front, HEALTH)
    assert (await slow_client.take(15)) == b"HTTP/1.1 200 OK"


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


async def test_handshake_and_head_share_their_time(front: Front, slow_client: SecureSlowClient) -> None:
    """A slow handshake leaves less for the head."""
    await slow_client.arrive(front)
    front.pass_time(6)
    await slow_client.shake_hands()
    await made(front)
    front.pass_time(3.9)
    await slow_client.send(HEAD + b"\r\n")
    assert (await slow_client.take(15)) == b"HTTP/1.1 200 OK"


async def test_head_that_does_not_come_after_a_handshake(front: Front, slow_client: SecureSlowClient) -> None:
    """When the time is over the connection is, with a goodbye."""
    await slow_client.arrive(front)
    front.pass_time(6)
    await slow_client.shake_hands()
    await made(front)
    front.pass_time(4.1)
    assert await slow_client.take(1) == b""
    assert slow_client.said_goodbye


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


# Ends.


async def test_cut_is_seen_as_one(front: Front, upstream: ScriptedUpstream, secure: Secure) -> None:
    """A cut reply that only its end would frame has no goodbye: the connection is reset."""
    client = await secure()
    await client.send(request("GET", "/drop-mid?framing=close", GOOD, version="1.0"))
    await client.until(b"data: part\n\n")
    upstream.gates.open("drop")
    with pytest.raises(Cut):
        await client.rest()
    assert client.wire.reset


async def test_end_that_frames_a_reply_has_a_goodbye(
    front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """A whole reply to HTTP/1.0 ends with a close_notify, so that nobody takes it for a cut one."""
    upstream.canned["/whole"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole"
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/whole?close", GOOD, version="1.0"))
    assert (await slow_client.take(10_000)).endswith(b"\r\n\r\nwhole")
    assert slow_client.said_goodbye


async def test_client_that_says_no_goodbye(front: Front, slow_client: SecureSlowClient) -> None:
    """One that took all and keeps its end open is let go after a second."""
    await slow_client.connect(front)
    await slow_client.send(HEAD + b"Connection: close\r\n\r\n")
    assert (await slow_client.take(10_000)).startswith(b"HTTP/1.1 200 ")
    assert front.listener.open_connections == 1
    front.pass_time(1.1)
    await front.closed()


async def nearly_stuck(
    front: Front, upstream: ScriptedUpstream, client: SecureSlowClient
) -> DownstreamConnection:
    """Stream until the system takes no more, but not so much that the client counts as slow."""
    await client.connect(front)
    (connection,) = await made(front)
    await client.send(request("GET", "/sse", GOOD))
    exchange = await upstream.next()
    while not outstanding(connection) > 3 * SMALL or not connection.transport.get_write_buffer_size():  # type: ignore[union-attr]
        await exchange.write(b"800\r\n%b\r\n" % bytes(2048))
        await settle(connection)
    assert not connection.writing_paused
    return connection


@pytest.mark.parametrize("politely", [True, False], ids=["goodbye", "half-closed"])
async def test_client_that_ends_and_takes_nothing(
    politely: bool,
    front: Front,
    upstream: ScriptedUpstream,
    slow_client: SecureSlowClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is left for it has its time, like everything else; nothing is written behind that."""
    connection = await nearly_stuck(front, upstream, slow_client)
    if politely:
        await slow_client.say_goodbye()
    else:
        slow_client.half_close()
    await settle(connection)
    for seconds in (0.9, 0.2, 19, 2, 20):
        for _ in range(10):
            upstream.events.put_nowait(b"data: 1\n\n")
        await settle(connection)
        front.pass_time(seconds)
    await upstream.exchanges[-1].gone()
    await front.closed()
    assert not caplog.records


@pytest.mark.parametrize("politely", [True, False], ids=["goodbye", "half-closed"])
async def test_client_that_ends_when_it_is_stuck(
    politely: bool, front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """The same for one that has counted as slow before."""
    await slow_client.connect(front)
    (connection,) = await made(front)
    await slow_client.send(request("GET", "/huge?bytes=100000000", GOOD))
    await stuck(connection)
    if politely:
        await slow_client.say_goodbye()
    else:
        slow_client.half_close()
    for seconds in (1.1, 20, 20, 20):
        await settle(connection)
        front.pass_time(seconds)
    await upstream.exchanges[-1].gone()
    await front.closed()


async def test_cut_of_a_connection_that_is_lost_already(front: Front, secure: Secure) -> None:
    """Under TLS there is a moment without a socket, before the connection learns of its end."""
    await secure()
    (connection,) = await made(front)
    transport, connection.transport = connection.transport, (lost := RecordingTransport())
    connection.cut()
    assert lost.aborted
    connection.transport = transport


# Clients that take little.


def outstanding(connection: DownstreamConnection) -> int:
    """Bytes that the gateway's process and system hold for the client."""
    transport = connection.transport
    return 0 if transport is None else connection._outstanding(transport)


async def settle(connection: DownstreamConnection) -> None:
    """Wait until the system has taken all that it will."""
    before = -1
    while before != (before := outstanding(connection)):  # noqa: ASYNC110 - nothing tells of rest
        await asyncio.sleep(0.05)


async def stuck(connection: DownstreamConnection) -> None:
    """Wait until nothing moves any more towards the client."""
    await eventually(lambda: connection.writing_paused)
    await settle(connection)


async def test_client_that_takes_nothing(
    front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """A client without progress for `write_timeout` is cut, and little is held for it until then."""
    await slow_client.connect(front)
    (connection,) = await made(front)
    await slow_client.send(request("GET", "/huge?bytes=100000000", GOOD))
    await stuck(connection)
    assert outstanding(connection) < 512 * 1024
    front.pass_time(20)
    front.pass_time(20)
    await upstream.exchanges[-1].gone()
    await front.closed()
    event = front.logs.named("request.finished")[-1]
    assert (event["status"], event["code"]) == (200, "slow_client")


async def test_slow_client_that_takes_a_little(
    front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """Any progress within `write_timeout` gives a client its time again, and all of the body."""
    await slow_client.connect(front)
    (connection,) = await made(front)
    await slow_client.send(request("GET", "/huge?bytes=2000000", GOOD))
    await stuck(connection)
    front.pass_time(19)
    taken = b""
    for _ in range(8):
        before = outstanding(connection)
        taken += await slow_client.take(20_000)
        await eventually(lambda before=before: outstanding(connection) != before)  # type: ignore[misc]
        await settle(connection)
        front.pass_time(20)
    _, _, body = taken.partition(b"\r\n\r\n")
    body += await slow_client.take(2_000_000 - len(body))
    assert body == (BLOCK * (2_000_000 // len(BLOCK) + 1))[:2_000_000]
    await front.logs.wait_for("request.finished")


async def test_reply_that_is_left_behind(
    front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """What is unsent when a connection closes has its time too: with progress it all arrives."""
    await slow_client.connect(front)
    (connection,) = await made(front)
    await slow_client.send(request("GET", "/huge?bytes=60000", [*GOOD, ("Connection", "close")]))
    await front.logs.wait_for("request.finished")
    await settle(connection)
    front.pass_time(1.1)
    taken = b""
    for _ in range(3):
        taken += await slow_client.take(10_000)
        front.pass_time(19)
    taken += await slow_client.take(60_000)
    assert len(taken.partition(b"\r\n\r\n")[2]) == 60_000
    assert slow_client.said_goodbye


async def test_reply_that_is_left_behind_and_not_taken(
    front: Front, upstream: ScriptedUpstream, slow_client: SecureSlowClient
) -> None:
    """Without progress it is cut."""
    await slow_client.connect(front)
    await slow_client.send(request("GET", "/huge?bytes=60000", [*GOOD, ("Connection", "close")]))
    await front.logs.wait_for("request.finished")
    front.pass_time(1.1)
    assert front.listener.open_connections == 1
    front.pass_time(20)
    front.pass_time(20)
    await front.closed()


# What is sent at once comes at once.


async def test_events_come_one_by_one(front: Front, upstream: ScriptedUpstream, secure: Secure) -> None:
    """Each event reaches the client before the next one is sent."""
    client = await secure()
    await client.send(request("GET", "/sse", GOOD))
    for number in range(20):
        upstream.events.put_nowait(b"data: %d\n\n" % number)
        assert await client.until(b"data: %d\n\n" % number)
    upstream.events.put_nowait(None)
    assert await client.until(b"0\r\n\r\n")
