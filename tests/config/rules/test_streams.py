"""Options of streams and of draining."""

from __future__ import annotations

import pytest

from tests.config.files import UPSTREAM, config, error_of, problems_of

CREDENTIAL = "must not be a credential header, which is never sent to open a shared stream"
BODIES = "must not be a header of bodies or responses"
OWN = "must not be a header that the gateway sends itself"
TRUSTED = f"{OWN}, or believes of trusted peers only"
GONE = "must not be a header that is removed or set on the way to the upstream"
MARKED = 'must not hold "_", since headers with it are dropped'
CONNECTION = "must not be a field of the connection or of framing, which the gateway writes itself"
HOST = "must not be Host, which only request_headers.set may give"
TWICE = "this header is in the list already"
OPENED = "can't be with access upstream: the gateway would open the stream with no one checked"
SENT = "can't be with access upstream: the gateway would send events with no one checked"
ONE_READ = "can't be with shared: true, which reads one stream of the upstream for all"
SHARED_ONLY = "is for shared: true only"
TOKENS = "access: ephemeral-token, ephemeral_token: {issue_path: /t}"


def _problems(
    stream: str, options: str = "enabled: true", top: str = "", upstream: str = UPSTREAM
) -> list[str]:
    route = f"{{name: a, path: /a, upstream: backend, stream: {{{stream}}}, {options}}}"
    found = problems_of(config(route, top=top, upstreams=upstream))
    return [problem.removeprefix("routes[0].").removeprefix("stream.") for problem in found]


@pytest.mark.parametrize("access", [TOKENS, "access: header-token", "access: public"])
def test_checked_and_public_streams_can_be_shared(access: str) -> None:
    """Who opens a stream is known there, or does not matter."""
    stream = "shared: true, replay: {}, vary: [Accept-Language], assign_ids: true, slow_client: 1MiB"
    assert _problems(stream, access) == []


@pytest.mark.parametrize(
    ("stream", "problems"),
    [
        (
            "shared: true",
            [f"shared: {OPENED}"],
        ),
        (
            "replay: {}",
            [f"replay: {SENT}"],
        ),
        (
            "shared: true, replay: {}",
            [
                f"shared: {OPENED}",
                f"replay: {SENT}",
            ],
        ),
        ("shared: false, replay: null", []),
    ],
    ids=["shared", "replay", "both", "neither"],
)
def test_unchecked_stream_is_not_shared(stream: str, problems: list[str]) -> None:
    """Where the upstream decides who may read, the gateway can't read for others."""
    assert _problems(stream, "access: upstream") == problems


@pytest.mark.parametrize(
    ("stream", "problems"),
    [
        ("replay: {}", [f"replay: {SHARED_ONLY}"]),
        ("vary: [A]", [f"vary: {SHARED_ONLY}"]),
        ("assign_ids: true", [f"assign_ids: {SHARED_ONLY}"]),
        ("slow_client: 1MiB", [f"slow_client: {SHARED_ONLY}"]),
        ("gather: 1ms", []),
        ("shared: true, gather: 1ms", [f"gather: {ONE_READ}"]),
        ("shared: x, gather: 1ms", ["shared: must be true or false"]),
        ("shared: false, vary: [_], replay: {}", [f"vary: {SHARED_ONLY}", f"replay: {SHARED_ONLY}"]),
        ("replay: null, vary: [], assign_ids: false, slow_client: null", []),
        ("shared: x, replay: {}", ["shared: must be true or false"]),
        ("shared: true, assign_ids: true", ['assign_ids: needs replay, such as "replay: {}"']),
        ("shared: true, assign_ids: true, replay: null", ['assign_ids: needs replay, such as "replay: {}"']),
        ("shared: true, assign_ids: true, replay: {}", []),
        ("shared: true, assign_ids: true, replay: x", ["replay: must be a mapping of keys to values"]),
    ],
)
def test_options_of_sharing_need_it(stream: str, problems: list[str]) -> None:
    """An option that would do nothing is a problem, unless what it needs could not be read."""
    assert _problems(stream) == problems


