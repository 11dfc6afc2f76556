"""Paths that the gateway itself answers."""

from __future__ import annotations

import pytest

from tests.config.files import config, problems_of

HEALTH = "must be another path than health_path, which the gateway answers"
BROWSER = "must not be beneath browser_path, where the gateway answers"
FILE = "health_path: must be another path than that of a file beneath browser_path"


@pytest.mark.parametrize(
    ("top", "path", "problems"),
    [
        ("", "/health", [f"routes[0].path: {HEALTH}"]),
        ("", "/heal%74h", [f"routes[0].path: {HEALTH}"]),
        ("health_path: /a%3Ab\n", "/a:b", [f"routes[0].path: {HEALTH}"]),
        ("health_path: /alive\n", "/health", []),
        ("health_path: nowhere\n", "/health", ['health_path: must begin with "/"']),
        ("", "/*", []),
        ("", "/{x}", []),
        ("", "/health/*", []),
    ],
    ids=["same", "escaped", "own", "moved", "unclear", "everything", "segment", "beneath"],
)
def test_health_path_is_no_route(top: str, path: str, problems: list[str]) -> None:
    """A route at the health path would never be asked; broader ones just leave that path out."""
    assert problems_of(config(f"{{name: a, path: '{path}', upstream: backend}}", top=top)) == problems


BENEATH: dict[str, tuple[str, str, list[str]]] = {
    "file": ("", "/_tentaculo/event-source.js", [BROWSER]),
    "no file": ("", "/_tentaculo/mine", [BROWSER]),
    "all": ("", "/_tentaculo/*", [BROWSER]),
    "segment": ("", "/_tentaculo/{x}", [BROWSER]),
    "deep": ("", "/_tentaculo/a/{x}/*", [BROWSER]),
    "escaped": ("", "/%5Ftentaculo/mine", [BROWSER]),
    "own": ("browser_path: /a%3Ab/c\n", "/a:b/c/d", [BROWSER]),
    "itself": ("", "/_tentaculo", []),
    "beside": ("", "/_tentaculos/*", []),
    "everything": ("", "/*", []),
    "any segment": ("", "/{x}/mine", []),
    "moved": ("browser_path: /own\n", "/_tentaculo/*", []),
    "null": ("browser_path: null\n", "/_tentaculo/*", []),
    "false": ("browser_path: false\n", "/_tentaculo/*", []),
    "nothing said": ("browser_path:\n", "/_tentaculo/*", [BROWSER]),
    "unclear": ("browser_path: x\n", "/_tentaculo/*", []),
}


@pytest.mark.parametrize(("top", "path", "problems"), BENEATH.values(), ids=BENEATH)
def test_nothing_beneath_browser_path_is_a_route(top: str, path: str, problems: list[str]) -> None:
    """Such a route would never be asked, whatever its host; broader ones leave that prefix out."""
    for host in ("", ", host: a.example"):
        text = config(f"{{name: a, path: '{path}', upstream: backend{host}}}", top=top)
        found = [problem for problem in problems_of(text) if not problem.startswith("browser_path: ")]
        assert found == [f"routes[0].path: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("top", "problems"),
    [
        ("health_path: /_tentaculo/health\n", []),
        ("health_path: /_tentaculo/event-source.js\n", [FILE]),
        ("health_path: /own/react.js\nbrowser_path: /own\n", [FILE]),
        ("health_path: /_tentaculo/react.js\nbrowser_path: false\n", []),
        ("health_path: /_tentaculo\n", []),
    ],
    ids=["beneath", "file", "own", "switched-off", "itself"],
)
def test_health_hides_no_file(top: str, problems: list[str]) -> None:
    """The health may be told beneath browser_path too, though not in a file's place."""
    assert problems_of(config(top=top)) == problems
