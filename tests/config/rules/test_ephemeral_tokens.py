"""Ephemeral tokens of routes, one by one."""

from __future__ import annotations

import pytest

from tests.config.files import config, error_of, problems_of

REQUIRED = (
    "access: with access ephemeral-token issue_path is required, "
    'so the route must hold "ephemeral_token: {issue_path: /...}"'
)
MISPLACED = "ephemeral_token: is for routes with access ephemeral-token only"
HIDDEN = (
    "ephemeral_token.parameter: the log would show the value of a parameter with this name: "
    "add it to log.sanitize"
)
RETRY = "stream.unavailable: retry is for access ephemeral-token with reuse: resume only"


def _problems(options: str, top: str = "") -> list[str]:
    text = config(f"{{name: a, path: /a, upstream: backend, {options}}}", top=top)
    return [problem.removeprefix("routes[0].") for problem in problems_of(text)]


def _with(options: str, top: str = "") -> list[str]:
    token = f"{{issue_path: /token, {options}}}"
    return _problems(f"access: ephemeral-token, stream: {{}}, ephemeral_token: {token}", top)


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("access: ephemeral-token, stream: {}, ephemeral_token: {issue_path: /t}", []),
        ("access: ephemeral-token, stream: {}", [REQUIRED]),
        ("access: ephemeral-token, stream: {}, ephemeral_token: ", [REQUIRED]),
        (
            "access: ephemeral-token, stream: {}, ephemeral_token: {}",
            ["ephemeral_token.issue_path: this key is required"],
        ),
        (
            "access: ephemeral-token, stream: {}, ephemeral_token: x",
            ["ephemeral_token: must be a mapping of keys to values"],
        ),
        (
            "access: ephemeral-token, stream: {}, ephemeral_tokn: {issue_path: /t}",
            ['ephemeral_tokn: unknown key; did you mean "ephemeral_token"?'],
        ),
        ("ephemeral_token: {issue_path: /t}", [MISPLACED]),
        ("access: header-token, ephemeral_token: {issue_path: /t}", [MISPLACED]),
        ("access: public, ephemeral_token: {issue_path: /t}", [MISPLACED]),
        (
            "access: upstream, stream: {}, ephemeral_token: {issue_path: /t, max_streams_per_token: 2}",
            [MISPLACED],
        ),
        (
            "access: x, ephemeral_token: {issue_path: /t}",
            ["access: must be header-token, ephemeral-token, upstream or public"],
        ),
    ],
    ids=[
        "good",
        "omitted",
        "null",
        "empty",
        "unclear",
        "misspelt",
        "no-access",
        "header-token",
        "public",
        "upstream",
        "unclear-access",
    ],
)
def test_tokens_stand_where_they_are_taken(options: str, problems: list[str]) -> None:
    """A route with this access says where its tokens are issued, and no other route does."""
    assert _problems(options) == problems


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("ttl: 10m, resume_max_age: 10m", []),
        ("ttl: 61s, resume_max_age: 1m", ["ephemeral_token.resume_max_age: must be as long as ttl at least"]),
        ("resume_max_age: 59s", ["ephemeral_token.resume_max_age: must be as long as ttl at least"]),
        ("ttl: 1h, resume_max_age: 1s", ["ephemeral_token.ttl: must be a duration between 1s and 10m"]),
        ("carry: query, parameter: sse_token, principal_in_query: allow", []),
        ("principal_in_query: allow", []),
        ("parameter: token", []),
        ("carry: cookie, max_streams_per_token: 1, same_site: strict", []),
        ("carry: cookie, principal_in_query: deny", []),
        ("carry: header", []),
        ("carry: cookie, parameter: token", ["ephemeral_token.parameter: is for carry: query only"]),
        ("carry: header, parameter: token", ["ephemeral_token.parameter: is for carry: query only"]),
        ("max_streams_per_token: 8", ["ephemeral_token.max_streams_per_token: is for carry: cookie only"]),
        ("carry: header, same_site: strict", ["ephemeral_token.same_site: is for carry: cookie only"]),
        (
            "carry: cookie, principal_in_query: allow",
            ["ephemeral_token.principal_in_query: can be allowed with carry: query only"],
        ),
        (
            "carry: header, principal_in_query: allow, max_streams_per_token: 2, parameter: token",
            [
                "ephemeral_token.principal_in_query: can be allowed with carry: query only",
                "ephemeral_token.max_streams_per_token: is for carry: cookie only",
                "ephemeral_token.parameter: is for carry: query only",
            ],
        ),
        (
            "carry: post, principal_in_query: allow, max_streams_per_token: 2, parameter: token",
            ["ephemeral_token.carry: must be query, cookie or header"],
        ),
    ],
)
def test_options_go_together(options: str, problems: list[str]) -> None:
    """An option that would do nothing, or undo another, is a problem."""
    assert _with(options) == problems