def test_shared_stream_forwards_no_credential() -> None:
    """The credential of one client would open the stream of all."""
    message = (
        "must be false with shared: true, since the gateway's own credential alone opens a shared stream"
    )
    assert _problems("shared: true", "forward_credential: true") == [f"forward_credential: {message}"]
    assert _problems("shared: false", "forward_credential: true") == []


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "Accept-Language", "X-Tenant", "Origin"])
def test_clients_can_be_told_apart_by_what_the_upstream_sees(name: str) -> None:
    """A header that passes may be part of what a shared stream is."""
    assert _problems(f"shared: true, vary: [{name}]") == []


@pytest.mark.parametrize(
    ("access", "top", "name", "problem"),
    [
        ("header-token", "", "x-tentaculo-principal", None),
        ("header-token", "identity_header: X-Who\n", "X-Who", None),
        ("header-token", "identity_header: X_Who\n", "X_Who", MARKED),
        ("public", "", "X-Tentaculo-Principal", TRUSTED),
    ],
    ids=["default", "given", "underscore", "public"],
)
def test_clients_can_be_told_apart_by_their_principal(
    access: str, top: str, name: str, problem: str | None
) -> None:
    """The identity header tells them apart where there is an identity."""
    found = _problems(f"shared: true, vary: [{name}]", f"access: {access}", top)
    assert found == ([f"vary[0]: {problem}"] if problem else [])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("X-VX11-Token", CREDENTIAL),
        ("x-vx11-TOKEN", CREDENTIAL),
        ("X.VX11.Token", GONE),
        ("Host", HOST),
        ("Connection", CONNECTION),
        ("Keep-Alive", CONNECTION),
        ("TE", CONNECTION),
        ("Content-Length", CONNECTION),
        ("Content-Type", BODIES),
        ("Set-Cookie", BODIES),
        ("Last-Event-ID", OWN),
        ("Accept-Encoding", OWN),
        ("X-Forwarded-For", TRUSTED),
        ("Forwarded", TRUSTED),
        ("X-Real-IP", TRUSTED),
        ("X-Request-Id", TRUSTED),
        ("X-Remote-User", TRUSTED),
        ("Expect", TRUSTED),
        ("X_Tenant", MARKED),
        ("Proxy-Foo", GONE),
        ("a b", "must be a header name: letters, digits and - without spaces or colon"),
    ],
)
def test_clients_are_not_told_apart_by_what_the_upstream_does_not_see(name: str, problem: str) -> None:
    """A header that would not arrive as the client sent it is told at its place."""
    assert _problems(f"shared: true, vary: [A, {name}]") == [f"vary[1]: {problem}"]


@pytest.mark.parametrize(
    ("options", "top", "problem"),
    [
        ("request_headers: {remove: [x-a]}", "", GONE),
        ("request_headers: {set: {x-A: b}}", "", GONE),
        ("credential_headers: [X-A]", "", CREDENTIAL),
        ("enabled: true", "credential_headers: [X-A]\n", CREDENTIAL),
        ("credential_headers: [X-B]", "credential_headers: [X-A]\n", None),
        ("credential_headers: [X-B]", "", None),
    ],
    ids=["removed", "set", "credential", "file", "overridden", "other"],
)
def test_route_decides_what_the_upstream_sees(options: str, top: str, problem: str | None) -> None:
    """What a route takes away or replaces can't tell its clients apart."""
    found = _problems("shared: true, vary: [X-A]", options, top)
    assert found == ([f"vary[0]: {problem}"] if problem else [])


def test_own_credential_takes_the_place_of_the_clients() -> None:
    """The header of the gateway's own secret is the same for all."""
    secretive = "backend: {servers: ['http://h'], credential: {header: X-Own, value: s3cret}}"
    assert _problems("shared: true, vary: [x-own]", upstream=secretive) == [f"vary[0]: {GONE}"]


