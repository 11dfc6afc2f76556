"""What stores and those who ask them say to each other."""

from __future__ import annotations

import dataclasses

import pytest

from tentaculo.access.store import (
    KEPT_SECONDS,
    LEASE_SECONDS,
    RENEW_SECONDS,
    Grant,
    Lease,
    Refusal,
    Standing,
    Terms,
    TokenRefused,
)
from tentaculo.config.settings import EphemeralTokenSettings
from tentaculo.telemetry.token_metrics import REFUSALS


@pytest.mark.parametrize("reason", Refusal)
def test_refusal_says_its_reason_and_nothing_else(reason: Refusal) -> None:
    """The word is the one of the log."""
    refused = TokenRefused(reason)
    assert (refused.reason, str(refused)) == (reason, reason.value)


def test_reasons_are_those_that_are_counted() -> None:
    """Each has its own label, so that none is counted as another."""
    assert {reason.value for reason in Refusal} == REFUSALS


def test_lease_outlives_lost_renewals() -> None:
    """A stream stays open although one or two renewals do not get through."""
    assert LEASE_SECONDS >= 3 * RENEW_SECONDS
    assert KEPT_SECONDS > 0


def test_terms_are_by_default_those_of_the_configuration() -> None:
    """Store and configuration mean the same where neither is told."""
    terms, settings = Terms(ttl=60.0), EphemeralTokenSettings(issue_path="/t")
    names = ("ttl", "reuse", "resume_grace", "resume_max_age")
    assert [getattr(terms, name) for name in names] == [getattr(settings, name) for name in names]
    assert (terms.max_streams, terms.binding, terms.address) == (1, None, None)


@pytest.mark.parametrize(
    "fact", [Grant(principal="p", fingerprint="f", routes=("r",)), Standing(1, 0.0), Terms(ttl=1.0)], ids=repr
)
def test_facts_are_frozen(fact: object) -> None:
    """What was handed over can't be changed behind a store's back."""
    name = dataclasses.fields(fact)[0].name  # type: ignore[arg-type] # each of them is a dataclass
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fact, name, None)


def test_leases_are_told_apart() -> None:
    """By token and by opening; equal ones are one, since they are kept in dictionaries."""
    assert len({Lease(b"a", 1), Lease(b"a", 1), Lease(b"a", 2), Lease(b"b", 1)}) == 3
