"""A pool over real sockets: lending, keeping, learning, connecting, TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tentaculo.config.settings import Server, Timeouts, TlsSettings, UpstreamSettings
from tentaculo.errors import GatewayError, UpstreamTimeout, UpstreamUnreachable
from tentaculo.upstream import pool as pool_module
from tentaculo.upstream.connection import UpstreamConnection
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import LEARNED_FLOOR, Pool
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually, soon
from tests.fakes.sockets import Listener, Wire
from tests.upstream.certificates import SERVER_NAME, Certificates, make_certificates
from tests.upstream.fakes import REPLY, REQUEST, ManualServer, Sink, ask_for, reset

KEEP_ALIVE = 4.0
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def settings_of(
    port: int, *, scheme: str = "http", keep_alive: float = KEEP_ALIVE, tls: TlsSettings | None = None
) -> UpstreamSettings:
    """Configure an upstream on the loopback address."""
    return UpstreamSettings(
        name="backend",
        server=Server(scheme, "127.0.0.1", port),
        timeouts=Timeouts(keep_alive=keep_alive),
        tls=tls or TlsSettings(),
    )


class Pooled:
    """A pool with a movable clock and a server behind it."""

    def __init__(self, server: ManualServer, *, keep_alive: float = KEEP_ALIVE) -> None:
        self.server = server
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, tick=3600)
        self.pool = Pool(settings_of(server.port, keep_alive=keep_alive), self.deadlines)
        self._made: list[UpstreamConnection] = []

    async def connect(self) -> tuple[UpstreamConnection, Wire]:
        """Open a connection; both ends of it."""
        connection = await self.pool.connect(2.0)
        self._made.append(connection)
        return connection, await self.server.accept()

    async def kept(self, reply: bytes = REPLY) -> tuple[UpstreamConnection, Wire]:
        """Open a connection, carry an exchange over it, and let the pool have it."""
        connection, wire = await self.connect()
        await serve(connection, wire, reply)
        return connection, wire

    async def closes(self, connection: UpstreamConnection, wire: Wire) -> None:
        """The upstream closes an idle connection, and the pool sees it."""
        count = self.pool.open_connections
        wire.writer.close()
        await eventually(lambda: self.pool.open_connections == count - 1)
        assert not connection.is_open

    async def patience(self) -> float:
        """For how long a connection is kept now, in seconds; that connection then ends by the pool's clock."""
        connection, _ = await self.kept()
        seconds = connection.deadline - self.clock()
        connection.abort()
        await eventually(lambda: not connection.is_open and connection.fileno == -1)
        return seconds

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let what is overdue expire."""
        self.clock.advance(seconds)
        self.deadlines.sweep()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        for connection in self._made:
            connection.abort()
        self.pool.close()
        await eventually(lambda: self.pool.open_connections == 0)
        self.deadlines.close()


async def serve(connection: UpstreamConnection, wire: Wire, reply: bytes = REPLY) -> Sink:
    """Carry one exchange over a connection."""
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    await soon(wire.source.until(b"\r\n\r\n"))
    wire.writer.write(reply)
    await sink.whole()
    return sink


@pytest.fixture
async def pooled(server: ManualServer) -> AsyncIterator[Pooled]:
    """A pool in front of a server that says nothing by itself."""
    pooled = Pooled(server)
    yield pooled
    await pooled.aclose()


# Lending and keeping.


async def test_fresh_pool_has_nothing_to_lend(pooled: Pooled) -> None:
    """Before any connection was made there is none, whatever one asks for."""
    assert pooled.pool.name == "backend"
    assert pooled.pool.take_idle() is None
    assert pooled.pool.take_idle(certain=True) is None
    assert pooled.pool.open_connections == 0


async def test_connection_returns_after_its_exchange(pooled: Pooled) -> None:
    """A new connection is not idle; after its exchange it is lent again, once."""
    connection, wire = await pooled.connect()
    assert pooled.pool.open_connections == 1
    assert pooled.pool.take_idle() is None
    await serve(connection, wire)
    assert pooled.pool.take_idle() is connection
    assert pooled.pool.take_idle() is None
    await serve(connection, wire)
    assert pooled.pool.take_idle(certain=True) is connection
    assert (pooled.pool.open_connections, connection.served) == (1, 2)


async def test_last_used_is_first_taken(pooled: Pooled) -> None:
    """The connection that was used last is lent first, so that the others may end."""
    (one, one_wire), (two, _), (three, _) = [await pooled.kept() for _ in range(3)]
    assert pooled.pool.take_idle() is three
    assert pooled.pool.take_idle() is two
    assert pooled.pool.take_idle() is one
    await serve(one, one_wire)
    assert pooled.pool.take_idle() is one


async def test_connection_that_ends_with_its_reply_is_not_kept(pooled: Pooled) -> None:
    """The last reply of a connection leaves nothing to lend."""
    await pooled.kept(LAST)
    assert pooled.pool.take_idle() is None
    await eventually(lambda: pooled.pool.open_connections == 0)


async def test_idle_connection_ends_after_keep_alive(pooled: Pooled) -> None:
    """An unused connection is closed after the configured time, in good order."""
    connection, wire = await pooled.kept()
    assert connection.idle_since == pooled.clock()
    pooled.pass_time(KEEP_ALIVE - 0.1)
    assert connection.is_open
    pooled.pass_time(0.1)
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())
    assert not wire.reset


async def test_use_begins_the_idle_time_again(pooled: Pooled) -> None:
    """Each exchange gives a connection its whole idle time again; while in use it has none."""
    connection, wire = await pooled.kept()
    pooled.pass_time(KEEP_ALIVE - 1)
    assert pooled.pool.take_idle() is connection
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    pooled.pass_time(KEEP_ALIVE + 1)
    wire.writer.write(REPLY)
    await sink.whole()
    pooled.pass_time(KEEP_ALIVE - 1)
    assert pooled.pool.take_idle() is connection


async def test_connection_that_the_upstream_closed_is_not_lent(pooled: Pooled) -> None:
    """An end that was seen takes the connection out; the one before it is lent."""
    one, _ = await pooled.kept()
    two, wire = await pooled.kept()
    await pooled.closes(two, wire)
    assert pooled.pool.take_idle() is one
    assert pooled.pool.take_idle() is None


async def test_connection_on_its_way_out_is_not_lent(pooled: Pooled) -> None:
    """A connection that is closing, though not closed yet, is passed over."""
    one, _ = await pooled.kept()
    two, _ = await pooled.kept()
    two.close()
    assert pooled.pool.take_idle() is one


async def test_number_of_idle_connections_is_bounded(pooled: Pooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a connection is closed after its exchange instead of kept."""
    monkeypatch.setattr(pool_module, "IDLE_LIMIT", 2)
    first, second = [(await pooled.kept())[0] for _ in range(2)]
    third, wire = await pooled.kept()
    await soon(wire.gone.wait())
    assert not third.is_open
    assert [pooled.pool.take_idle(), pooled.pool.take_idle()] == [second, first]


