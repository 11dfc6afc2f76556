"""Upstreams that nobody uses, and their TLS options."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import ROUTE, UPSTREAM, config, error_of, problems_of, settings_of

# A self-made certificate of an authority; its key was thrown away.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUOQEDKTVqb47pIx4oj1qXkNXaEY4wCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTQXV0aG9yaXR5IGZvciB0ZXN0czAgFw0yNjExMjEyMjUwMTZa
GA8yMTI2MTAyODIyNTAxNlowHjEcMBoGA1UEAwwTQXV0aG9yaXR5IGZvciB0ZXN0
czBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOLaYIGyLKsbvydgXFzAkCxBfbmY
BWP5F+DQ/CpSmv4cVx9SRNGwy37B7smJ6TXYlgMOuCVTBQiU0ohyVmwL8uSjUzBR
MB0GA1UdDgQWBBSgrbqvHdvhEdYdnJh4i5dQWu+nXDAfBgNVHSMEGDAWgBSgrbqv
HdvhEdYdnJh4i5dQWu+nXDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIQDQgH2mUpMhHUiCxM3yELeYZHJKzGTg/khIGV7hnUBFLQIgZGQzD91TxGmN
8XMScFW6HhIvqtikJfZuwFYgYdUokNU=
-----END CERTIFICATE-----
"""


def _upstream(options: str, scheme: str = "https") -> str:
    return config(upstreams=f"backend: {{servers: ['{scheme}://h'], {options}}}")


def test_upstream_that_no_route_names_is_found_at_its_name() -> None:
    """An upstream without a route is forgotten or misspelt."""
    error = error_of(config(upstreams=f"{UPSTREAM}\n  other: http://h"))
    assert [(p.line, p.column, p.path, p.message) for p in error.problems] == [
        (5, 3, "upstreams.other", "no route names this upstream")
    ]


@pytest.mark.parametrize(
    "route",
    ["{name: b, path: /b, upstream: []}", "{name: b, path: /b, upstraem: other}", "nonsense"],
    ids=["wrong", "misspelt", "item"],
)
def test_nothing_is_unused_while_a_route_is_unclear(route: str) -> None:
    """The unclear route may be the one that names it."""
    problems = problems_of(config(ROUTE, route, upstreams=f"{UPSTREAM}\n  other: http://h"))
    assert len(problems) == 1
    assert problems[0].startswith("routes[1]")


def test_nothing_is_unused_without_readable_routes() -> None:
    """Routes of the wrong shape name nobody, and that is the one problem."""
    assert problems_of(f"upstreams: {{{UPSTREAM}}}\nroutes: x\n") == ["routes: must be a list"]


def test_tls_is_for_https() -> None:
    """TLS options of an http upstream would be without effect."""
    assert problems_of(_upstream("tls: {}", scheme="http")) == [
        "upstreams.backend.tls: is for https servers only, and this upstream's is http"
    ]
    assert problems_of(_upstream("tls: {verify: no}")) == []


def test_tls_of_an_unclear_server_is_left_alone() -> None:
    """Where the server can't be read, nothing is said about its scheme."""
    assert len(problems_of(_upstream("tls: {}", scheme="ftp"))) == 1


@pytest.mark.parametrize(
    ("servers", "problems"),
    [
        ("['http://a', {url: 'http://b', weight: 2}, 'http://a:81']", []),
        ("['https://a', 'https://b']", []),
        (
            "['http://a', 'https://b']",
            ["servers[1]: must be http, as the first server of this upstream is"],
        ),
        (
            "['https://a', {url: 'http://a:443'}, 'https://b']",
            ["servers[1].url: must be https, as the first server of this upstream is"],
        ),
        (
            "['http://a', 'http://b', {url: 'HTTP://A:80', weight: 2}]",
            ["servers[2].url: is the same server as upstreams.backend.servers[0]"],
        ),
        (
            "[{url: 'http://a'}, 'http://a', 'http://a']",
            [
                "servers[1]: is the same server as upstreams.backend.servers[0].url",
                "servers[2]: is the same server as upstreams.backend.servers[0].url",
            ],
        ),
        (
            "[{weight: 2}, 'https://b', 'http://c']",
            [
                "servers[0].url: this key is required",
                "servers[2]: must be https, as the first server of this upstream is",
            ],
        ),
    ],
    ids=["http", "https", "mixed", "mixed-long", "same", "thrice", "no-url"],
)
def test_servers_go_together(servers: str, problems: list[str]) -> None:
    """They share a scheme, and none is there twice."""
    found = problems_of(config(upstreams=f"backend: {{servers: {servers}}}"))
    assert found == [f"upstreams.backend.{problem}" for problem in problems]


def test_server_of_two_upstreams() -> None:
    """One machine may serve several upstreams."""
    other = "{name: other, path: /other, upstream: other}"
    assert problems_of(config(ROUTE, other, upstreams=f"{UPSTREAM}\n  other: http://127.0.0.1:9000")) == []


def test_tls_of_servers_that_differ() -> None:
    """One problem says that they do."""
    upstream = "backend: {servers: ['http://h', 'https://h'], tls: {}}"
    assert len(problems_of(config(upstreams=upstream))) == 1


def test_server_that_does_not_fit_has_its_place() -> None:
    """It is told at its own line and column."""
    text = config(upstreams="backend: {servers: ['http://h',\n    'https://h']}")
    (problem,) = error_of(text).problems
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("'https://h'")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "can't be read: No such file"), ("no certificate", "holds no certificate in PEM form")],
    ids=["missing", "text"],
)
def test_unusable_authority_is_found(tmp_path: Path, content: str | None, said: str) -> None:
    """The file of authorities must be there and hold some."""
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    problems = problems_of(_upstream("tls: {ca: ca.pem}"), source=tmp_path / "t.yaml")
    assert len(problems) == 1
    assert problems[0].startswith("upstreams.backend.tls.ca: names a file")
    assert said in problems[0]


def test_authority_is_found_beside_the_file(tmp_path: Path) -> None:
    """A relative file name starts in the folder of the configuration."""
    (tmp_path / "ca.pem").write_text(AUTHORITY)
    settings = settings_of(_upstream("tls: {ca: ca.pem}"), source=tmp_path / "t.yaml")
    assert settings.upstreams[0].tls.ca == tmp_path / "ca.pem"
