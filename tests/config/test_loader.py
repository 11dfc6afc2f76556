"""The whole way from a file to settings or problems."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from tentaculo.config.file_marks import mark_of
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tests.config.files import PRINCIPAL, SOURCE, UPSTREAM, config, error_of, problems_of, settings_of
from tests.fakes.cost import calls_made

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
    rate_limit: {rate: 1}
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
    (19, 24, "routes[1].rate_limit.rate"),
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
        "1}",
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


def test_files_are_marked_before_they_are_read(tmp_path: Path) -> None:
    """Whoever writes one while it is read is not missed: its mark is that of before."""
    path, token = tmp_path / "tentaculo.yaml", tmp_path / "token"
    texts = {path: config(principals="- {name: ui, token_file: token}"), token: "token-of-the-ui"}
    for pipe in texts:  # which is read only while someone writes
        os.mkfifo(pipe)
        os.utime(pipe, (0, 0))
    writers = [Thread(target=pipe.write_text, args=(text,)) for pipe, text in texts.items()]
    for writer in writers:
        writer.start()
    files = load(path, {}).files
    for writer in writers:
        writer.join()
    assert [(mark.path, mark.modified_ns) for mark in files] == [(path, 0), (token, 0)]
    assert all(mark_of(pipe).modified_ns for pipe in texts)


def test_files_of_the_environment_are_marked_before_they_are_read(tmp_path: Path) -> None:
    """So are those that stand in for variables, and one that is named in two ways has its first mark."""
    pipe = tmp_path / "token"
    os.mkfifo(pipe)
    os.utime(pipe, (0, 0))
    text = config(principals="- {name: ui, token: '${TOKEN}'}")
    writer = Thread(target=pipe.write_text, args=("token-of-the-ui\n",))
    writer.start()
    settings = settings_of(text, {"TOKEN_FILE": str(pipe)})
    writer.join()
    assert [(mark.path, mark.modified_ns) for mark in settings.files] == [(SOURCE.absolute(), 0), (pipe, 0)]
    assert settings.principals == settings_of(config()).principals
    assert mark_of(pipe).modified_ns


def test_file_with_a_secret_is_known_whatever_is_wrong(tmp_path: Path) -> None:
    """One that is missing is a problem at its scalar, with a mark by which its coming is seen."""
    text = config(
        principals="- {name: ui, token: '${TOKEN}'}",
        upstreams="backend: {servers: ['http://h'], credential: {header: A, value: '${VALUE:-x}'}}",
    )
    file, missing = tmp_path / "value", tmp_path / "missing"
    file.write_text("a value")
    error = error_of(text, {"TOKEN_FILE": str(missing), "VALUE_FILE": str(file)})
    told = "the environment variable TOKEN_FILE names a file that can't be read: No such file or directory"
    assert [(problem.line, problem.path, problem.message) for problem in error.problems] == [
        (2, "principals[0].token", told)
    ]
    assert [mark.path for mark in error.files] == [SOURCE.absolute(), missing, file]
    assert [mark == mark_of(mark.path) for mark in error.files] == [True] * 3


def test_token_from_a_file_is_the_text_of_token_file(tmp_path: Path) -> None:
    """Both ways to give it mean the same token, and its file is known once."""
    file = tmp_path / "token"
    file.write_text("token-of-the-file\r\n")
    ways = ("{name: ui, token: '${TOKEN}'}", f"{{name: ui, token_file: {file}}}")
    found = [settings_of(config(principals=f"- {way}"), {"TOKEN_FILE": str(file)}) for way in ways]
    assert found[0].principals == found[1].principals
    both = f"- {ways[0]}\n  - {ways[1].replace('ui', 'other')}"
    error = error_of(config(principals=both), {"TOKEN_FILE": str(file)})
    assert [problem.path for problem in error.problems] == ["principals[1].token_file"]
    assert [mark.path for mark in error.files] == [SOURCE.absolute(), file]


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
    assert load(path, {}) == settings_of(config(), source=path)


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


def test_mistakes_of_ephemeral_tokens_come_all_at_once() -> None:
    """Problems of leaves, of keys and between sections are told together, each in its place."""
    text = """\
token_store: redis://:Hunter2@h:port
admin: {address: 127.0.0.1:9100, token: short}
principals:
  - {name: ui, token: token-of-the-ui, issue_rate: {rate: 5}}
upstreams: {backend: http://h}
routes:
  - name: events
    path: /events
    upstream: backend
    access: ephemeral-token
    stream: {unavailable: retry, max_age: 4}
    ephemeral_token:
      issue_path: /health
      reuse: once
      parameter: ticket
      max_streams_per_token: 2
      tll: 60s
    cors: {origins: ["*"], credentials: true}
  - {name: more, path: /more, upstream: backend, access: ephemeral-token}
"""
    problems = error_of(text).problems
    assert [(problem.line, problem.column, problem.path) for problem in problems] == [
        (1, 14, "token_store"),
        (2, 41, "admin.token"),
        (4, 59, "principals[0].issue_rate.rate"),
        (11, 27, "routes[0].stream.unavailable"),
        (11, 43, "routes[0].stream.max_age"),
        (13, 19, "routes[0].ephemeral_token.issue_path"),
        (15, 18, "routes[0].ephemeral_token.parameter"),
        (16, 7, "routes[0].ephemeral_token.max_streams_per_token"),
        (17, 7, "routes[0].ephemeral_token.tll"),
        (18, 41, "routes[0].cors.credentials"),
        (19, 58, "routes[1].access"),
        (19, 58, "routes[1].access"),
    ]


def _many_routes(count: int, upstream: str) -> str:
    routes = (
        f"{{name: route-{n}, path: '/v{n % 7}/thing{n}/{{id}}/*', methods: [GET], upstream: {upstream}}}"
        for n in range(count)
    )
    return config(*routes)


@pytest.mark.slow
@pytest.mark.parametrize("upstream", ["backend", "bakcend"], ids=["good", "bad"])
def test_work_grows_with_the_routes_alone(upstream: str) -> None:
    """No check is quadratic: four times the routes take about four times the work."""
    works = []
    for count in (1_000, 4_000):
        text = _many_routes(count, upstream)
        works.append(calls_made(lambda text=text: problems_of(text)))  # type: ignore[misc]
        assert len(problems_of(text)) == (0 if upstream == "backend" else count + 1)
    assert works[1] < 5 * works[0]


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
