"""CORS of routes."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

ALONE = '"*" stands for every origin, so it must stand alone'
NAMED = 'credentials: must be false where the origin is "*": name the origins'
NEEDED = 'none is for pages of other sites, so the route must hold cors with "credentials: true"'


@pytest.mark.parametrize(
    ("cors", "problems"),
    [
        ("{origins: ['https://a', 'https://b:8443'], credentials: true}", []),
        ("{origins: ['*']}", []),
        ("{origins: ['*'], credentials: false}", []),
        ("{origins: ['*'], credentials: true}", [NAMED]),
        ("{origins: ['https://a', '*']}", [f"origins[1]: {ALONE}"]),
        ("{origins: ['*', 'https://a'], credentials: true}", [f"origins[0]: {ALONE}", NAMED]),
        ("{origins: ['*', x], credentials: true}", None),
        ("{origins: ['*'], credentials: x}", ["credentials: must be true or false"]),
        ("", []),
    ],
    ids=["good", "every", "without", "with", "among", "both", "unclear", "unclear-credentials", "empty"],
)
@pytest.mark.parametrize("access", ["header-token", "public", "upstream, stream: {}"])
def test_every_origin_stands_alone(cors: str, problems: list[str] | None, access: str) -> None:
    """Cookies come along for origins that were named only, on routes of any access."""
    found = problems_of(config(f"{{name: a, path: /a, upstream: backend, access: {access}, cors: {cors}}}"))
    if problems is None:
        assert [problem.partition(":")[0] for problem in found] == ["routes[0].cors.origins[1]"]
    else:
        assert found == [f"routes[0].cors.{problem}" for problem in problems]


@pytest.mark.parametrize(
    ("token", "cors", "needed"),
    [
        ("carry: cookie, same_site: none", "cors: {origins: ['https://a'], credentials: true}", False),
        ("carry: cookie, same_site: none", "cors: {origins: ['https://a']}", True),
        ("carry: cookie, same_site: none", "enabled: true", True),
        ("carry: cookie, same_site: strict", "enabled: true", False),
        ("carry: cookie", "cors: {origins: ['https://a']}", False),
    ],
    ids=["credentials", "no-credentials", "no-cors", "strict", "default"],
)
def test_cookie_of_other_sites_needs_named_origins(token: str, cors: str, needed: bool) -> None:
    """A cookie that pages of other sites send is for origins that may send cookies."""
    route = "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, "
    found = problems_of(config(f"{route}{cors}, ephemeral_token: {{issue_path: /t, {token}}}}}"))
    assert found == ([f"routes[0].ephemeral_token.same_site: {NEEDED}"] if needed else [])


def test_same_site_without_a_cookie_is_one_problem() -> None:
    """Where no cookie is set, none is for other sites."""
    route = "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, "
    found = problems_of(config(f"{route}ephemeral_token: {{issue_path: /t, same_site: none}}}}"))
    assert found == ["routes[0].ephemeral_token.same_site: is for carry: cookie only"]


@pytest.mark.parametrize("cors", ["x", "{origins: ['https://a'], credentials: x}"])
def test_unclear_cors_is_not_missing(cors: str) -> None:
    """One fault is one problem."""
    route = "{name: a, path: /a, upstream: backend, access: ephemeral-token, stream: {}, "
    token = "{issue_path: /t, carry: cookie, same_site: none}"
    assert len(problems_of(config(f"{route}cors: {cors}, ephemeral_token: {token}}}"))) == 1
