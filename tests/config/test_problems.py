"""Problems as they are shown."""

from __future__ import annotations

import pytest

from tentaculo.config.problems import ConfigError, Problem, YamlPath, show_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("routes", 2, "upstream"), "routes[2].upstream"),
        (("upstreams", "reports-1", "tls"), "upstreams.reports-1.tls"),
        (("upstreams", "a b"), 'upstreams."a b"'),
    ],
    ids=["root", "index", "name", "odd-name"],
)
def test_path_is_shown_as_users_write_it(path: YamlPath, shown: str) -> None:
    """A path reads as keys with dots and indexes in brackets."""
    assert show_path(path) == shown


def test_problem_names_file_line_column_and_path() -> None:
    """A problem is one line that an editor can jump to."""
    problem = Problem("config/tentaculo.yaml", 12, 9, "routes[2].upstream", "there is no upstream")
    assert str(problem) == "config/tentaculo.yaml:12:9: routes[2].upstream: there is no upstream"


def test_problem_of_the_whole_file_has_no_path() -> None:
    """Without a path the message follows the place."""
    assert str(Problem("a.yaml", 1, 1, "", "the file is empty")) == "a.yaml:1:1: the file is empty"


def test_error_holds_its_problems_sorted_by_place_and_once() -> None:
    """Problems come in the order of the file, and equal ones are one."""
    late, early, same_line = (Problem("f", *place, "p", "m") for place in ((9, 1), (2, 5), (2, 30)))
    error = ConfigError([late, same_line, early, early])
    assert error.problems == (early, same_line, late)
    assert str(error).splitlines() == [str(early), str(same_line), str(late)]
