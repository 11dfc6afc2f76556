"""Finished exchanges, counted as plain numbers and shown to Prometheus when it asks.

They are counted once per call and from the event loop alone; prometheus-client's own counters lock
at each step, which costs several times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUS_CLASSES = {number: f"{number}xx" for number in range(1, 6)}
OTHER = "other"
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_CLASSES: Final = 6  # those five, and what is none of them
_SLOT_ENDS: Final = [float(bound) for bound in REQUEST_SECONDS]
_BOUNDS = (*map(floatToGoString, REQUEST_SECONDS), "+Inf")


class Tally:
    """The finished exchanges of one route, by method and class of status, and how long they took."""

    __slots__ = ("_by_method", "seconds", "slots")

    def __init__(self) -> None:
        self._by_method: dict[str, list[int]] = {}
        self.slots = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def add(self, method: str, status: int, seconds: float | None) -> None:
        """Count one; `seconds` is None for a stream, whose length says nothing of speed."""
        number = status // 100
        counts = self._by_method.get(method)
        if counts is None:
            counts = self._counts(method if method in METHODS else OTHER)
        counts[number if number < _CLASSES else 0] += 1
        if seconds is not None:
            self.slots[_slot(seconds)] += 1
            self.seconds += seconds

    def _counts(self, method: str) -> list[int]:
        return self._by_method.setdefault(method, [0] * _CLASSES)

    @property
    def requests(self) -> dict[tuple[str, int], int]:
        """Return how many there were by method and class of status; 0 is for statuses without a class."""
        return {
            (method, number): count
            for method, counts in list(self._by_method.items())
            for number, count in enumerate(counts)
            if count
        }

    def take_over(self, other: Tally) -> None:
        """Add the counts of another one."""
        for (method, number), count in other.requests.items():
            self._counts(method)[number] += count
        for slot, count in enumerate(other.slots):
            self.slots[slot] += count
        self.seconds += other.seconds


class Tallies:
    """The tallies of all routes by name; prometheus-client's `Collector` by shape, not by name."""

    def __init__(self) -> None:
        self._by_route: dict[str, Tally] = {}
        self._forgotten = Tally()

    def of(self, route: str) -> Tally:
        """Return the tally of a route; the same one each time it is asked for."""
        return self._by_route.setdefault(route, Tally())

    def all(self) -> list[Tally]:
        """Return those of all routes, and first what was counted of forgotten ones: their sum only grows."""
        gone = [self._forgotten] if self._forgotten.requests else []
        return [*gone, *self._by_route.values()]

    def forget(self, route: str) -> None:
        """Give up the tally of a route."""
        tally = self._by_route.pop(route, None)
        if tally is not None:
            self._forgotten.take_over(tally)

    def show_in(self, registry: CollectorRegistry) -> None:
        """Have the registry ask here too."""
        registry.register(cast("Collector", self))

    def collect(self) -> Iterator[Metric]:
        """Yield the two families as prometheus-client's own would look."""
        requests = CounterMetricFamily(
            "tentaculo_requests", "Finished exchanges", labels=["route", "method", "status_class"]
        )
        duration = HistogramMetricFamily(
            "tentaculo_request_duration_seconds",
            "Time from request to end of response, without streams",
            labels=["route"],
        )
        for route, tally in list(self._by_route.items()):  # a reload may add to them meanwhile
            finished = tally.requests
            for (method, number), count in finished.items():
                requests.add_metric([route, method, STATUS_CLASSES.get(number, OTHER)], count)
            if finished:
                duration.add_metric([route], _cumulated(tally.slots), tally.seconds)
        yield requests
        yield duration


def _slot(seconds: float) -> int:
    """Return the first slot whose bound is not below; most calls end in one of the first."""
    slot = 0
    while slot < len(_SLOT_ENDS) and _SLOT_ENDS[slot] < seconds:
        slot += 1
    return slot


def _cumulated(slots: list[int]) -> list[tuple[str, float]]:
    total, buckets = 0, []
    for bound, count in zip(_BOUNDS, slots, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
