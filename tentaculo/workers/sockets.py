"""Listening sockets for several workers at one address, made by the supervisor, which keeps them.

Each worker has one of its own, and the system spreads connections over them (SO_REUSEPORT).  What waits to be
accepted waits in the socket: when a worker dies, its successor goes on with the same one, and nobody is lost.
"""

from __future__ import annotations

import socket

from tentaculo.config.settings import Address
from tentaculo.listening import BACKLOG, naming

_LEVEL = socket.SOL_SOCKET


class Place:
    """An address that is kept for this gateway alone, with all that its name stands for.

    To open it raises StartError.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._kept: list[socket.socket] = []
        try:
            with naming(address):
                for family, host in _found(address):
                    self._kept.append(_reserved(family, host))
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> tuple[str, int]:
        """The first host and port."""
        host, port, *_ = self._kept[0].getsockname()
        return host, port

    def listen(self) -> list[socket.socket]:
        """Return sockets that listen, for one more worker.  Raises StartError."""
        made: list[socket.socket] = []
        try:
            with naming(self._address):
                for kept in self._kept:
                    made.append(listening := _socket(kept.family))
                    listening.setsockopt(_LEVEL, socket.SO_REUSEPORT, 1)
                    listening.bind(kept.getsockname())
                    listening.listen(BACKLOG)
        except BaseException:
            close_all(made)
            raise
        return made

    def close(self) -> None:
        """Give it up; sockets that listen go on."""
        close_all(self._kept)


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets; whoever else has them goes on."""
    while sockets:
        sockets.pop().close()


def _reserved(family: socket.AddressFamily, host: tuple[str, int]) -> socket.socket:
    """Return a socket that keeps a port, and does not listen.

    It is bound as nobody may be who shares it, which fails where another gateway listens; only then does
    it let sockets of this user listen beside it that ask for that.
    """
    kept = _socket(family)
    try:
        kept.bind(host)
        kept.setsockopt(_LEVEL, socket.SO_REUSEPORT, 1)
        kept.setsockopt(_LEVEL, socket.SO_REUSEADDR, 0)
    except BaseException:
        kept.close()
        raise
    return kept


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(_LEVEL, socket.SO_REUSEADDR, 1)  # what is left of earlier connections is no hindrance
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _found(address: Address) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Return all addresses that one stands for, as asyncio would listen on them."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, name) for family, _, _, _, name in found))  # type: ignore[misc]
