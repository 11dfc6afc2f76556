"""The shape of upstreams."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tentaculo.config.section import Section
from tentaculo.config.settings import (
    BreakerSettings,
    HealthCheckSettings,
    RetrySettings,
    Timeouts,
    TlsSettings,
    UpstreamCredential,
    UpstreamLimits,
    UpstreamSettings,
)
from tentaculo.config.upstream_models import (
    BreakerSection,
    CredentialSection,
    HealthCheckSection,
    RetriesSection,
    TimeoutsSection,
    TlsSection,
    UpstreamLimitsSection,
    UpstreamSection,
)
from tests.config.files import config, problems_of, settings_of


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (TimeoutsSection, Timeouts),
        (TlsSection, TlsSettings),
        (CredentialSection, UpstreamCredential),
        (HealthCheckSection, HealthCheckSettings),
        (UpstreamLimitsSection, UpstreamLimits),
        (RetriesSection, RetrySettings),
        (BreakerSection, BreakerSettings),
    ],
)
def test_every_setting_can_be_written(section: type[Section], settings: type[Timeouts]) -> None:
    """The keys of a section are those of its settings."""
    assert [field.name for field in fields(settings)] == list(section.model_fields)


def test_url_is_the_short_form() -> None:
    """A URL stands for an upstream with that one server."""
    short = UpstreamSection.model_validate("http://h")
    assert short == UpstreamSection.model_validate({"servers": [{"url": "http://h"}]})


def test_every_setting_of_an_upstream_can_be_written() -> None:
    """The keys of an upstream are those of its settings, but for its name."""
    assert ["name", *UpstreamSection.model_fields] == [field.name for field in fields(UpstreamSettings)]


@pytest.mark.parametrize(
    "key", ["balance", "health_check", "timeouts", "limits", "retries", "breaker", "tls", "credential"]
)
def test_option_of_an_upstream_may_be_left_empty(key: str) -> None:
    """An option without a value is as if it were not there."""
    upstream = f"backend: {{servers: ['https://h'], {key}: null}}"
    plain = config(upstreams="backend: https://h")
    assert settings_of(config(upstreams=upstream)) == settings_of(plain)


@pytest.mark.parametrize(
    "options",
    [
        "limits: {connections: null, exchanges: null}",
        "retries: {attempts: null, budget: null, wait: null}",
        "breaker: {faults: null, open_for: null}",
    ],
)
def test_part_of_an_option_may_be_left_empty(options: str) -> None:
    """So may what stands in it."""
    upstream = f"backend: {{servers: [{{url: 'http://h', weight: null}}], {options}}}"
    assert settings_of(config(upstreams=upstream)) == settings_of(config(upstreams="backend: http://h"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("health_check: {}", "health_check.path: this key is required"),
        ("health_check: /health", "health_check: must be a mapping of keys to values"),
        ("health_check: {path: health}", 'health_check.path: must begin with "/"'),
        ("health_check: {path: /h/*}", "health_check.path: must be one path, without * and {name}"),
        ("health_check: {path: /h?a=b}", "health_check.path: must be a path without query and fragment"),
        (
            "health_check: {path: /h, down_after: 0}",
            "health_check.down_after: must be a whole number, 1 or more",
        ),
        (
            "health_check: {path: /h, up_after: 0}",
            "health_check.up_after: must be a whole number, 1 or more",
        ),
        ("limits: {connections: 0}", "limits.connections: must be a whole number, 1 or more"),
        ("limits: {exchange: 1}", 'limits.exchange: unknown key; did you mean "exchanges"?'),
        ("retries: 2", "retries: must be a mapping of keys to values"),
        ("breaker: {faults: 0}", "breaker.faults: must be a whole number, 1 or more"),
        (
            "breaker: {open_for: 10}",
            "breaker.open_for: must be a duration with its unit, such as 500ms, 15s, 1m or 4h",
        ),
    ],
)
def test_wrong_option_is_a_problem(options: str, problem: str) -> None:
    """Every wrong option of an upstream is told at its key."""
    upstream = f"backend: {{servers: ['http://h'], {options}}}"
    assert problems_of(config(upstreams=upstream)) == [f"upstreams.backend.{problem}"]


@pytest.mark.parametrize(
    ("servers", "problem"),
    [
        ("[]", "upstreams.backend.servers: must hold at least one item"),
        ("http://a", "upstreams.backend.servers: must be a list"),
        ("[{}]", "upstreams.backend.servers[0].url: this key is required"),
        ("['http://a', {weight: 2}]", "upstreams.backend.servers[1].url: this key is required"),
    ],
    ids=["none", "scalar", "no-url", "second"],
)
def test_an_upstream_has_a_server(servers: str, problem: str) -> None:
    """One at least must be given, in either form."""
    assert problems_of(config(upstreams=f"backend: {{servers: {servers}}}")) == [problem]
