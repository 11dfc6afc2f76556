"""What is counted about tokens, as a scraper reads it."""

from __future__ import annotations

import pytest

from tentaculo.telemetry.metrics import Metrics
from tentaculo.telemetry.token_metrics import OPENERS, REFUSALS, STEPS


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of their own."""
    return Metrics(version="0")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of a series."""
    return metrics.registry.get_sample_value(name, labels)


def test_tokens_are_counted(metrics: Metrics) -> None:
    """Issued and expired only grow; valid is what the last census found."""
    for _ in range(3):
        metrics.tokens.token_issued()
    metrics.tokens.counted(2, 1)
    metrics.tokens.counted(5, 4)
    assert value(metrics, "ephemeral_tokens_issued_total") == 3
    assert value(metrics, "ephemeral_tokens_valid") == 5
    assert value(metrics, "ephemeral_tokens_expired_total") == 5


def test_time_of_an_issue(metrics: Metrics) -> None:
    """How long those who ask for a token wait can be seen, at 50 ms above all."""
    metrics.tokens.token_answered(0.03)
    metrics.tokens.token_answered(0.2)
    name = "ephemeral_token_issue_seconds"
    assert value(metrics, f"{name}_sum") == pytest.approx(0.23)
    assert value(metrics, f"{name}_bucket", le="0.05") == 1


def test_age_at_the_redeem(metrics: Metrics) -> None:
    """How long tokens wait for their redeem can be seen."""
    metrics.tokens.token_redeemed(0.3)
    metrics.tokens.token_redeemed(59.0)
    name = "ephemeral_token_redeem_age_seconds"
    assert value(metrics, f"{name}_sum") == pytest.approx(59.3)
    assert value(metrics, f"{name}_bucket", le="0.5") == 1
    assert value(metrics, f"{name}_bucket", le="60.0") == 2


def test_refusals(metrics: Metrics) -> None:
    """Refusals are counted by reason, from the first scrape on; an unknown reason is no label."""
    assert {value(metrics, "ephemeral_tokens_refused_total", reason=each) for each in REFUSALS} == {0}
    metrics.tokens.token_refused("token_reused")
    metrics.tokens.token_refused("a1b2-a-token")
    assert value(metrics, "ephemeral_tokens_refused_total", reason="token_reused") == 1
    assert value(metrics, "ephemeral_tokens_refused_total", reason="other") == 1
    assert "a1b2" not in metrics.exposition()[0].decode()


def test_streams_by_what_opened_them(metrics: Metrics) -> None:
    """Adoption is counted by kind of credential, and the time to the first byte in milliseconds."""
    assert {value(metrics, "sse_streams_opened_total", credential=each) for each in OPENERS} == {0}
    metrics.tokens.stream_opened("principal_query", 0.012)
    metrics.tokens.stream_opened("by magic", 0.2)
    assert value(metrics, "sse_streams_opened_total", credential="principal_query") == 1
    assert value(metrics, "sse_streams_opened_total", credential="other") == 1
    assert value(metrics, "sse_connect_latency_ms_sum") == pytest.approx(212)
    assert value(metrics, "sse_connect_latency_ms_bucket", le="25.0") == 1


@pytest.mark.parametrize("step", [*sorted(STEPS), "a new one"])
def test_steps_of_the_store(step: str, metrics: Metrics) -> None:
    """Each step has its time and its faults, and of a known one zero faults from the first scrape on."""
    label = step if step in STEPS else "other"
    assert value(metrics, "tentaculo_token_store_faults_total", step=label) == (0 if step in STEPS else None)
    metrics.tokens.store_answered(step, 0.002)
    metrics.tokens.store_failed(step)
    assert value(metrics, "tentaculo_token_store_seconds_sum", step=label) == pytest.approx(0.002)
    assert value(metrics, "tentaculo_token_store_faults_total", step=label) == 1


def test_store_is_up_or_not(metrics: Metrics) -> None:
    """What the store did with the last step says whether it is up, whatever step it was."""
    assert value(metrics, "tentaculo_token_store_up") == 0
    for step in ("census", "issue"):
        metrics.tokens.store_worked()
        assert value(metrics, "tentaculo_token_store_up") == 1
        metrics.tokens.store_failed(step)
        assert value(metrics, "tentaculo_token_store_up") == 0


def test_counts(metrics: Metrics) -> None:
    """They can be read without a scrape: each reason is there, with zero too."""
    counts = metrics.tokens.counts()
    assert (counts.issued, counts.valid, set(counts.refused.values())) == (0, 0, {0})
    assert counts.refused.keys() == REFUSALS
    for _ in range(3):
        metrics.tokens.token_issued()
    metrics.tokens.token_refused("token_used")
    metrics.tokens.counted(2, 1)
    counts = metrics.tokens.counts()
    assert (counts.issued, counts.valid, counts.refused["token_used"]) == (3, 2, 1)
    assert sum(counts.refused.values()) == 1