@pytest.mark.parametrize(
    ("name", "top", "problems"),
    [
        ("access_token", "", []),
        ("Token", "", []),
        ("key", "", []),
        ("ticket", "", [HIDDEN]),
        ("token2", "", [HIDDEN]),
        ("ticket", "log: {sanitize: [ticket]}\n", []),
        ("sse-ticket", "log: {sanitize: [ticket]}\n", []),
        ("ticket", "log: {sanitize: [pin]}\n", [HIDDEN]),
        ("ticket", "log: {sanitize: x}\n", ["log.sanitize: must be a list"]),
        ("ticket", "log: x\n", ["log: must be a mapping of keys to values"]),
    ],
    ids=["ending", "case", "exact", "unknown", "digit", "added", "end", "other", "unclear", "unclear-log"],
)
def test_log_masks_the_parameter(name: str, top: str, problems: list[str]) -> None:
    """A token's parameter has a name whose value the log never shows."""
    assert _with(f"parameter: {name}", top) == problems


def test_parameter_is_not_the_one_that_resumes() -> None:
    """A query tells by `last_event_id`, so written, what a client had last."""
    taken = "ephemeral_token.parameter: must not be last_event_id, which tells from where a stream is resumed"
    top = "log: {sanitize: [last_event_id]}\n"
    assert _with("parameter: last_event_id", top) == [taken]
    assert _with("parameter: last_event_id") == [taken]
    assert _with("parameter: Last_Event_Id", top) == []


def test_masking_can_be_left_to_the_environment() -> None:
    """A name of log.sanitize that came from the environment counts as well."""
    route = (
        "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, "
        "ephemeral_token: {issue_path: /t, parameter: '${P}'}}"
    )
    assert problems_of(config(route, top="log: {sanitize: ['${P}']}\n"), {"P": "ticket"}) == []


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ("access: ephemeral-token, stream: {unavailable: retry}, ephemeral_token: {issue_path: /t}", []),
        (
            "access: ephemeral-token, stream: {unavailable: retry}, "
            "ephemeral_token: {issue_path: /t, reuse: resume}",
            [],
        ),
        (
            "access: ephemeral-token, stream: {unavailable: retry}, "
            "ephemeral_token: {issue_path: /t, reuse: once}",
            [RETRY],
        ),
        (
            "access: ephemeral-token, stream: {unavailable: retry}, "
            "ephemeral_token: {issue_path: /t, reuse: x}",
            ["ephemeral_token.reuse: must be resume, once or ttl"],
        ),
        ("access: ephemeral-token, stream: {unavailable: retry}", [REQUIRED]),
        (
            "access: ephemeral-token, stream: {unavailable: error}, "
            "ephemeral_token: {issue_path: /t, reuse: ttl}",
            [],
        ),
        ("access: upstream, stream: {unavailable: retry}", [RETRY]),
        ("stream: {unavailable: retry}", [RETRY]),
        ("stream: {unavailable: error, max_age: 1h, last_event: false}", []),
        ("access: public, stream: {unavailable: error}", []),
    ],
)
def test_retry_is_for_clients_whose_token_is_bound(options: str, problems: list[str]) -> None:
    """Only a token that is bound to its client tells who may be asked to come again."""
    assert _problems(options) == problems


def test_problem_has_its_place() -> None:
    """An option is told at its own line and column."""
    route = "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {},\n     "
    text = config(f"{route}ephemeral_token: {{issue_path: /t, parameter: ticket}}}}")
    (problem,) = error_of(text).problems
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("ticket")
