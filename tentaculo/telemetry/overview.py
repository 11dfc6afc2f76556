"""What an operator sees at a glance, worked out from counts that only grow: rates and latencies.

Pure: whoever takes the samples brings the time along, and tells of them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from tentaculo.telemetry.tallies import REQUEST_SECONDS, Tally

WINDOW_SECONDS = 10.0
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counts of one moment; `slots` are the calls by how long they took, as in `Tally`."""

    at: float
    calls: int = 0
    refused: int = 0
    errors: int = 0
    slots: tuple[int, ...] = (0,) * (len(REQUEST_SECONDS) + 1)
    tokens_issued: int = 0
    tokens_refused: int = 0


def sample_of(total: Tally, *, at: float, tokens_issued: int, tokens_refused: int) -> Sample:
    """Return the counts of a moment; `total` has those of all routes."""
    by_class: Counter[int] = Counter()
    for (_, number), count in total.requests.items():
        by_class[number] += count
    return Sample(
        at=at,
        calls=by_class.total(),
        refused=by_class[4],
        errors=by_class[5],
        slots=tuple(total.slots),
        tokens_issued=tokens_issued,
        tokens_refused=tokens_refused,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What happens in a second; `error_rate` is the share of calls that failed, None without calls.

    `latency_ms` are the quantiles of the window, each None without calls.
    """

    calls: float
    errors: float
    refused: float
    error_rate: float | None
    latency_ms: dict[str, float | None]
    tokens_issued: float
    tokens_refused: float


class Overview:
    """The samples of the last WINDOW_SECONDS."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> Rates:
        """Take in the newest sample and return what has happened since the one before.

        What is older than the window counts no more, so after a pause it all begins anew.
        """
        samples = self._samples
        while samples and sample.at - samples[0].at > WINDOW_SECONDS:
            samples.popleft()
        samples.append(sample)
        return _rates(samples[max(len(samples) - 2, 0)], samples[0], sample)


def _rates(before: Sample, oldest: Sample, now: Sample) -> Rates:
    seconds = now.at - before.at

    def rate(earlier: int, later: int) -> float:
        return round((later - earlier) / seconds, 3) if seconds > 0 else 0.0

    calls, errors = now.calls - before.calls, now.errors - before.errors
    slots = [late - early for early, late in zip(oldest.slots, now.slots, strict=True)]
    return Rates(
        calls=rate(before.calls, now.calls),
        errors=rate(before.errors, now.errors),
        refused=rate(before.refused, now.refused),
        error_rate=round(errors / calls, 5) if calls else None,
        latency_ms={name: _milliseconds(quantile(slots, share)) for name, share in QUANTILES.items()},
        tokens_issued=rate(before.tokens_issued, now.tokens_issued),
        tokens_refused=rate(before.tokens_refused, now.tokens_refused),
    )


def quantile(slots: Sequence[int], share: float) -> float | None:
    """Return below how many seconds a share of the calls took, as straight as its slot allows.

    What took longer than the last bound is said to have taken that; None without calls.
    """
    wanted = share * sum(slots)
    if wanted <= 0:
        return None
    lower, seen = 0.0, 0
    for upper, count in zip(REQUEST_SECONDS, slots, strict=False):
        if count and seen + count >= wanted:
            return lower + (upper - lower) * (wanted - seen) / count
        lower, seen = upper, seen + count
    return lower


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
