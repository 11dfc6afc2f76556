"""Leaves that are of upstreams."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

COUNT = "must be a whole number, 1 or more"
SHARE = "must be a percentage between 0% and 100%, such as 20%"
PAUSE = "must be a duration between 10ms and 1h"
BRIEF = "must be a duration between 1ms and 1h"
PATIENCE = "must be a duration between 1ms and 1m"


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("servers: [{url: 'http://a', weight: 1}]", None),
        ("servers: [{url: 'http://a', weight: 1000}]", None),
        ("servers: [{url: 'http://a', weight: 0}]", f"servers[0].weight: {COUNT}"),
        ("servers: [{url: 'http://a', weight: 1.5}]", f"servers[0].weight: {COUNT}"),
        ("servers: [{url: 'http://a', weight: 1001}]", "servers[0].weight: must be 1000 at most"),
        ("retries: {attempts: 1}", None),
        ("retries: {attempts: 10}", None),
        ("retries: {attempts: 0}", f"retries.attempts: {COUNT}"),
        ("retries: {attempts: 11}", "retries.attempts: must be 10 at most"),
        ("retries: {budget: 0%}", None),
        ("retries: {budget: 100%}", None),
        ("retries: {budget: 12.5%}", None),
        ("retries: {budget: 100.1%}", f"retries.budget: {SHARE}"),
        ("retries: {budget: -1%}", f"retries.budget: {SHARE}"),
        ("retries: {budget: 0.2}", f"retries.budget: {SHARE}"),
        ("retries: {budget: [20%]}", f"retries.budget: {SHARE}"),
        ("retries: {wait: 1ms}", None),
        ("retries: {wait: 60s}", None),
        ("retries: {wait: 60001ms}", f"retries.wait: {PATIENCE}"),
        ("health_check: {path: /h, interval: 10ms, timeout: 1ms}", None),
        ("health_check: {path: /h, interval: 1h, timeout: 1h}", None),
        ("health_check: {path: /h, interval: 9ms}", f"health_check.interval: {PAUSE}"),
        ("health_check: {path: /h, interval: 61m}", f"health_check.interval: {PAUSE}"),
        ("health_check: {path: /h, timeout: 61m}", f"health_check.timeout: {BRIEF}"),
        ("balance: round_robin", None),
        ("balance: least_connections", None),
        ("balance: client_hash", None),
        ("balance: random", "balance: must be round_robin, least_connections or client_hash"),
    ],
)
def test_leaf_is_within_its_bounds(option: str, problem: str | None) -> None:
    """The first and the last good value are taken, the ones beyond are told."""
    servers = "" if option.startswith("servers") else "servers: ['http://a'], "
    found = problems_of(config(upstreams=f"backend: {{{servers}{option}}}"))
    assert found == ([] if problem is None else [f"upstreams.backend.{problem}"])
