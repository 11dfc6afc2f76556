"""What the rules look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo.config.draft import Draft
from tentaculo.config.models import FileSection
from tentaculo.config.problems import Mark, YamlPath
from tentaculo.config.settings import Access
from tentaculo.config.tree import Document, MappingNode
from tests.config.files import config, settings_of

DOCUMENT = Document(MappingNode(Mark(1, 1), {}))


def _draft(data: dict[str, object], *unclear: YamlPath) -> Draft:
    return Draft(FileSection.model_validate(data), DOCUMENT, Path(), frozenset(unclear))


@pytest.mark.parametrize(
    ("path", "clear"),
    [
        (("routes",), True),
        (("routes", 0), True),
        (("routes", 1), False),
        (("routes", 1, "path"), False),
        (("routes", 0, "path"), False),
        (("routes", 0, "name"), True),
    ],
)
def test_path_is_clear_unless_it_or_its_holder_was_left_out(path: YamlPath, clear: bool) -> None:
    """What stands in something unclear is unclear too."""
    assert _draft({}, ("routes", 1), ("routes", 0, "path")).is_clear(*path) is clear


def test_everything_is_clear_in_a_file_without_faults() -> None:
    """Nothing left out, nothing unclear."""
    assert _draft({}).is_clear("routes", 0)


def test_other_places_are_named_with_their_line() -> None:
    """A problem can point at another place of the file."""
    assert _draft({}).refer(("routes", 0)) == "routes[0] in line 1"


def test_routes_know_their_place_and_access() -> None:
    """An access that was not given is header-token."""
    draft = _draft({"routes": [{}, {"access": "public"}]})
    assert [(route.path, route.access) for route in draft.routes] == [
        (("routes", 0), Access.HEADER_TOKEN),
        (("routes", 1), Access.PUBLIC),
    ]
    assert list(_draft({}).routes) == []


@pytest.mark.parametrize(
    ("said", "path"),
    [("", "/_tentaculo"), ("/own", "/own"), ("null", None), ("~", None), ("false", None), ('"no"', None)],
    ids=["nothing", "own", "null", "tilde", "false", "no"],
)
def test_place_of_the_browsers_files(said: str, path: str | None) -> None:
    """It has a default, which null and false take away."""
    assert settings_of(config(top=f"browser_path: {said}\n")).browser_path == path
    assert settings_of(config()).browser_path == "/_tentaculo"
