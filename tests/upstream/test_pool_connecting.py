"""Opening connections: refusals, timeouts, and who is believed over TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tentaculo.config.settings import TlsSettings, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.ports import free_port
from tests.fakes.sockets import Listener, Wire
from tests.upstream.certificates import SERVER_NAME, Certificates, make_certificates
from tests.upstream.fakes import (
    REPLY,
    REQUEST,
    ManualServer,
    Sink,
    ask_for,
    settings_of,
    word,
)

# Connecting.


async def failure_of(settings: UpstreamSettings, timeout: float = 5.0) -> GatewayError:
    """Connect in vain."""
    deadlines = Deadlines(Clock(), tick=3600)
    pool = Pool(settings, deadlines)
    with pytest.raises(GatewayError) as raised:
        await soon(pool.connect(timeout), 10)
    assert pool.open_connections == 0
    assert raised.value.__cause__ is None
    deadlines.close()
    return raised.value


async def test_nobody_listening_is_refused() -> None:
    """A port that nobody listens on is unreachable, at once."""
    assert word(await failure_of(settings_of(free_port()))) == (UpstreamUnreachable, "refused")


async def test_connecting_has_a_timeout(full_port: int) -> None:
    """An upstream that does not answer the connect is given up after the timeout."""
    assert word(await failure_of(settings_of(full_port), 0.1)) == (UpstreamTimeout, "connect_timeout")


# TLS.


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and a server certificate."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class TlsServer:
    """Answers each request with `REPLY`; `names` are the names that clients asked for in their hello."""

    def __init__(self, certificates: Certificates) -> None:
        self.names: list[str | None] = []
        context = certificates.server_context()
        context.sni_callback = self._note
        self.listener = Listener(self._serve, tls=context)

    def _note(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self.names.append(name)

    async def _serve(self, wire: Wire) -> None:
        while True:
            await wire.source.until(b"\r\n\r\n")
            wire.writer.write(REPLY)


@pytest.fixture
async def tls_server(certificates: Certificates) -> AsyncIterator[TlsServer]:
    """A server that speaks TLS only."""
    server = TlsServer(certificates)
    await server.listener.start()
    yield server
    await server.listener.stop()


def tls_settings(
    port: int, ca: Path | None = None, name: str | None = None, *, verify: bool = True
) -> UpstreamSettings:
    """Configure an https upstream."""
    return settings_of(port, scheme="https", tls=TlsSettings(ca=ca, server_name=name, verify=verify))


async def exchanges_over_tls(settings: UpstreamSettings) -> None:
    """Connect, and carry two exchanges over the same connection."""
    deadlines = Deadlines(Clock(), tick=3600)
    pool = Pool(settings, deadlines)
    connection: UpstreamConnection | None = await pool.connect(5.0)
    for _ in range(2):
        assert connection is not None
        sink = Sink()
        connection.ask(ask_for(sink), REQUEST, whole=True)
        assert await sink.whole() == (200, b"hello")
        connection = pool.take_idle(certain=True)
    assert connection is not None
    connection.abort()
    await eventually(lambda: pool.open_connections == 0)
    deadlines.close()


async def test_own_authority_is_believed(tls_server: TlsServer, certificates: Certificates) -> None:
    """A certificate by the configured authority for the server's address is good."""
    await exchanges_over_tls(tls_settings(tls_server.listener.port, certificates.authority))


async def test_server_name_is_asked_for_and_checked(
    tls_server: TlsServer, certificates: Certificates
) -> None:
    """`server_name` goes into the hello (SNI) and is what the certificate must be for."""
    await exchanges_over_tls(tls_settings(tls_server.listener.port, certificates.authority, SERVER_NAME))
    assert tls_server.names == [SERVER_NAME]


async def test_verification_can_be_switched_off(tls_server: TlsServer) -> None:
    """Only `verify: false` takes a certificate by nobody for another name; the name is still asked for."""
    await exchanges_over_tls(tls_settings(tls_server.listener.port, None, "other.test", verify=False))
    assert tls_server.names == ["other.test"]


@pytest.mark.parametrize(
    ("trusts", "name"),
    [(False, None), (False, SERVER_NAME), (True, "other.test"), (True, "test"), (True, "127.0.0.2")],
    ids=["unknown authority", "unknown authority, right name", "wrong name", "parent name", "wrong address"],
)
async def test_bad_certificate_is_no_connection(
    tls_server: TlsServer, certificates: Certificates, name: str | None, *, trusts: bool
) -> None:
    """A certificate that does not prove the server makes it unreachable."""
    ca = certificates.authority if trusts else None
    error = await failure_of(tls_settings(tls_server.listener.port, ca, name))
    assert word(error) == (UpstreamUnreachable, "certificate")


async def test_plain_server_is_no_tls_server(certificates: Certificates) -> None:
    """A server that answers the hello with plain HTTP is unreachable over https."""

    async def answer(wire: Wire) -> None:
        await wire.source.some()
        wire.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await wire.gone.wait()

    listener = Listener(answer)
    await listener.start()
    error = await failure_of(tls_settings(listener.port, certificates.authority))
    assert word(error) == (UpstreamUnreachable, "tls")
    await listener.stop()


async def test_handshake_counts_into_the_connect_timeout(
    server: ManualServer, certificates: Certificates
) -> None:
    """A server that takes the connection and says nothing to the hello is given up in time."""
    error = await failure_of(tls_settings(server.port, certificates.authority), 0.2)
    assert word(error) == (UpstreamTimeout, "connect_timeout")


async def test_end_in_the_handshake_is_no_connection(
    server: ManualServer, certificates: Certificates
) -> None:
    """A server that ends the connection in the handshake is unreachable."""

    async def hang_up(wire: Wire) -> None:
        await wire.source.some()

    listener = Listener(hang_up)
    await listener.start()
    assert isinstance(
        await failure_of(tls_settings(listener.port, certificates.authority)), UpstreamUnreachable
    )
    await listener.stop()


def test_missing_authority_shows_at_start(tmp_path: Path) -> None:
    """A file that is not there is an error when the pool is made, not in the first exchange."""
    with pytest.raises(FileNotFoundError):
        Pool(tls_settings(1, tmp_path / "missing.pem"), Deadlines(Clock()))


# Nobody waits for the connection any more.


@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_connecting_leaves_nothing_behind(turns: int, server: ManualServer) -> None:
    """Wherever connecting is cancelled, nothing is watched or counted after it, and the socket is closed."""
    deadlines = Deadlines(Clock(), tick=3600)
    pool = Pool(settings_of(server.port), deadlines)
    connecting = asyncio.ensure_future(pool.connect(5.0))
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait([connecting])
    if not connecting.cancelled():  # it was there already
        connecting.result().abort()
    await eventually(lambda: not deadlines._watched and pool.open_connections == 0)
    deadlines.close()


async def test_connection_lost_as_it_is_made(server: ManualServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is gone before its connecting ends is no connection, and is not counted."""
    made = UpstreamConnection.connection_made

    def lose(self: UpstreamConnection, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        self.connection_lost(None)
        transport.close()

    monkeypatch.setattr(UpstreamConnection, "connection_made", lose)
    assert word(await failure_of(settings_of(server.port))) == (UpstreamUnreachable, "closed")
