"""What must hold between the sections: each rule yields findings for a draft, in the order below."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding
from tentaculo.config.rules.conflicts import conflicting_routes
from tentaculo.config.rules.cors import cors_faults
from tentaculo.config.rules.ephemeral_tokens import ephemeral_token_faults
from tentaculo.config.rules.files import file_faults
from tentaculo.config.rules.issue_paths import issue_path_faults
from tentaculo.config.rules.listeners import listener_faults
from tentaculo.config.rules.own_paths import own_path_faults
from tentaculo.config.rules.presence import missing_keys
from tentaculo.config.rules.principals import principal_faults
from tentaculo.config.rules.routes import route_faults
from tentaculo.config.rules.streams import stream_faults
from tentaculo.config.rules.upstreams import upstream_faults
from tentaculo.config.rules.workers import worker_faults

_RULES = (
    missing_keys,
    listener_faults,
    worker_faults,
    own_path_faults,
    file_faults,
    principal_faults,
    upstream_faults,
    route_faults,
    ephemeral_token_faults,
    issue_path_faults,
    cors_faults,
    stream_faults,
    conflicting_routes,
)


def apply_rules(draft: Draft) -> Iterator[Finding]:
    """Yield what breaks a rule; nothing is said about what is unclear."""
    for rule in _RULES:
        yield from rule(draft)
