"""From sections to settings: event streams and what opens them."""

from __future__ import annotations

import pytest

from tentaculo.config.settings import (
    Access,
    Carry,
    CorsSettings,
    EphemeralTokenSettings,
    ReplaySettings,
    Reuse,
    SameSite,
    StreamSettings,
    Unavailable,
)
from tests.config.files import config, settings_of
from tests.config.test_assembly import EVERY_KEY


def test_ephemeral_tokens_arrive() -> None:
    """Every option of a stream route's tokens, of its stream and of CORS is found in the settings."""
    three = settings_of(EVERY_KEY).routes[2]
    assert three.access is Access.EPHEMERAL_TOKEN
    assert three.stream_only
    assert three.stream == StreamSettings(
        heartbeat=15.0, max_age=3600.0, unavailable=Unavailable.RETRY, last_event=False
    )
    assert three.ephemeral_token == EphemeralTokenSettings(
        issue_path="/token",
        ttl=30.0,
        reuse=Reuse.RESUME,
        carry=Carry.COOKIE,
        resume_grace=5.0,
        resume_max_age=7200.0,
        max_streams_per_token=3,
        bind_client=True,
        principal_in_query=False,
        same_site=SameSite.NONE,
    )
    assert three.cors == CorsSettings(
        origins=("https://app.example.org", "http://localhost:3000"), credentials=True
    )


def test_options_of_the_query_arrive() -> None:
    """The options that only carry: query has are found too, and the rest is default."""
    token = "{issue_path: /t, reuse: once, parameter: key, principal_in_query: allow}"
    route = "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, ephemeral_token: "
    (made,) = settings_of(config(f"{route}{token}}}")).routes
    assert made.ephemeral_token == EphemeralTokenSettings(
        issue_path="/t", reuse=Reuse.ONCE, parameter="key", principal_in_query=True
    )
    assert (made.stream, made.cors) == (StreamSettings(heartbeat=15.0), None)


def test_options_of_streams_arrive() -> None:
    """Every option of a shared stream is found in the settings, in its unit."""
    *_, four = settings_of(EVERY_KEY).routes
    assert four.stream_only
    assert four.stream == StreamSettings(
        heartbeat=60.0,
        idle_timeout=120.0,
        max_age=None,
        retry=1.5,
        shared=True,
        replay=ReplaySettings(events=5, bytes=6144, age=7.0),
        vary=("Accept-Language", "X-Who"),
        assign_ids=True,
        slow_client=8192,
        max_streams=2,
        max_streams_per_principal=2,
        max_streams_per_client=1,
    )


@pytest.mark.parametrize(
    ("replay", "made"),
    [
        ("{}", ReplaySettings()),
        ("{age: 1m}", ReplaySettings(age=60.0)),
        ("null", None),
        ("", None),
    ],
    ids=["defaults", "some", "null", "empty"],
)
def test_replay_is_asked_for(replay: str, made: ReplaySettings | None) -> None:
    """An empty mapping takes the defaults, and only a mapping keeps anything."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{shared: true, replay: {replay}}}}}"
    (found,) = settings_of(config(route)).routes
    assert found.stream == StreamSettings(heartbeat=15.0, shared=True, replay=made)


@pytest.mark.parametrize(
    ("access", "heartbeat", "seconds"),
    [
        ("upstream", "", 15.0),
        ("upstream", "null", None),
        ("upstream", "~", None),
        ("upstream", "${BEAT:-null}", None),
        ("upstream", "2s", 2.0),
        ("ephemeral-token, ephemeral_token: {issue_path: /t}", "", 15.0),
        ("header-token", "", None),
        ("header-token", "2s", 2.0),
        ("public", "", None),
        ("public", "null", None),
    ],
)
def test_streams_for_browsers_beat_unasked(access: str, heartbeat: str, seconds: float | None) -> None:
    """Only the word null silences what opens without a header, and others beat if they ask for it."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{heartbeat: {heartbeat}}}, access: {access}}}"
    (made,) = settings_of(config(route)).routes
    assert made.stream == StreamSettings(heartbeat=seconds)


@pytest.mark.parametrize(
    ("gather", "seconds"),
    [("20ms", 0.02), ("0.1ms", 0.0001), ("", 0.0005), ("null", None), ("~", None), ("${WAIT:-null}", None)],
)
def test_streams_are_gathered_unless_that_is_turned_off(gather: str, seconds: float | None) -> None:
    """For half a millisecond if no other time is given; only the word null turns it off."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{gather: {gather}}}}}"
    (made,) = settings_of(config(route)).routes
    assert made.stream == StreamSettings(gather=seconds)


@pytest.mark.parametrize(
    ("max_age", "seconds"),
    [
        ("null", None),
        ("~", None),
        ("${AGE:-null}", None),
        ("", 14_400.0),
        ("${AGE:-}", 14_400.0),
        ("10m", 600.0),
    ],
    ids=["null", "tilde", "environment", "empty", "empty-environment", "given"],
)
def test_null_is_a_stream_without_end(max_age: str, seconds: float | None) -> None:
    """Only the word null takes the limit away; a key without a value is as if it were not there."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{max_age: {max_age}}}}}"
    (made,) = settings_of(config(route)).routes
    assert made.stream == StreamSettings(max_age=seconds)


@pytest.mark.parametrize(("heartbeat", "seconds"), [("", 15.0), ("null", None), ("2s", 2.0)])
def test_shared_streams_beat_unasked(heartbeat: str, seconds: float | None) -> None:
    """Whatever opens them, unless the word null silences them."""
    route = f"{{name: a, path: /a, upstream: backend, stream: {{shared: true, heartbeat: {heartbeat}}}}}"
    (made,) = settings_of(config(route)).routes
    assert made.stream == StreamSettings(heartbeat=seconds, shared=True)
