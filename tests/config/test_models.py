"""The shape of the file."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from tentaculo.config.call_models import RateSection
from tentaculo.config.models import (
    DrainSection,
    FileSection,
    LimitsSection,
    LogSection,
    RouteSection,
    TokenStoreSection,
)
from tentaculo.config.section import Section
from tentaculo.config.settings import (
    DrainSettings,
    Limits,
    LogSettings,
    Rate,
    RouteSettings,
    Secret,
    Settings,
    TokenStoreSettings,
)
from tentaculo.config.token_fields import MEMORY
from tests.config.files import PRINCIPAL, config, problems_of, settings_of

ELSEWHERE = {"admin_digest", "tls", "files"}  # admin.token, listen.tls, and what the file names


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (LimitsSection, Limits),
        (LogSection, LogSettings),
        (RateSection, Rate),
        (DrainSection, DrainSettings),
        (TokenStoreSection, TokenStoreSettings),
        (RouteSection, RouteSettings),
        (FileSection, Settings),
    ],
)
def test_every_setting_can_be_written(section: type[Section], settings: type[Limits]) -> None:
    """The keys of a section are those of its settings."""
    names = {field.name for field in fields(settings)} - ELSEWHERE
    assert names == set(section.model_fields)


def test_sections_read_short_and_long_forms() -> None:
    """A scalar in the place of a listener, an upstream or a token is its short form."""
    short = {
        "listen": "h:1",
        "admin": "h:2",
        "token_store": "redis://h",
        "upstreams": {"b": "http://h"},
        "principals": [{"token": "t" * 12}],
    }
    long = {
        "listen": {"address": "h:1"},
        "admin": {"address": "h:2"},
        "token_store": {"url": "redis://h"},
        "upstreams": {"b": {"servers": [{"url": "http://h"}]}},
        "principals": [{"token": ["t" * 12]}],
    }
    assert FileSection.model_validate(short) == FileSection.model_validate(long)


def test_lists_may_be_left_empty() -> None:
    """A list whose items are all commented out is an empty one."""
    file = FileSection.model_validate({"trusted_peers": None, "principals": None})
    assert (file.trusted_peers, file.principals) == ([], [])


def test_leaves_are_read_by_their_type() -> None:
    """Leaves come out typed."""
    file = FileSection.model_validate(
        {
            "trusted_peers": ["10.0.0.0/8"],
            "principals": [{"token_file": "f", "issue_rate": {"rate": "60/m", "burst": "7"}}],
            "limits": {"body": "1KiB"},
            "token_store": "memory",
            "admin": {"token": "t" * 12},
        }
    )
    assert file.trusted_peers == [ip_network("10.0.0.0/8")]
    assert file.principals[0].token_file == [Path("f")]
    assert file.limits is not None
    assert file.limits.body == 1024
    assert file.principals[0].issue_rate == RateSection(rate="60/m", burst="7")  # type: ignore[arg-type]  # as text
    assert file.token_store is not None
    assert file.token_store.url == MEMORY
    assert file.admin is not None
    assert file.admin.token == Secret("t" * 12)


@pytest.mark.parametrize("tls", ["null", "[]", ""], ids=["null", "none", "nothing"])
def test_listener_may_have_no_certificate(tls: str) -> None:
    """Without certificates it speaks plain http."""
    assert settings_of(config(top=f"listen: {{address: 'h:1', tls: {tls}}}\n")).tls == ()


def test_principal_may_have_streams() -> None:
    """How many streams a principal may have is one or more."""
    principal = PRINCIPAL.replace("}", ", max_streams: 0}")
    problem = "principals[0].max_streams: must be a whole number, 1 or more"
    assert problems_of(config(principals=principal)) == [problem]


@pytest.mark.parametrize(
    ("top", "problem"),
    [
        ("admin: {address: 'h:1', token: short}", "admin.token: must be a token of at least 12 characters"),
        ("admin: {address: 'h:1', token: '${T}'}", "admin.token: must be a token of at least 12 characters"),
        ("admin: {token: long-enough-token}", "admin.address: this key is required"),
        (
            "token_store: {timeout: 401ms}",
            "token_store.timeout: must be a duration between 1ms and 400ms, "
            "since a decision on access takes 0.5s at most",
        ),
        ("token_store: {max_tokens: 0}", "token_store.max_tokens: must be a whole number, 1 or more"),
        ("token_store: {ur: memory}", 'token_store.ur: unknown key; did you mean "url"?'),
        ("listen: {tls: []}", "listen.address: this key is required"),
        ("listen: {address: 'h:1', tls: {}}", "listen.tls: must be a list"),
        (
            "listen: {address: 'h:1', tls: [{cert: a, key: b}]}",
            'listen.tls[0].cert: unknown key; did you mean "certificate"?',
        ),
        ("log: {file: []}", "log.file: must be text"),
        ("drain: 5s", "drain: must be a mapping of keys to values"),
        ("drain: {cap: 5s}", 'drain.cap: unknown key; did you mean "hard_cap"?'),
        ("token_store: [memory]", "token_store: must be a mapping of keys to values"),
    ],
    ids=[
        "short",
        "short-environment",
        "no-address",
        "timeout",
        "max-tokens",
        "unknown",
        "listen-address",
        "tls",
        "tls-key",
        "log-file",
        "drain",
        "drain-key",
        "list",
    ],
)
def test_wrong_key_of_the_file_is_a_problem(top: str, problem: str) -> None:
    """What the admin listener and the token store can't be is told at its key."""
    assert problems_of(config(top=f"{top}\n"), {"T": "short"}) == [problem]


@pytest.mark.parametrize(
    ("rate", "problem"),
    [
        ("{rate: 0/s}", ".rate: must be a rate of more than zero, such as 50/s, 10/m or 1/h"),
        ("{rate: 1/s, burst: 0}", ".burst: must be a whole number, 1 or more"),
        ("{burst: 5}", ".rate: this key is required"),
        ("{rate: 1/s, brust: 5}", '.brust: unknown key; did you mean "burst"?'),
        ("50/s", ": must be a mapping of keys to values"),
    ],
    ids=["zero", "burst", "no-rate", "unknown", "scalar"],
)
def test_wrong_issue_rate_is_a_problem(rate: str, problem: str) -> None:
    """A rate is more than zero, and so is what it admits at once."""
    principal = PRINCIPAL.replace("}", f", issue_rate: {rate}}}")
    assert problems_of(config(principals=principal)) == [f"principals[0].issue_rate{problem}"]
