"""What a token store's URL says: which servers, how they are found, with which credentials.

Opens nothing and knows no driver. No sentence that it raises quotes the URL, which may hold a password.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

PORT = 6379
SENTINEL_PORT = 26379


class Kind(enum.Enum):
    """How the server that takes writes is found."""

    SINGLE = "redis"
    SENTINEL = "redis+sentinel"
    CLUSTER = "redis+cluster"
    UNIX = "unix"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisTarget:
    """Where a Redis is. `hosts` are servers, sentinels or nodes of a cluster; `socket` is a path.

    `tls_files` are paths by name: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`.
    """

    kind: Kind
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    socket: str = ""
    service: str = ""
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_files: Mapping[str, str] = field(default_factory=dict)


_KINDS = {kind.value: (kind, False) for kind in Kind} | {
    kind.value.replace("redis", "rediss"): (kind, True) for kind in Kind if kind is not Kind.UNIX
}
_TLS_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


def read_url(url: str) -> RedisTarget:
    """Read a URL of one of the forms below; raises ValueError with a sentence that holds none of it.

    `redis://[user:password@]host[:port][/database]`, `unix://[user:password@]/path[?db=1]`,
    `redis+sentinel://host:port,host:port/service[/database]`, `redis+cluster://host:port,host:port`;
    `rediss` instead of `redis` is TLS, with paths in `?ssl_ca_certs=`, `ssl_certfile=`, `ssl_keyfile=`.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _KINDS:
        raise ValueError(f"must begin with one of {', '.join(f'{name}://' for name in _KINDS)}")
    kind, tls = _KINDS[scheme]
    place, _, query = rest.partition("?")
    login, _, place = place.rpartition("@")
    authority, slash, path = place.partition("/")
    user, password = _read_login(login)
    options = _read_options(
        query, frozenset({"db"}) if kind is Kind.UNIX else _TLS_FILES if tls else frozenset()
    )
    if kind is Kind.UNIX:
        socket = _read_socket(authority, path)
        database = _read_database(options.get("db", ""))
        return RedisTarget(kind=kind, socket=socket, database=database, user=user, password=password)
    service, database = _read_path(kind, path if slash else "")
    return RedisTarget(
        kind=kind,
        tls=tls,
        hosts=_read_hosts(authority, kind),
        service=service,
        database=database,
        user=user,
        password=password,
        tls_files=options,
    )


def _read_login(login: str) -> tuple[str | None, str | None]:
    user, colon, password = login.partition(":")
    return unquote(user) or None, unquote(password) if colon else None


def _read_options(query: str, known: frozenset[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not options.keys() <= known:
        raise ValueError(
            f"can have no query but {', '.join(sorted(known))}" if known else "can have no query"
        )
    return options


def _read_socket(authority: str, path: str) -> str:
    if authority or not path:
        raise ValueError("must name the socket by an absolute path: unix:///run/redis.sock")
    return unquote(f"/{path}")


def _read_path(kind: Kind, path: str) -> tuple[str, int]:
    if kind is Kind.CLUSTER:
        if path:
            raise ValueError("can have no path: a cluster has one database only")
        return "", 0
    if kind is Kind.SINGLE:
        return "", _read_database(path)
    service, _, database = path.partition("/")
    if not service:
        raise ValueError("must name the service that the sentinels watch: redis+sentinel://host:port/service")
    return unquote(service), _read_database(database)


def _read_database(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise ValueError("must name the database by a number")
    return int(text or 0)


def _read_hosts(authority: str, kind: Kind) -> tuple[tuple[str, int], ...]:
    port = SENTINEL_PORT if kind is Kind.SENTINEL else PORT
    hosts = tuple(_read_host(text, port) for text in authority.split(","))
    if kind is Kind.SINGLE and len(hosts) > 1:
        raise ValueError("can name one server only; several are for redis+sentinel:// and redis+cluster://")
    return hosts


def _read_host(text: str, default_port: int) -> tuple[str, int]:
    if text.startswith("["):  # RFC 3986 section 3.2.2: an IPv6 address stands in brackets
        host, bracket, rest = text[1:].partition("]")
        valid = bool(bracket) and (not rest or rest.startswith(":"))
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
        valid = True
    if not valid or not host:
        raise ValueError("must name a host")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must name the port by a number up to 65535")
    return unquote(host), int(port or default_port)
