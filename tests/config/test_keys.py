"""Keys that the file may not hold."""

from __future__ import annotations

import pytest

from tentaculo.config.call_models import MaintenanceSection, RateLimitSection, RateSection
from tentaculo.config.keys import nearest_key, section_at, unknown_key
from tentaculo.config.models import (
    CertificateSection,
    FileSection,
    PrincipalSection,
    RouteSection,
    TokenStoreSection,
)
from tentaculo.config.problems import YamlPath
from tentaculo.config.section import Section
from tentaculo.config.stream_models import CorsSection, EphemeralTokenSection, StreamSection
from tentaculo.config.upstream_models import (
    CredentialSection,
    HealthCheckSection,
    ServerSection,
    TimeoutsSection,
    UpstreamSection,
)


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ((), FileSection),
        (("principals", 1), PrincipalSection),
        (("upstreams", "timeouts"), UpstreamSection),
        (("upstreams", "x", "timeouts"), TimeoutsSection),
        (("upstreams", "x", "servers", 0), ServerSection),
        (("upstreams", "x", "credential"), CredentialSection),
        (("routes", 3), RouteSection),
        (("routes", 3, "stream"), StreamSection),
        (("routes", 3, "ephemeral_token"), EphemeralTokenSection),
        (("routes", 3, "cors"), CorsSection),
        (("principals", 0, "issue_rate"), RateSection),
        (("token_store",), TokenStoreSection),
        (("listen", "tls", 0), CertificateSection),
        (("upstreams", "x", "health_check"), HealthCheckSection),
        (("routes", 3, "rate_limit"), RateLimitSection),
        (("routes", 3, "maintenance"), MaintenanceSection),
    ],
)
def test_path_leads_to_its_section(path: YamlPath, section: type[Section]) -> None:
    """Each mapping of the file is known by its path, whatever upstreams are called."""
    assert section_at(path) is section


@pytest.mark.parametrize(
    ("section", "key", "near"),
    [
        (FileSection, "listne", "listen"),
        (FileSection, "Routes", "routes"),
        (FileSection, "token_stores", "token_store"),
        (RouteSection, "upstraem", "upstream"),
        (RouteSection, "method", "methods"),
        (RouteSection, "xyz", None),
        (RouteSection, "ephemeral_tokens", "ephemeral_token"),
        (EphemeralTokenSection, "issue-path", "issue_path"),
        (StreamSection, "maxage", "max_age"),
        (StreamSection, "heart_beat", "heartbeat"),
        (LimitsSection := section_at(("limits",)), "max_headers", "headers"),
    ],
)
def test_nearest_key_is_found(section: type[Section], key: str, near: str | None) -> None:
    """A misspelt key leads to the one that was meant."""
    assert nearest_key(section, key) == near


def test_misspelt_key_names_the_nearest() -> None:
    """The finding stands at the key and knows the path that was meant."""
    finding = unknown_key(("routes", 0, "upstraem"))
    assert finding.message == 'unknown key; did you mean "upstream"?'
    assert (finding.at_key, finding.hide_key) == (True, False)
    assert finding.meant == ("routes", 0, "upstream")


def test_strange_key_names_all_known_ones() -> None:
    """Where nothing is near, all keys are named."""
    assert (
        unknown_key(("upstreams", "x", "tls", "qqqq")).message
        == "unknown key; known here are ca, server_name, verify"
    )
    assert (
        unknown_key(("routes", 0, "stream", "replay", "qqqq")).message
        == "unknown key; known here are events, bytes, age"
    )


@pytest.mark.parametrize("key", ["hunter2", "s3cret-token", "a b", "", "x" * 40, "token:abc"])
def test_key_that_may_be_a_secret_is_hidden(key: str) -> None:
    """A secret in a key's place, as after a missing space, is not shown."""
    finding = unknown_key(("principals", 0, key))
    assert finding.hide_key
    assert key == "" or key not in finding.message
