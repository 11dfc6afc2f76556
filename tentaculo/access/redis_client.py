"""The driver: from a target to a client that neither retries nor waits on its own.

One way to run a command and one to subscribe, alike for a server, sentinels and a cluster.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Any, Protocol

from redis.asyncio import ConnectionPool, Redis, RedisCluster, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedSSLConnection
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from tentaculo.access.redis_url import Kind, RedisTarget

# The driver's own types are partial, and its clients are awaitable: mypy would ask for an await of each.
Driver = Any
_Sentinel: Driver = Sentinel

# So much of a step's time may one sentinel or cluster node take, so that the next one can still be asked.
SHARE = 0.4


class RedisClient(Protocol):
    """A client of whatever kind."""

    async def execute(self, *command: bytes | str | int) -> Any:
        """Run one command on the server that takes writes; raises whatever the driver raises."""

    async def subscription(self) -> PubSub:
        """Return an unused subscriber; close it before the client."""

    async def close(self) -> None:
        """Close every connection."""


def make_client(target: RedisTarget, *, timeout: float) -> RedisClient:
    """Make the client of a target; `timeout` in seconds is what its caller gives one step.

    Opens nothing yet, so a server that is away is no fault here.
    """
    if target.kind is Kind.SENTINEL:
        return _sentinel_client(target, timeout)
    if target.kind is Kind.CLUSTER:
        return _ClusterClient(target, timeout)
    return _PoolClient(Redis.from_pool(_pool(target)))


class _SharedContext:
    """One TLS context for all connections: the driver would make one each, 20 ms that stop everything."""

    def __init__(self, *, shared: dict[str, Any], **link: Any) -> None:
        super().__init__(**link)
        self.ssl_context: Driver
        self.ssl_context = shared.setdefault("context", self.ssl_context)


class _TlsConnection(_SharedContext, SSLConnection):
    pass


class _SentinelTlsConnection(_SharedContext, SentinelManagedSSLConnection):
    pass


class _PoolClient:
    def __init__(self, client: Driver, sentinel: Driver = None) -> None:
        self._client = client
        self._sentinel = sentinel

    async def execute(self, *command: bytes | str | int) -> Any:
        return await self._client.execute_command(*command)

    async def subscription(self) -> PubSub:
        subscription: PubSub = self._client.pubsub()
        return subscription

    async def close(self) -> None:
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self._client.aclose)
            if self._sentinel is not None:
                closing.push_async_callback(self._sentinel.aclose)


class _ClusterClient:
    def __init__(self, target: RedisTarget, timeout: float) -> None:
        nodes = [ClusterNode(host, port) for host, port in target.hosts]
        self._client: Driver = RedisCluster(
            startup_nodes=nodes,
            retry=_no_retries(),
            ssl=target.tls,
            **_tls(target),
            **_common(target),
            **_limits(timeout),
        )
        if target.tls:
            shared = {"connection_class": _TlsConnection, "shared": {}}
            self._client.nodes_manager.connection_kwargs.update(shared)

    async def execute(self, *command: bytes | str | int) -> Any:
        # Uninitialised, the driver would send a script to any node at all.
        await self._client.initialize()
        return await self._client.execute_command(*command)

    async def subscription(self) -> PubSub:
        await self._client.initialize()
        subscription: PubSub = self._client.pubsub()
        return subscription

    async def close(self) -> None:
        await self._client.aclose()
        # After a fault the driver thinks itself uninitialised, and its own aclose() leaves connections open.
        await self._client.nodes_manager.aclose()
        await self._client.nodes_manager.aclose("startup_nodes")


def _sentinel_client(target: RedisTarget, timeout: float) -> RedisClient:
    limits = _limits(timeout) | _silent() | {"retry": _no_retries()}
    tls = {"ssl": True, **_tls(target)} if target.tls else {}
    sentinel: Driver = _Sentinel(target.hosts, sentinel_kwargs=limits | tls)
    if target.tls:
        tls = {"connection_class": _SentinelTlsConnection, "shared": {}, **_tls(target)}
    link = _common(target) | _silent() | tls | {"retry": _no_retries(), "db": target.database}
    return _PoolClient(sentinel.master_for(target.service, **link, socket_timeout=None), sentinel)


def _pool(target: RedisTarget) -> ConnectionPool:
    link = _common(target) | _silent() | {"retry": _no_retries(), "socket_timeout": None}
    link |= {"db": target.database, **_tls(target)}
    if target.kind is Kind.UNIX:
        return ConnectionPool(connection_class=UnixDomainSocketConnection, path=target.socket, **link)
    host, port = target.hosts[0]
    if target.tls:
        return ConnectionPool(connection_class=_TlsConnection, shared={}, host=host, port=port, **link)
    return ConnectionPool(connection_class=Connection, host=host, port=port, **link)


def _common(target: RedisTarget) -> dict[str, Any]:
    # With protocol 2 and no name of the library a connection begins without a round trip.
    return {"username": target.user, "password": target.password, "protocol": 2, "driver_info": None}


def _tls(target: RedisTarget) -> dict[str, Any]:
    # Not the system's default, which may be any version.
    return {"ssl_min_version": ssl.TLSVersion.TLSv1_2, **target.tls_files} if target.tls else {}


def _silent() -> dict[str, Any]:
    return {"maint_notifications_config": MaintNotificationsConfig(enabled=False)}


def _limits(timeout: float) -> dict[str, Any]:
    return {"socket_timeout": timeout * SHARE, "socket_connect_timeout": timeout * SHARE}


def _no_retries() -> Retry:
    return Retry(NoBackoff(), 0)
