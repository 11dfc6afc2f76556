"""The whole way from a file to settings or problems."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

import pytest

from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tests.config.files import PRINCIPAL, ROUTE, SOURCE, UPSTREAM, config, error_of, problems_of, settings_of

SECRET = "Hunter2-9f8e7d6c5b4a"

TEN_MISTAKES = """\
listen: 127.0.0.1:8000
admin: 127.0.0.1:8000
limits: {body: 12MB}
principals:
  - name: ui
    token: short
upstreams:
  backend: {servers: [ftp://127.0.0.1]}
  unused: http://127.0.0.1
  backend: http://127.0.0.1:9000
routes:
  - name: one
    path: /one//two
    upstream: bakcend
  - name: two
    path: /two
    upstream: backend
    metods: [GET]
    cors: {origins: []}
"""
TEN_PLACES = [
    (2, 8, "admin"),
    (3, 16, "limits.body"),
    (6, 12, "principals[0].token"),
    (8, 23, "upstreams.backend.servers[0]"),
    (9, 3, "upstreams.unused"),
    (10, 3, "upstreams.backend"),
    (13, 11, "routes[0].path"),
    (14, 15, "routes[0].upstream"),
    (18, 5, "routes[1].metods"),
    (19, 5, "routes[1].cors"),
]


def test_ten_mistakes_are_ten_problems_in_their_places() -> None:
    """All problems come at once, in the order of the file."""
    problems = error_of(TEN_MISTAKES).problems
    assert [(problem.line, problem.column, problem.path) for problem in problems] == TEN_PLACES
    assert {problem.source for problem in problems} == {str(SOURCE)}


def test_problem_is_where_an_editor_finds_it() -> None:
    """Line and column point at the text that is wrong."""
    lines = TEN_MISTAKES.splitlines()
    texts = [lines[line - 1][column - 1 :] for line, column, _ in TEN_PLACES]
    starts = [
        "127.0.0.1:8000",
        "12MB",
        "short",
        "ftp:",
        "unused",
        "backend",
        "/one//two",
        "bakcend",
        "metods",
        "cors",
    ]
    assert [text.startswith(start) for text, start in zip(texts, starts, strict=True)] == [True] * 10


def test_file_is_loaded_with_the_environment_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an environment given, references are filled in from the process's own."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(config(top="health_path: /${ALIVE}\n"))
    monkeypatch.setenv("ALIVE", "alive")
    assert load(path).health_path == "/alive"
    assert load(path, {"ALIVE": "here"}).health_path == "/here"
    monkeypatch.delenv("ALIVE")
    with pytest.raises(ConfigError, match="ALIVE is not set"):
        load(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, ":1:1: the file can't be read: No such file or directory"),
        (b"a: 1\nbc: \xff\n", ":2:5: the file is not UTF-8 text"),
        (b"\xff\xfea\0", ":1:1: the file is not UTF-8 text"),
        (b"", ":1:1: the file is empty"),
    ],
    ids=["missing", "latin-1", "utf-16", "empty"],
)
def test_unreadable_file_is_a_problem(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """What is no text file is one problem too."""
    path = tmp_path / "tentaculo.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}{problem}"
    assert caught.value.__context__ is None


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    """A file of an editor that writes a byte order mark is read."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(config(), encoding="utf-8-sig")
    assert load(path, {}) == settings_of(config())


@pytest.mark.parametrize("value", ["true", "1", "yes", "on", "True"])
def test_switch_from_the_environment_is_on(value: str) -> None:
    """A substituted scalar is read by its field, so 1 and 0 work as well as true and false."""
    route = "{name: a, path: /a, upstream: backend, enabled: '${ON:-true}'}"
    assert settings_of(config(route), {"ON": value}).routes[0].enabled


@pytest.mark.parametrize("value", ["false", "0", "no", "off"])
def test_switch_from_the_environment_is_off(value: str) -> None:
    """The same for off; what is neither is a problem."""
    route = "{name: a, path: /a, upstream: backend, enabled: ${ON:-true}}"
    assert not settings_of(config(route), {"ON": value}).routes[0].enabled
    assert problems_of(config(route), {"ON": "2"}) == ["routes[0].enabled: must be true or false"]


def test_token_of_digits_keeps_them() -> None:
    """A token that looks like a number is still its text."""
    principal = "- {name: ui, token: ${T}}"
    numeric = settings_of(config(principals=principal), {"T": "0123456789012"})
    quoted = settings_of(config(principals="- {name: ui, token: '0123456789012'}"))
    assert numeric.principals == quoted.principals


# Every place of a file that can hold text, with the secret in it; one at a time.
PLANTED = {
    "token": (config(principals=f"- {{name: ui, tokn: {SECRET}}}"), {}),
    "short-token": (config(principals=f"- {{name: ui, token: [{SECRET}, {SECRET}, x]}}"), {}),
    "shared-token": (
        config(principals=f"- {{name: a, token: {SECRET}}}\n  - {{name: b, token: {SECRET}}}"),
        {},
    ),
    "digest": (config(principals=f"- {{name: ui, token_sha256: {SECRET}}}"), {}),
    "file": (config(principals=f"- {{name: ui, token_file: /{SECRET}}}"), {}),
    "key": (config(principals=f"- {{name: ui, token:{SECRET}}}"), {}),
    "bare-key": (config(principals=f"- {{name: ui, {SECRET}}}"), {}),
    "item": (config(principals=f"- {SECRET}"), {}),
    "name": (config(principals=f"- {{name: '{SECRET}!', token: {SECRET}}}"), {}),
    "userinfo": (config(upstreams=f"backend: http://user:{SECRET}@h"), {}),
    "query": (config(upstreams=f"backend: http://h?token={SECRET}"), {}),
    "credential": (
        config(upstreams=f"backend: {{servers: ['http://h'], credential: {{value: {SECRET}}}}}"),
        {},
    ),
    "credential-lines": (
        config(
            upstreams=f'backend: {{servers: ["http://h"], credential: {{header: A, value: "{SECRET}\\n"}}}}'
        ),
        {},
    ),
    "header": (
        config(f'{{name: a, path: /a, upstream: backend, request_headers: {{set: {{A: "{SECRET}\\n"}}}}}}'),
        {},
    ),
    "header-name": (
        config("{name: a, path: /a, upstream: backend, request_headers: {remove: ['${S} x']}}"),
        {"S": SECRET},
    ),
    "path": (config(f"{{name: a, path: '{SECRET}', upstream: backend}}"), {}),
    "syntax": (config(top=f"a: b: {SECRET}\n"), {}),
    "quote": (config(top=f'a: "{SECRET}\n'), {}),
    "anchor": (config(top=f"a: *{SECRET}\n"), {}),
    "tag": (config(top=f"a: !{SECRET} x\n"), {}),
    "escape": (config(top=f'a: "\\z{SECRET}"\n'), {}),
    "default": (config(top=f"admin: ${{X:-{SECRET}}}\n"), {}),
    "broken-reference": (config(top=f"admin: '${{X-{SECRET}'\n"), {}),
    **{
        f"environment-{key}": (config(top=f"{key}: ${{S}}\n"), {"S": SECRET})
        for key in ("listen", "admin", "health_path", "limits", "log", "trusted_peers", "drain")
    },
    "environment-upstream": (config(ROUTE, "{name: b, path: /b, upstream: '${S}'}"), {"S": SECRET}),
    "environment-names": (
        config("{name: '${S}', path: /a, upstream: backend}", "{name: '${S}', path: /b, upstream: backend}"),
        {"S": SECRET},
    ),
    "environment-access": (config("{name: a, path: /a, upstream: backend, access: '${S}'}"), {"S": SECRET}),
    "environment-glob": (
        config(ROUTE, principals="- {name: ui, token: token-of-the-ui, routes: ['${S}', '*']}"),
        {"S": SECRET},
    ),
}


@pytest.mark.parametrize(("text", "environ"), PLANTED.values(), ids=PLANTED)
def test_planted_secret_never_shows(text: str, environ: dict[str, str]) -> None:
    """A secret in any place of a bad file is in no problem, no repr and no traceback."""
    error = error_of(text, environ)
    frames = traceback.TracebackException.from_exception(error)
    shown = [str(error), repr(error), repr(error.problems), repr(error.args), "".join(frames.format())]
    assert error.problems
    assert not [text for text in shown if SECRET in text]
    assert error.__context__ is None


def test_secret_of_a_good_file_is_in_no_repr() -> None:
    """Settings can be printed."""
    upstream = "backend: {servers: ['http://h'], credential: {header: A, value: '${S}'}}"
    settings = settings_of(config(principals="- {name: ui, token: ${S}}", upstreams=upstream), {"S": SECRET})
    assert SECRET not in repr(settings)
    credential = settings.upstreams[0].credential
    assert credential is not None
    assert credential.value.reveal() == SECRET


def _many_routes(count: int, upstream: str) -> str:
    routes = (
        f"{{name: route-{n}, path: '/v{n % 7}/thing{n}/{{id}}/*', methods: [GET], upstream: {upstream}}}"
        for n in range(count)
    )
    return config(*routes)


@pytest.mark.slow
@pytest.mark.parametrize("upstream", ["backend", "bakcend"], ids=["good", "bad"])
def test_ten_thousand_routes_load_in_seconds(upstream: str) -> None:
    """No check is quadratic: four times the routes take about four times the time."""
    durations = []
    for count in (2_500, 10_000):
        text = _many_routes(count, upstream)
        started = time.process_time()
        problems = problems_of(text)
        durations.append(time.process_time() - started)
        assert len(problems) == (0 if upstream == "backend" else count + 1)
    assert durations[1] < 8 * durations[0]


def test_rest_of_a_file_with_aliases_is_checked_apart() -> None:
    """What is left out at one place of an alias stays at the others."""
    text = f"""\
principals: [{PRINCIPAL.removeprefix("- ")}]
upstreams: {{{UPSTREAM}}}
routes:
  - &base {{name: one, path: /one, upstream: backend, bad: 1}}
  - {{<<: *base, name: two, path: /two}}
"""
    assert [problem.path for problem in error_of(text).problems] == ["routes[0].bad", "routes[1].bad"]
