"""A request whose reply may be a stream: how that opens, and what ends it early, open or not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tentaculo.access.guard import CHALLENGE
from tentaculo.config.settings import Unavailable
from tentaculo.errors import GatewayError, RouteRemoved, StreamUnavailable, Unauthorized
from tentaculo.relay.answering import NOT_YET_STATUSES, Answering
from tentaculo.relay.delivery import Delivery
from tentaculo.relay.open_stream import OpenStream
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.problem import RETRY_AFTER
from tentaculo.relay.request import Request
from tentaculo.relay.subscription import Subscription

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay
    from tentaculo.relay.snapshot import Snapshot

NOBODY: Final[frozenset[str]] = frozenset()


class Streaming(Answering):
    """A request under way; `_stream` is set while its reply is an open stream."""

    __slots__ = ("_cut_by", "_end_reason", "_revoked", "_stream")

    def __init__(self, relay: Relay, request: Request) -> None:
        super().__init__(relay, request)
        self._cut_by: GatewayError | None = None
        self._end_reason: str | None = None
        self._revoked = NOBODY
        self._stream: OpenStream | None = None

    # Told by the reply.

    def stream_opening(self, delivery: Delivery) -> None:
        """Count a reply that is an event stream.  Raises what says that it can't open, or has ended."""
        plan = self.record.plan
        assert plan is not None
        self._check_cut()
        self._check_revoked()
        if self.snapshot is not self.relay.snapshot:
            self._check_current(plan)
            self.snapshot = self.relay.snapshot
        stream = OpenStream(self.relay, plan, delivery, beats=not isinstance(delivery, Subscription))
        stream.open(self.claim(plan))
        self._stream = stream
        if plan.settings.stream is not None and plan.settings.stream.gather is not None:
            delivery.gather(self.relay.gathering(plan.settings.stream.gather))
        self.server_answered()
        self.record.stream_opened(self._secrets(), self.by)

    def server_answered(self) -> None:
        """Tell the server that it is well, though its exchange goes on."""

    def first_event(self) -> None:
        """Count how long the stream's first event took."""
        self.record.first_event()

    def stream_denied(self, status: int) -> None:
        """Take an upstream that has no stream now for one that failed, if its client is to come again."""
        settings = self._stream_settings
        retried = settings and settings.unavailable is Unavailable.RETRY and self._lease is not None
        if retried and status in NOT_YET_STATUSES:
            raise StreamUnavailable(str(status))

    # Told to operators.

    @property
    def is_streaming(self) -> bool:
        """Whether its reply is an open stream, which nobody has ended yet."""
        return self._stream is not None and not self._stream.is_ending

    def describe_stream(self, now: float) -> dict[str, Any]:
        """Return what an operator wants to know of its open stream, in plain data."""
        assert self._answer is not None
        described = self.record.describe_stream(self._answer, self.by, now)
        described["lagging"] = self.connection.writing_paused
        return described

    # Told by others.

    def cut_short(self, error: GatewayError) -> None:
        """End what waits for an upstream's reply, as if that had failed with `error`."""
        self._keep_alive = False
        self._end_reason = error.code
        self._cut_by = error
        if self._answer is not None:
            self._answer.detach()
            self._answer.finish(error)

    def revoke(self, principal: str) -> None:
        """End what the principal has open, or is about to open, as a stream."""
        holder = self.record.principal
        if holder is not None and holder.name == principal and self._is_or_becomes_stream():
            self.end("revoked")
        else:  # who holds a token is known once it is redeemed, and what is a stream once it is answered
            self._revoked |= {principal}

    def end(self, reason: str) -> None:
        """End a stream for a named reason, whether it is open or about to be."""
        if self._stream is not None:
            self._stream.end_stream(reason)
        else:
            self.cut_short(Unauthorized(reason, headers=CHALLENGE))

    def check_principal(self, snapshot: Snapshot) -> None:
        """End the stream where its principal may not have it any more; a new snapshot has come.

        What is open needs nothing of the one before, which would live as long as the stream.
        """
        if self._stream is not None:
            self.snapshot = snapshot
            if not self._is_allowed(snapshot):
                self._stream.end_stream("revoked")

    def check_route(self, snapshot: Snapshot) -> None:
        """End the stream where its route is gone, or does something else now."""
        plan = self.record.plan
        if self._stream is not None and plan is not None and plan.identity not in snapshot.plans:
            self._stream.end_stream("route_removed")

    def _is_allowed(self, snapshot: Snapshot) -> bool:
        holder, plan = self.record.principal, self.record.plan
        if holder is None or plan is None:
            return True
        current = snapshot.plans.get(plan.identity)
        if current is not None and holder.name not in current.guard.allowed:
            return False
        return snapshot.principals.holder(holder.name, holder.fingerprint) is not None

    def _check_current(self, plan: RoutePlan) -> None:
        """Refuse a stream that would open after a reload has ended those like it."""
        if not self._is_allowed(self.relay.snapshot):
            raise Unauthorized("principal_gone", headers=CHALLENGE)
        if plan.identity not in self.relay.snapshot.plans:
            raise RouteRemoved("reloaded", headers=RETRY_AFTER)

    def _is_or_becomes_stream(self) -> bool:
        return self._stream is not None or self._stream_settings is not None

    def _check_cut(self) -> None:
        if self._cut_by is not None:
            raise self._cut_by

    def _check_revoked(self) -> None:
        holder = self.record.principal
        if holder is not None and holder.name in self._revoked:
            raise Unauthorized("revoked", headers=CHALLENGE)
