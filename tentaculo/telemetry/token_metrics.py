"""What is counted about ephemeral tokens and the streams they open; callers never see a label.

The names are those that operators' dashboards and alerts use.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER = "other"
REFUSALS = frozenset(
    {
        "token_unknown",
        "token_expired",
        "token_used",
        "token_reused",
        "token_revoked",
        "token_for_other_route",
        "too_many_streams",
    }
)
UPSTREAM = "upstream"
OPENERS = frozenset({"ephemeral_token", "principal_header", "principal_query", UPSTREAM})
STEPS = frozenset({"issue", "redeem", "renew", "release", "revoke", "standings", "census"})
CONNECT_MILLISECONDS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
STEP_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
ISSUE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
AGE_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 300)


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """How many tokens were issued, refused by reason, and were valid at the last census."""

    issued: int
    refused: dict[str, int]
    valid: int


class TokenMetrics:
    """Counts of tokens, of what opened streams, and of the token store."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._issued = Counter("ephemeral_tokens_issued", "Ephemeral tokens that were issued", registry=own)
        self._issue = Histogram(
            "ephemeral_token_issue_seconds",
            "Time from the request for a token to the end of the answer that holds it",
            registry=own,
            buckets=ISSUE_SECONDS,
        )
        self._valid = Gauge(
            "ephemeral_tokens_valid", "Ephemeral tokens that can still open a stream", registry=own
        )
        self._expired = Counter(
            "ephemeral_tokens_expired", "Ephemeral tokens that expired unused", registry=own
        )
        self._refused = Counter(
            "ephemeral_tokens_refused", "Ephemeral tokens that opened nothing", ["reason"], registry=own
        )
        self._age = Histogram(
            "ephemeral_token_redeem_age_seconds",
            "Time from the issue of a token to its redeem",
            registry=own,
            buckets=AGE_SECONDS,
        )
        self._connect = Histogram(
            "sse_connect_latency_ms",
            "Milliseconds from the request to the beginning of a stream that tokens may open",
            registry=own,
            buckets=CONNECT_MILLISECONDS,
        )
        self._opened = Counter(
            "sse_streams_opened",
            "Streams that tokens may open, by what opened them",
            ["credential"],
            registry=own,
        )
        self._watch_store(own)
        self._show_zeros()

    def _watch_store(self, own: CollectorRegistry) -> None:
        self._steps = Histogram(
            "tentaculo_token_store_seconds",
            "Time that the token store took",
            ["step"],
            registry=own,
            buckets=STEP_SECONDS,
        )
        self._store_up = Gauge(
            "tentaculo_token_store_up",
            "1 while the token store answers; it is asked every 5 seconds",
            registry=own,
        )
        self._faults = Counter(
            "tentaculo_token_store_faults", "Steps that the token store failed", ["step"], registry=own
        )

    def _show_zeros(self) -> None:
        """Begin every series that counts: a rate sees nothing of one that begins with its first count."""
        for reason in REFUSALS:
            self._refused.labels(reason)
        for opener in OPENERS:
            self._opened.labels(opener)
        for step in STEPS:
            self._faults.labels(step)

    def token_issued(self) -> None:
        """Count a token that was issued."""
        self._issued.inc()

    def token_answered(self, seconds: float) -> None:
        """Count the answer that holds a new token, `seconds` after its request."""
        self._issue.observe(seconds)

    def token_redeemed(self, age: float) -> None:
        """Count a token that was redeemed `age` seconds after it was issued."""
        self._age.observe(age)

    def token_refused(self, reason: str) -> None:
        """Count a token that opened nothing."""
        self._refused.labels(reason if reason in REFUSALS else OTHER).inc()

    def counted(self, valid: int, expired: int) -> None:
        """Take in a census of the store: valid now, expired since the one before."""
        self._valid.set(valid)
        self._expired.inc(expired)

    def counts(self) -> TokenCounts:
        """Return what was counted so far."""
        refused = {reason: int(shown_total(self._refused.labels(reason))) for reason in sorted(REFUSALS)}
        return TokenCounts(int(shown_total(self._issued)), refused, int(shown_total(self._valid)))

    def stream_opened(self, by: str, seconds: float) -> None:
        """Count a stream by what opened it, `seconds` after its request; UPSTREAM where that decides."""
        self._opened.labels(by if by in OPENERS else OTHER).inc()
        self._connect.observe(seconds * 1000)

    def store_answered(self, step: str, seconds: float) -> None:
        """Count a step of the token store."""
        self._steps.labels(step if step in STEPS else OTHER).observe(seconds)

    def store_worked(self) -> None:
        """Note that the token store is there."""
        self._store_up.set(1)

    def store_failed(self, step: str) -> None:
        """Count a step that the token store failed, and note that it is away."""
        self._store_up.set(0)
        self._faults.labels(step if step in STEPS else OTHER).inc()


def shown_total(metric: Counter | Gauge) -> float:
    """Return the value of a metric without labels, or of one child, as a scraper would read it."""
    return next(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    )
