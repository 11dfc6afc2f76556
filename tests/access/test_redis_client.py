"""From a URL to a server: TLS, passwords, sentinels and a cluster, each a real one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tentaculo.access.redis_client import make_client
from tentaculo.access.redis_store import RedisStore
from tentaculo.access.redis_url import read_url
from tentaculo.access.store import Client, Grant, Revoked, StoreEvent, Terms, TokenStoreUnavailable
from tests.fakes.gates import eventually
from tests.fakes.ports import free_port
from tests.fakes.redis_server import becomes, redis_program, running_redis
from tests.upstream.certificates import Certificates, make_certificates

DIGEST = bytes(32)
GRANT = Grant(principal="one", fingerprint="f1", routes=("events",))
CLIENT = Client(binding=None, agent="a1", address="ad")


async def works(url: str) -> None:
    """Take each way that a store uses its client: scripts, and messages."""
    store = RedisStore(url, timeout=5)
    told: list[StoreEvent] = []
    await store.start(told.append)
    try:
        await _until_available(store)
        await store.issue(DIGEST, GRANT, Terms(ttl=60))
        held = (await store.redeem(DIGEST, "events", CLIENT)).lease
        assert held is not None
        assert list(await store.renew([held])) == []

        async def is_told() -> bool:
            await store.revoke("one")  # once more: the subscription may come later than the first message
            return bool(told)

        await becomes(is_told)
        assert isinstance(told[0], Revoked)
    finally:
        await store.close()


async def fails(url: str) -> None:
    """Be told that the store is unavailable, and find nothing left open."""
    store = RedisStore(url, timeout=2)
    with pytest.raises(TokenStoreUnavailable):
        await store.issue(DIGEST, GRANT, Terms(ttl=60))
    await store.close()


async def _until_available(store: RedisStore) -> None:
    await becomes(store.is_available)


async def test_unix_socket_with_password(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A password in the URL is shown to the server, characters of all kinds; a wrong one is a fault."""
    with running_redis(tmp_path_factory.mktemp("redis"), password="p@ss:w/rd") as server:
        await works(f"unix://:p%40ss%3Aw%2Frd@{server.socket}?db=3")
        assert server.command("INFO", "keyspace").count(b"db3:") == 1
        await fails(f"unix://:wrong@{server.socket}")
        await fails(f"unix://{server.socket}")


async def test_tcp_with_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A user and a database are taken from the URL too."""
    port = free_port()
    with running_redis(tmp_path_factory.mktemp("redis"), "--port", str(port)) as server:
        server.command("ACL", "SETUSER", "me", "on", ">pw", "~{tentaculo}:*", "&{tentaculo}:*", "+@all")
        await works(f"redis://me:pw@127.0.0.1:{port}/2")
        assert server.command("INFO", "keyspace").count(b"db2:") == 1
        await fails(f"redis://me:other@127.0.0.1:{port}")


def tls_options(port: int, made: Certificates) -> list[str]:
    """Return the options of a server that speaks TLS."""
    files = ["--tls-cert-file", str(made.server), "--tls-key-file", str(made.key)]
    authority = ["--tls-ca-cert-file", str(made.authority), "--tls-auth-clients", "no"]
    return ["--tls-port", str(port), *files, *authority]


async def shares_a_context(url: str, monkeypatch: pytest.MonkeyPatch, contexts: int = 1) -> None:
    """Open many connections at a time with one TLS context: each that is made stops the loop for long."""
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context

    def make_and_count() -> ssl.SSLContext:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", make_and_count)
    client = make_client(read_url(url), timeout=5)
    await asyncio.gather(*(client.execute("EVAL", "return 1", 0) for _ in range(20)))
    await client.close()
    assert len(made) == contexts


async def test_tls(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under TLS the server's certificate is checked against the authority that the URL names."""
    folder = tmp_path_factory.mktemp("redis")
    made = make_certificates(folder)
    port = free_port()
    with running_redis(folder, *tls_options(port, made)):
        await works(f"rediss://127.0.0.1:{port}?ssl_ca_certs={made.authority}")
        await shares_a_context(f"rediss://127.0.0.1:{port}?ssl_ca_certs={made.authority}", monkeypatch)
        await fails(f"rediss://127.0.0.1:{port}")
        await fails(f"redis://127.0.0.1:{port}")


@contextmanager
def cluster(folder: Path, made: Certificates | None = None) -> Iterator[int]:
    """Run a cluster of one node, under TLS where certificates are given, and return its port."""
    port = free_port()
    options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]
    options += ["--port", str(port)] if made is None else [*tls_options(port, made), "--tls-cluster", "yes"]
    with running_redis(folder, *options) as server:
        server.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        yield port