async def test_close_ends_idle_connections_and_lets_others_finish(pooled: Pooled) -> None:
    """On close the idle ones go at once, those in use after their exchange, and none is kept any more."""
    _, idle_wire = await pooled.kept()
    busy, busy_wire = await pooled.connect()
    sink = Sink()
    busy.ask(ask_for(sink), REQUEST, whole=True)
    pooled.pool.close()
    pooled.pool.close()
    await soon(idle_wire.gone.wait())
    assert pooled.pool.take_idle() is None
    assert not busy_wire.gone.is_set()
    busy_wire.writer.write(REPLY)
    assert await sink.whole() == (200, b"hello")
    await soon(busy_wire.gone.wait())
    await eventually(lambda: pooled.pool.open_connections == 0)


async def test_keep_alive_of_zero_keeps_nothing(server: ManualServer) -> None:
    """With keep-alive off every exchange has its own connection."""
    pooled = Pooled(server, keep_alive=0.0)
    _, wire = await pooled.kept()
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())
    await pooled.aclose()


# Certain: the system is asked, not only the event loop.


class Unseen:
    """A kept connection whose other end is a blocking socket: it can act while the event loop stands still."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.deadlines = Deadlines(Clock(), tick=3600)
        self.pool = Pool(settings_of(self._listener.getsockname()[1]), self.deadlines)
        self.connection: UpstreamConnection
        self.other: socket.socket

    async def open(self) -> None:
        """Connect, and carry one exchange."""
        self.connection = await self.pool.connect(2.0)
        self.other, _ = self._listener.accept()
        sink = Sink()
        self.connection.ask(ask_for(sink), REQUEST, whole=True)
        assert self.other.recv(1000) == REQUEST
        self.other.sendall(REPLY)
        await sink.whole()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        self.other.close()
        self._listener.close()
        self.connection.abort()
        await eventually(lambda: self.pool.open_connections == 0)
        self.deadlines.close()


@pytest.fixture
async def unseen() -> AsyncIterator[Unseen]:
    """A kept connection to a blocking socket."""
    unseen = Unseen()
    await unseen.open()
    yield unseen
    await unseen.aclose()


async def test_certain_sees_an_end_that_the_loop_has_not_seen(unseen: Unseen) -> None:
    """The upstream closed an instant ago: `certain` does not lend that connection."""
    unseen.other.close()
    assert unseen.connection.is_open
    assert unseen.pool.take_idle(certain=True) is None
    assert not unseen.connection.is_open


async def test_certain_sees_bytes_that_the_loop_has_not_seen(unseen: Unseen) -> None:
    """The upstream said something unasked an instant ago: `certain` does not lend that connection."""
    unseen.other.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert unseen.pool.take_idle(certain=True) is None


async def test_certain_lends_what_is_sound(unseen: Unseen) -> None:
    """Where the system knows of nothing the connection is lent."""
    assert unseen.pool.take_idle(certain=True) is unseen.connection


async def test_uncertain_lends_a_connection_that_proves_stale(unseen: Unseen) -> None:
    """Without `certain` the end shows in the exchange, as staleness: the caller may try again."""
    unseen.other.close()
    connection = unseen.pool.take_idle()
    assert connection is unseen.connection
    sink = Sink()
    connection.ask(ask_for(sink), REQUEST, whole=True)
    assert isinstance(await sink.failure(), UpstreamUnreachable)
    assert connection.is_stale


# Learning for how long the upstream keeps a connection.


@pytest.mark.parametrize("how", ["closed", "reset", "408 first"])
async def test_keep_alive_goes_down_with_the_upstreams(pooled: Pooled, how: str) -> None:
    """An upstream that ends idle connections after a second is believed: less than that from now on."""
    connection, wire = await pooled.kept()
    pooled.pass_time(1.0)
    if how == "reset":
        reset(wire)
    elif how == "closed":
        wire.writer.close()
    else:
        wire.writer.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        wire.writer.close()
    await eventually(lambda: pooled.pool.open_connections == 0)
    assert not connection.is_open
    assert await pooled.patience() == pytest.approx(0.6)


async def test_keep_alive_never_learns_more_from_an_end(pooled: Pooled) -> None:
    """An end after a long time does not raise what was learned before."""
    connection, wire = await pooled.kept()
    pooled.clock.advance(3 * KEEP_ALIVE)
    await pooled.closes(connection, wire)
    assert await pooled.patience() == KEEP_ALIVE


async def test_keep_alive_has_a_floor(pooled: Pooled) -> None:
    """An upstream that closes at once leaves a little keep-alive, or nothing could be learned any more."""
    connection, wire = await pooled.kept()
    await pooled.closes(connection, wire)
    assert await pooled.patience() == LEARNED_FLOOR


async def test_keep_alive_goes_up_again_to_what_is_configured(pooled: Pooled) -> None:
    """Each connection that outlives its time lets the next stay longer, up to the configured time."""
    connection, wire = await pooled.kept()
    pooled.pass_time(2.0)
    await pooled.closes(connection, wire)
    seen = []
    for _ in range(8):
        connection, _ = await pooled.kept()
        seen.append(connection.deadline - pooled.clock())
        pooled.pass_time(seen[-1])
        await eventually(lambda: pooled.pool.open_connections == 0)
    assert seen[:3] == pytest.approx([1.2, 1.5, 1.875])
    assert seen == sorted(seen)
    assert seen[-1] == KEEP_ALIVE


async def test_ends_of_connections_in_use_teach_nothing(pooled: Pooled) -> None:
    """Only idle connections tell how long the upstream keeps them."""
    connection, wire = await pooled.kept()
    assert pooled.pool.take_idle() is connection
    await pooled.closes(connection, wire)
    assert await pooled.patience() == KEEP_ALIVE


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(b"timeout=5, max=99", 3.0), (b"timeout=1", 0.6), (b"timeout=600", KEEP_ALIVE), (b"max=5", KEEP_ALIVE)],
    ids=["5 s", "1 s", "more than configured", "no time"],
)
async def test_keep_alive_that_the_upstream_says_is_kept(pooled: Pooled, said: bytes, seconds: float) -> None:
    """`Keep-Alive: timeout=` is believed with a margin; it can only shorten the time."""
    reply = b"HTTP/1.1 200 OK\r\nKeep-Alive: %b\r\nContent-Length: 0\r\n\r\n" % said
    connection, _ = await pooled.kept(reply)
    assert connection.deadline - pooled.clock() == pytest.approx(seconds)


async def test_keep_alive_of_no_time_keeps_nothing(pooled: Pooled) -> None:
    """`Keep-Alive: timeout=0` means that the connection is not used again."""
    _, wire = await pooled.kept(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n")
    assert pooled.pool.take_idle() is None
    await soon(wire.gone.wait())


# Connecting.


def word(error: GatewayError) -> tuple[type[GatewayError], str]:
    """Kind and reason of an error."""
    return type(error), error.reason


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
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    assert word(await failure_of(settings_of(port))) == (UpstreamUnreachable, "refused")


@pytest.fixture
def full_port() -> Iterator[int]:
    """A listener that accepts nothing and whose queue is full: the system does not answer any more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


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
    """Only `verify: false` takes a certificate by nobody for another name; the name is asked for all the same."""
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
