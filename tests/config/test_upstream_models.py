"""The shape of upstreams."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tentaculo.config.section import Section
from tentaculo.config.settings import Timeouts, TlsSettings, UpstreamCredential
from tentaculo.config.upstream_models import CredentialSection, TimeoutsSection, TlsSection, UpstreamSection
from tests.config.files import config, problems_of

SAID = "this key is known, but not supported by this version"


@pytest.mark.parametrize(
    ("section", "settings"),
    [(TimeoutsSection, Timeouts), (TlsSection, TlsSettings), (CredentialSection, UpstreamCredential)],
)
def test_every_setting_can_be_written(section: type[Section], settings: type[Timeouts]) -> None:
    """The keys of a section are those of its settings."""
    assert [field.name for field in fields(settings)] == list(section.model_fields)


def test_url_is_the_short_form() -> None:
    """A URL stands for an upstream with that one server."""
    short = UpstreamSection.model_validate("http://h")
    assert short == UpstreamSection.model_validate({"servers": [{"url": "http://h"}]})


@pytest.mark.parametrize("key", ["balance", "health_check", "limits", "retries", "breaker"])
def test_later_key_of_an_upstream_says_so(key: str) -> None:
    """An upstream's later keys are known."""
    upstream = f"backend: {{servers: ['http://h'], {key}: x}}"
    assert problems_of(config(upstreams=upstream)) == [f"upstreams.backend.{key}: {SAID}"]


@pytest.mark.parametrize(
    ("servers", "problem"),
    [
        (
            "['http://a', 'http://b']",
            "upstreams.backend.servers: several servers are known, but not supported by this version",
        ),
        ("[{url: 'http://a', weight: 2}]", f"upstreams.backend.servers[0].weight: {SAID}"),
        ("[]", "upstreams.backend.servers: must hold at least one item"),
        ("http://a", "upstreams.backend.servers: must be a list"),
        ("[{}]", "upstreams.backend.servers[0].url: this key is required"),
    ],
    ids=["several", "weight", "none", "scalar", "no-url"],
)
def test_an_upstream_has_one_server(servers: str, problem: str) -> None:
    """Exactly one server can be given, in either form."""
    assert problems_of(config(upstreams=f"backend: {{servers: {servers}}}")) == [problem]
