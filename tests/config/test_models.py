"""The shape of the file."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from tentaculo.config.models import FileSection, LimitsSection, LogSection, RouteSection, TimeoutsSection
from tentaculo.config.section import Section
from tentaculo.config.settings import Limits, LogSettings, RouteSettings, Settings, Timeouts
from tests.config.files import PRINCIPAL, config, problems_of


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (LimitsSection, Limits),
        (TimeoutsSection, Timeouts),
        (LogSection, LogSettings),
        (RouteSection, RouteSettings),
        (FileSection, Settings),
    ],
)
def test_every_setting_can_be_written(section: type[Section], settings: type[Limits]) -> None:
    """The keys of a section are those of its settings."""
    assert list(section.model_fields) == [
        name for name in section.model_fields if name in {field.name for field in fields(settings)}
    ]
    assert {field.name for field in fields(settings)} == set(section.model_fields)


def test_sections_read_short_and_long_forms() -> None:
    """A scalar in the place of a listener, an upstream or a token is its short form."""
    short = {
        "listen": "h:1",
        "admin": "h:2",
        "upstreams": {"b": "http://h"},
        "principals": [{"token": "t" * 12}],
    }
    long = {
        "listen": {"address": "h:1"},
        "admin": {"address": "h:2"},
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
        {"trusted_peers": ["10.0.0.0/8"], "principals": [{"token_file": "f"}], "limits": {"body": "1KiB"}}
    )
    assert file.trusted_peers == [ip_network("10.0.0.0/8")]
    assert file.principals[0].token_file == [Path("f")]
    assert file.limits is not None
    assert file.limits.body == 1024


LATER = {
    "listen": ("{address: 'h:1', tls: []}", "listen.tls"),
    "admin": ("{address: 'h:2', token: x}", "admin.token"),
    "token_store": ("memory", "token_store"),
    "browser_path": ("/x", "browser_path"),
    "drain": ("{time: 5s}", "drain"),
    "log": ("{file: x}", "log.file"),
}
LATER_IN_ROUTES = {
    "ephemeral_token": "{ttl: 60s}",
    "cors": "{origins: []}",
    "rate_limit": "{rate: 1/s}",
    "maintenance": "null",
}
LATER_IN_STREAMS = (
    "heartbeat",
    "idle_timeout",
    "max_age",
    "retry",
    "shared",
    "replay",
    "vary",
    "assign_ids",
    "slow_client",
    "max_streams",
    "max_streams_per_principal",
    "max_streams_per_client",
    "unavailable",
    "last_event",
)
LATER_IN_UPSTREAMS = ("balance", "health_check", "limits", "retries", "breaker")
SAID = "this key is known, but not supported by this version"


@pytest.mark.parametrize(("key", "value", "path"), [(key, *rest) for key, rest in LATER.items()], ids=LATER)
def test_later_key_of_the_file_says_so(key: str, value: str, path: str) -> None:
    """A key that only a later version builds is told as such."""
    assert problems_of(config(top=f"{key}: {value}\n")) == [f"{path}: {SAID}"]


@pytest.mark.parametrize(("key", "value"), LATER_IN_ROUTES.items(), ids=LATER_IN_ROUTES)
def test_later_key_of_a_route_says_so(key: str, value: str) -> None:
    """A route's later keys are known."""
    route = f"{{name: a, path: /a, upstream: backend, {key}: {value}}}"
    assert problems_of(config(route)) == [f"routes[0].{key}: {SAID}"]


@pytest.mark.parametrize("key", LATER_IN_STREAMS)
def test_later_option_of_a_stream_says_so(key: str) -> None:
    """Every option of a stream is known and none is built."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{{key}: null}}}}"
    assert problems_of(config(route)) == [f"routes[0].stream.{key}: {SAID}"]


@pytest.mark.parametrize("key", LATER_IN_UPSTREAMS)
def test_later_key_of_an_upstream_says_so(key: str) -> None:
    """An upstream's later keys are known."""
    upstream = f"backend: {{servers: ['http://h'], {key}: x}}"
    assert problems_of(config(upstreams=upstream)) == [f"upstreams.backend.{key}: {SAID}"]


@pytest.mark.parametrize("key", ["max_streams", "issue_rate"])
def test_later_key_of_a_principal_says_so(key: str) -> None:
    """A principal's later keys are known."""
    principal = PRINCIPAL.replace("}", f", {key}: 1}}")
    assert problems_of(config(principals=principal)) == [f"principals[0].{key}: {SAID}"]


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
