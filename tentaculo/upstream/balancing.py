"""Which of several servers gets the next exchange; each of them may have it.

Pure but for chance: who may be called at all is decided before.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from tentaculo.config.upstream_settings import Balance
from tentaculo.upstream.server import UpstreamServer

_HASH_BYTES = 8
_SCALE = 2.0**52  # of so many bits the middle of each step is a float, and less than 1


class Balancing(ABC):
    """A way of choosing; `pick` is given one server at least, and the time."""

    @abstractmethod
    def pick(self, servers: Sequence[UpstreamServer], client: str, now: float) -> UpstreamServer:
        """Return the server for an exchange of a client."""


class RoundRobin(Balancing):
    """Each in its turn, the weightier more often and never in clumps: nginx's smooth weighted round robin."""

    def __init__(self) -> None:
        self._credit: dict[UpstreamServer, float] = {}

    def pick(self, servers: Sequence[UpstreamServer], client: str, now: float) -> UpstreamServer:
        """Return the server with the most credit; it pays what all together have just earned."""
        credit, total, most, best = self._credit, 0.0, -math.inf, servers[0]
        for server in servers:
            share = server.share(now)
            total += share
            has = credit[server] = credit.get(server, 0.0) + share
            if has > most:
                most, best = has, server
        credit[best] = most - total
        return best


class LeastConnections(Balancing):
    """The one with the least in hand for its weight, out of all; among equals by lot, the weightier first."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random

    def pick(self, servers: Sequence[UpstreamServer], client: str, now: float) -> UpstreamServer:
        """Return a server with the lowest load."""
        least, equals, shares = math.inf, list(servers), [0.0]
        for server in servers:
            share = server.share(now)
            load = server.exchanges / share
            if load < least:
                least, equals, shares = load, [server], [share]
            elif load == least:
                equals.append(server)
                shares.append(share)
        return equals[0] if len(equals) == 1 else self._draw(equals, shares)

    def _draw(self, servers: list[UpstreamServer], shares: list[float]) -> UpstreamServer:
        mark = self._random() * math.fsum(shares)
        for server, share in zip(servers, shares, strict=True):
            mark -= share
            if mark < 0:
                return server
        return servers[-1]


class ClientHash(Balancing):
    """Always the same for the same client address, in all instances: weighted rendezvous hashing.

    A server that comes or goes moves its own clients and nobody else's.
    """

    def __init__(self) -> None:
        self._seeds: dict[str, bytes] = {}

    def pick(self, servers: Sequence[UpstreamServer], client: str, now: float) -> UpstreamServer:
        """Return the server with the best score for the client."""
        most, best, address = -math.inf, servers[0], client.encode()
        for server in servers:
            score = server.share(now) / -math.log(self._draw(server.name, address))
            if score > most:
                most, best = score, server
        return best

    def _draw(self, server: str, address: bytes) -> float:
        """Return what the two have drawn: a number between 0 and 1, neither of them."""
        seed = self._seeds.get(server)
        if seed is None:
            seed = self._seeds[server] = hashlib.blake2b(server.encode(), digest_size=32).digest()
        digest = hashlib.blake2b(address, digest_size=_HASH_BYTES, key=seed).digest()
        return ((int.from_bytes(digest, "big") >> 12) + 0.5) / _SCALE


def balancing_of(balance: Balance, random: Callable[[], float]) -> Balancing:
    """Return the way of choosing that the configuration names."""
    if balance is Balance.LEAST_CONNECTIONS:
        return LeastConnections(random)
    return ClientHash() if balance is Balance.CLIENT_HASH else RoundRobin()