def test_header_tells_apart_once() -> None:
    """A name is listed once, in whatever case."""
    assert _problems("shared: true, vary: [X-A, X-B, x-a]") == [f"vary[2]: {TWICE}"]


@pytest.mark.parametrize("unclear", ["route", "file"])
def test_unclear_credential_headers_accuse_no_one(unclear: str) -> None:
    """Where credential headers can't be read, nothing is said of the default ones."""
    options = "credential_headers: x" if unclear == "route" else "enabled: true"
    top = "credential_headers: x\n" if unclear == "file" else ""
    found = _problems("shared: true, vary: [X-VX11-Token]", options, top)
    assert found == ["credential_headers: must be a list"]


@pytest.mark.parametrize("access", ["public", "upstream"])
def test_principals_are_counted_where_they_are_known(access: str) -> None:
    """A limit for each principal needs principals."""
    message = f"can't be counted with access {access}, which knows no principal"
    found = _problems("max_streams_per_principal: 1", f"access: {access}")
    assert found == [f"max_streams_per_principal: {message}"]


@pytest.mark.parametrize(
    ("stream", "top", "problems"),
    [
        ("max_streams: 2, max_streams_per_principal: 2, max_streams_per_client: 1", "", []),
        ("max_streams_per_principal: 9001, max_streams_per_client: 9001", "", []),
        ("max_streams: 9000", "", []),
        ("max_streams: 9001", "limits: {streams: 9001}\n", []),
        (
            "max_streams: 1, max_streams_per_principal: 2, max_streams_per_client: 2",
            "",
            [
                "max_streams_per_principal: would never be reached, since max_streams is less",
                "max_streams_per_client: would never be reached, since max_streams is less",
            ],
        ),
        ("max_streams: 9001", "", ["max_streams: would never be reached, since limits.streams is 9000"]),
        (
            "max_streams: 3",
            "limits: {streams: 2}\n",
            ["max_streams: would never be reached, since limits.streams is 2"],
        ),
        ("max_streams: 9001", "limits: x\n", ["limits: must be a mapping of keys to values"]),
    ],
    ids=["good", "apart", "equal", "more", "less", "default", "file", "unclear"],
)
def test_limit_can_be_reached(stream: str, top: str, problems: list[str]) -> None:
    """A limit that another one hides is a problem."""
    assert _problems(stream, top=top) == problems


@pytest.mark.parametrize(
    ("drain", "problems"),
    [
        ("{}", []),
        ("{time: 9s}", []),
        ("{time: 20s, hard_cap: 20s}", []),
        ("{time: 2s, hard_cap: 1s}", ["drain.hard_cap: must be as long as time at least, which is 2s"]),
        ("{hard_cap: 4s}", ["drain.hard_cap: must be as long as time at least, which is 5s"]),
        (
            "{time: 9001ms}",
            ["drain.time: must not be longer than hard_cap, which is 9s unless it is given"],
        ),
        (
            "{time: x, hard_cap: 1s}",
            ["drain.time: must be a duration with its unit, such as 500ms, 15s, 1m or 4h"],
        ),
        ("{time: 20s, hard_cap: 2h}", ["drain.hard_cap: must be a duration between 1ms and 1h"]),
    ],
    ids=["empty", "equal", "longer", "shorter", "default-time", "default-cap", "unclear", "unclear-cap"],
)
def test_draining_ends_within_its_cap(drain: str, problems: list[str]) -> None:
    """Streams have all their time before the rest is cut."""
    assert problems_of(config(top=f"drain: {drain}\n")) == problems


def test_problem_has_its_place() -> None:
    """An option is told at its own line and column."""
    text = config(
        "{name: a, path: /a, upstream: backend,\n     stream: {shared: true, vary: [A, Forwarded]}}"
    )
    (problem,) = error_of(text).problems
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("Forwarded")
