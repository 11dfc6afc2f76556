"""The shape of what routes with event streams hold."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tentaculo.config.section import Section
from tentaculo.config.settings import CorsSettings, EphemeralTokenSettings, ReplaySettings, StreamSettings
from tentaculo.config.stream_models import CorsSection, EphemeralTokenSection, ReplaySection, StreamSection
from tests.config.files import config, problems_of


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (StreamSection, StreamSettings),
        (ReplaySection, ReplaySettings),
        (EphemeralTokenSection, EphemeralTokenSettings),
        (CorsSection, CorsSettings),
    ],
)
def test_every_setting_can_be_written(section: type[Section], settings: type[StreamSettings]) -> None:
    """The keys of a section are those of its settings."""
    assert [field.name for field in fields(settings)] == list(section.model_fields)


@pytest.mark.parametrize("key", [*StreamSection.model_fields])
def test_option_of_a_stream_may_be_left_empty(key: str) -> None:
    """An option without a value is as if it were not there, unless it is a switch."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{{key}: }}}}"
    switch = key in {"shared", "assign_ids", "last_event"}
    assert problems_of(config(route)) == (
        [f"routes[0].stream.{key}: must be true or false"] if switch else []
    )


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        (
            "stream: {max_age: 4}",
            ["stream.max_age: must be a duration with its unit, such as 500ms, 15s, 1m or 4h"],
        ),
        ("stream: {unavailable: wait}", ["stream.unavailable: must be error or retry"]),
        ("stream: {replay: 1000}", ["stream.replay: must be a mapping of keys to values"]),
        (
            "stream: {shared: true, replay: {event: 5}}",
            ['stream.replay.event: unknown key; did you mean "events"?'],
        ),
        ("stream: {vary: Cookie}", ["stream.vary: must be a list"]),
        (
            "stream: {max_streams: 0, max_streams_per_principal: 0, max_streams_per_client: 0}",
            [
                "stream.max_streams: must be a whole number, 1 or more",
                "stream.max_streams_per_principal: must be a whole number, 1 or more",
                "stream.max_streams_per_client: must be a whole number, 1 or more",
            ],
        ),
        ("stream: {last_event: 5}", ["stream.last_event: must be true or false"]),
        ("stream: {last_evnt: true}", ['stream.last_evnt: unknown key; did you mean "last_event"?']),
        ("ephemeral_token: {issue_path: t/*}", ['ephemeral_token.issue_path: must begin with "/"']),
        (
            "ephemeral_token: {issue_path: /t/*}",
            ["ephemeral_token.issue_path: must be one path, without * and {name}"],
        ),
        (
            "ephemeral_token: {issue_path: /t/../u}",
            ['ephemeral_token.issue_path: must not hold the segments "." and ".."'],
        ),
        (
            "ephemeral_token: {issue_path: /t, ttl: 999ms}",
            ["ephemeral_token.ttl: must be a duration between 1s and 10m"],
        ),
        ("ephemeral_token: {issue_path: /t, ttl: 1s}", []),
        ("ephemeral_token: {}", ["ephemeral_token.issue_path: this key is required"]),
        (
            "ephemeral_token: {issue_path: /t, ttl: 11m, reuse: twice, carry: post, parameter: a b, "
            "max_streams_per_token: 0, principal_in_query: yes, same_site: lax}",
            [
                "ephemeral_token.ttl: must be a duration between 1s and 10m",
                "ephemeral_token.reuse: must be resume, once or ttl",
                "ephemeral_token.carry: must be query, cookie or header",
                'ephemeral_token.parameter: must be a name of at most 64 letters, digits, "_", "." and "-"',
                "ephemeral_token.max_streams_per_token: must be a whole number, 1 or more",
                "ephemeral_token.principal_in_query: must be deny or allow",
                "ephemeral_token.same_site: must be strict or none",
            ],
        ),
        (
            "ephemeral_token: {issue_path: /t, tl: 60s}",
            ['ephemeral_token.tl: unknown key; did you mean "ttl"?'],
        ),
        ("cors: {}", ["cors.origins: this key is required"]),
        ("cors: {origins: []}", ["cors.origins: must hold at least one item"]),
        ("cors: {origins: 'https://a'}", ["cors.origins: must be a list"]),
        (
            "cors: {origins: [null]}",
            [
                "cors.origins[0]: must be an origin such as https://app.example.org, "
                "without path; null is none"
            ],
        ),
        (
            "cors: {origins: ['https://a'], credential: true}",
            ['cors.credential: unknown key; did you mean "credentials"?'],
        ),
    ],
)
def test_wrong_option_is_a_problem(options: str, problems: list[str]) -> None:
    """Every wrong option of a route is told at its key, all of them at once."""
    access = "access: ephemeral-token, stream: {}, " if "ephemeral" in options else ""
    route = f"{{name: a, path: /a, upstream: backend, {access}{options}}}"
    assert problems_of(config(route)) == [f"routes[0].{problem}" for problem in problems]
