"""One open stream: it beats when idle, ends for a named reason, and is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tentaculo.relay.delivery import Delivery
from tentaculo.relay.last_words import BEAT, RETRY_SECONDS, last_event
from tentaculo.upstream.deadlines import NEVER

if TYPE_CHECKING:
    from tentaculo.relay.plan import RoutePlan
    from tentaculo.relay.relay import Relay
    from tentaculo.relay.streams import Claim

LEAST_AGE = 0.8


class OpenStream:
    """A delivery that has become a stream; `end_reason` is set where the gateway ends it.

    `deadline` is of the deadlines' clock: of the next beat, or of the stream's longest life.
    """

    __slots__ = (
        "_beats",
        "_bytes",
        "_delivery",
        "_ends_at",
        "_events",
        "_plan",
        "_relay",
        "deadline",
        "end_reason",
    )

    def __init__(self, relay: Relay, plan: RoutePlan, delivery: Delivery, *, beats: bool) -> None:
        now, stream = relay.deadlines.clock(), plan.settings.stream
        self._relay = relay
        self._plan = plan
        self._delivery = delivery
        self._bytes = self._events = 0
        heartbeat = stream.heartbeat if stream is not None and beats else None
        max_age = stream.max_age if stream is not None else None
        self._beats = NEVER if heartbeat is None else heartbeat
        # Spread, or all would come again at once.
        age = NEVER if max_age is None else max_age * (LEAST_AGE + (1 - LEAST_AGE) * relay.spread())
        self._ends_at = now + age
        self.deadline = min(self._ends_at, now + self._beats)
        self.end_reason: str | None = None

    def open(self, claim: Claim) -> None:
        """Take a place among the open streams.  Raises what says that there is none."""
        self._relay.streams.opened(self, claim)
        if self.deadline != NEVER:
            self._relay.deadlines.watch(self)

    def close(self) -> None:
        """Give the place back."""
        self._relay.deadlines.forget(self)
        self._relay.streams.ended(self)
        self.settle()

    @property
    def is_ending(self) -> bool:
        """Whether it was ended, by the gateway or otherwise, and is only here until that is told."""
        return self.end_reason is not None or self._delivery.is_over

    def end_stream(self, reason: str) -> None:
        """End the stream in good order, for a named reason."""
        if self.is_ending:
            return
        self.end_reason = reason
        self.deadline = NEVER
        stream = self._plan.settings.stream
        if stream is None or not stream.last_event:
            self._delivery.end()
            return
        retry = RETRY_SECONDS if stream.retry is None else stream.retry
        self._delivery.end(last_event(reason, retry * (1 + self._relay.spread())))

    def settle(self) -> None:
        """Count what was relayed since the last time."""
        delivery = self._delivery
        delivery.count()
        events, size = delivery.events - self._events, delivery.bytes_out - self._bytes
        self._events, self._bytes = delivery.events, delivery.bytes_out
        self._plan.metrics.streams.events_relayed(events, size)

    def expire(self) -> None:
        """Act on the deadline: the stream beats, or has been open for long enough."""
        now = self._relay.deadlines.clock()
        if now >= self._ends_at:
            self.end_stream("deadline")
            return
        quiet_since = self._delivery.quiet_since
        if now - quiet_since >= self._beats and self._delivery.beat(BEAT):
            quiet_since = now
        # Within an event, or while the client takes nothing, it is tried again at the next tick.
        self.deadline = min(self._ends_at, quiet_since + self._beats)
