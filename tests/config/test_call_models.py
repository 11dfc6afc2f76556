"""The shape of rates and of maintenance."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tentaculo.config.call_models import MaintenanceSection, RateLimitSection, RateSection
from tentaculo.config.section import Section
from tentaculo.config.settings import MaintenanceSettings, Rate, RateLimitSettings
from tests.config.files import config, problems_of


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (RateSection, [Rate]),
        (MaintenanceSection, [MaintenanceSettings]),
        (RateLimitSection, [Rate, RateLimitSettings]),
    ],
)
def test_every_setting_can_be_written(section: type[Section], settings: list[type[Rate]]) -> None:
    """The keys of a section are those of its settings."""
    assert {field.name for part in settings for field in fields(part)} == set(section.model_fields)


@pytest.mark.parametrize("option", ["rate_limit: null", "maintenance: null", "maintenance: {body: null}"])
def test_option_may_be_left_empty(option: str) -> None:
    """Null is as if it were not there."""
    assert problems_of(config(f"{{name: a, path: /a, upstream: backend, {option}}}")) == []


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("rate_limit: {}", "rate_limit.rate: this key is required"),
        ("rate_limit: {burst: 5}", "rate_limit.rate: this key is required"),
        ("rate_limit: 5/s", "rate_limit: must be a mapping of keys to values"),
        (
            "rate_limit: {rate: 5}",
            "rate_limit.rate: must be a rate of more than zero, such as 50/s, 10/m or 1/h",
        ),
        (
            "rate_limit: {rate: 5/s, burst: 0}",
            "rate_limit.burst: must be a whole number, 1 or more",
        ),
        ("rate_limit: {rate: 5/s, brust: 5}", 'rate_limit.brust: unknown key; did you mean "burst"?'),
        ("maintenance: true", "maintenance: must be a mapping of keys to values"),
        ("maintenance: {state: 503}", 'maintenance.state: unknown key; did you mean "status"?'),
    ],
)
def test_wrong_option_is_a_problem(option: str, problem: str) -> None:
    """Every wrong option of a route is told at its key."""
    route = f"{{name: a, path: /a, upstream: backend, {option}}}"
    assert problems_of(config(route)) == [f"routes[0].{problem}"]
