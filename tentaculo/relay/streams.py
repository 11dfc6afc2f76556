"""The event streams that are open, and the bounds on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tentaculo.config.settings import StreamSettings
from tentaculo.errors import Draining, TooManyStreams, TooManyStreamsHere
from tentaculo.relay.problem import RETRY_AFTER as SOON

RETRY_AFTER = (("Retry-After", "5"),)

# Of a count: the limit that bounds it, the route or principal, and who on that route.
Key = tuple[str, str, str]


class Endable(Protocol):
    """An open stream."""

    def end_stream(self, reason: str) -> None:
        """End it for a named reason."""

    def settle(self) -> None:
        """Count what it has relayed since the last time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose stream it is and where; `principal_limit` is the principal's own, over all routes."""

    route: str
    settings: StreamSettings
    principal: str | None
    principal_limit: int | None
    client: str


class Streams:
    """Counts open streams; never more than `limit`, nor than each route and principal may have.

    It outlives a reload: routes and principals are known by name.  Clients are counted only on routes
    that bound them, so where a reload brings the bound, those of older streams are not.
    """

    def __init__(self, limit: int) -> None:
        self.closed = False  # no stream opens any more
        self.limit = limit
        self._open: dict[Endable, Claim] = {}
        self._counts: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def all_open(self) -> list[Endable]:
        """Return the streams that are open now."""
        return list(self._open)

    def check_room(self, claim: Claim) -> None:
        """Return where a stream may be asked for.  Raises Draining, TooManyStreams or TooManyStreamsHere."""
        if self.closed:
            raise Draining("draining", headers=SOON)
        self._check_limits(claim)

    def _check_limits(self, claim: Claim) -> None:
        if len(self._open) >= self.limit:
            raise TooManyStreams("streams", headers=RETRY_AFTER)
        for key, limit in _bounds(claim):
            if limit is not None and self._counts.get(key, 0) >= limit:
                name = key[0]
                refusal = TooManyStreams if name == "max_streams" else TooManyStreamsHere
                raise refusal(name, headers=RETRY_AFTER)

    def opened(self, stream: Endable, claim: Claim) -> None:
        """Count a stream.  Raises what `check_room` does, which may have changed since."""
        self.check_room(claim)
        self._open[stream] = claim
        for key, _ in _bounds(claim):
            self._counts[key] = self._counts.get(key, 0) + 1

    def ended(self, stream: Endable) -> None:
        """Forget a stream; forgetting twice is fine."""
        claim = self._open.pop(stream, None)
        if claim is None:
            return
        for key, _ in _bounds(claim):
            count = self._counts[key] - 1
            if count:
                self._counts[key] = count
            else:
                del self._counts[key]

    def settle(self) -> None:
        """Have every stream count what it has relayed so far."""
        for stream in self.all_open():
            stream.settle()


def _bounds(claim: Claim) -> Iterator[tuple[Key, int | None]]:
    """Yield what a stream counts towards, and how many of that may be; the same for a claim each time."""
    route, settings, principal = claim.route, claim.settings, claim.principal
    yield ("max_streams", route, ""), settings.max_streams
    if principal is not None:
        yield ("max_streams_per_principal", route, principal), settings.max_streams_per_principal
        yield ("principal_max_streams", principal, ""), claim.principal_limit
    if settings.max_streams_per_client is not None:
        yield ("max_streams_per_client", route, claim.client), settings.max_streams_per_client