async def test_cluster(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cluster is found by any of its nodes, and runs every script: all keys share a slot."""
    with cluster(tmp_path_factory.mktemp("redis")) as port:
        await works(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{port}")


async def test_cluster_under_tls(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster's nodes are spoken to under TLS where the URL says so."""
    folder = tmp_path_factory.mktemp("redis")
    made = make_certificates(folder)
    with cluster(folder, made) as port:
        url = f"rediss+cluster://127.0.0.1:{port}?ssl_ca_certs={made.authority}"
        await works(url)
        await shares_a_context(url, monkeypatch, contexts=2)  # one to find the nodes, one for them all


async def test_cluster_that_goes_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cluster that is gone is a fault, and closing leaves nothing open."""
    with cluster(tmp_path_factory.mktemp("redis")) as port:
        store = RedisStore(f"redis+cluster://127.0.0.1:{port}", timeout=2)
        await store.start(lambda _: None)
        await _until_available(store)
    with pytest.raises(TokenStoreUnavailable):
        await store.issue(DIGEST, GRANT, Terms(ttl=60))
    await store.close()


@contextmanager
def sentinel(folder: Path, watched: int, made: Certificates | None = None) -> Iterator[int]:
    """Run a sentinel that watches a server, under TLS where certificates are given; return its port."""
    port = free_port()
    settings = folder / "sentinel.conf"
    monitor = f"sentinel monitor main 127.0.0.1 {watched} 1\nsentinel auth-pass main pw\n"
    options = (
        ["--port", str(port)] if made is None else [*tls_options(port, made), "--tls-replication", "yes"]
    )
    lines = [f"{name[2:]} {value}\n" for name, value in zip(options[::2], options[1::2], strict=True)]
    settings.write_text("".join([monitor, "bind 127.0.0.1\n", "" if made is None else "port 0\n", *lines]))
    log = (folder / "sentinel.log").open("wb")
    with log:
        command = [redis_program(), str(settings), "--sentinel"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def test_sentinels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server is the one that the sentinels name; one sentinel that is away does no harm."""
    watched = free_port()
    folder = tmp_path_factory.mktemp("redis")
    with ExitStack() as running:
        server = running.enter_context(running_redis(folder, "--port", str(watched), password="pw"))
        port = running.enter_context(sentinel(tmp_path_factory.mktemp("sentinel"), watched))
        await works(f"redis+sentinel://:pw@127.0.0.1:{free_port()},127.0.0.1:{port}/main/1")
        assert server.command("INFO", "keyspace").count(b"db1:") == 1
        await fails(f"redis+sentinel://:pw@127.0.0.1:{port}/another")


async def test_sentinels_under_tls(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sentinels and the server that they name are both spoken to under TLS where the URL says so."""
    watched, folder = free_port(), tmp_path_factory.mktemp("redis")
    made = make_certificates(folder)
    with ExitStack() as running:
        running.enter_context(running_redis(folder, *tls_options(watched, made), password="pw"))
        port = running.enter_context(sentinel(tmp_path_factory.mktemp("sentinel"), watched, made))
        await works(f"rediss+sentinel://:pw@127.0.0.1:{port}/main?ssl_ca_certs={made.authority}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache",
        "rediss://cache?ssl_ca_certs=no-such-file",
        "unix:///no/such.sock",
        "redis+sentinel://cache/main",
        "rediss+sentinel://cache/main",
        "redis+cluster://cache",
        "rediss+cluster://cache?ssl_ca_certs=no-such-file",
    ],
)
async def test_making_a_client_opens_nothing(url: str) -> None:
    """A client is made and closed without a word to any server."""
    await make_client(read_url(url), timeout=1).close()


async def test_connections_begin_without_a_word(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A new connection costs no round trip of its own: the server's first command is the script."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        server.command("CONFIG", "RESETSTAT")
        client = make_client(read_url(server.url), timeout=5)
        await client.execute("EVAL", "return 1", 0)
        await client.close()
        stats = server.command("INFO", "commandstats").decode()
        counted = {line.split(":")[0] for line in stats.split() if line.startswith("cmdstat_")}
        assert counted == {"cmdstat_eval", "cmdstat_config|resetstat"}
        assert b"errorstat" not in server.command("INFO", "errorstats")
        await eventually(lambda: server.command("CLIENT", "LIST").count(b"\n") == 1)
