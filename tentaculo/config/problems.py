"""What is wrong with a configuration: problems, each with its place in the file.

Nothing here may hold a value of the file that could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tentaculo.config.file_marks import FileMark

YamlPath = tuple[str | int, ...]

_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*").fullmatch


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file, both counted from 1."""

    line: int
    column: int


START = Mark(1, 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault at a path of the file; `at_key` means its key and not its value.

    `hide_key` keeps a last step that may be a misplaced secret out of the problem; `meant` is the
    path that a misspelt key stands for.
    """

    path: YamlPath
    message: str
    at_key: bool = False
    hide_key: bool = False
    meant: YamlPath | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence that names file, line, column and path; empty `path` is the file as a whole."""

    source: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}: "
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class ConfigError(Exception):
    """A configuration that can't be used; `problems` are all that is wrong, sorted by place.

    `files` are all that it names, as far as it could be read: one of them may be what is wrong.
    """

    def __init__(self, problems: Iterable[Problem], files: Iterable[FileMark] = ()) -> None:
        self.files = tuple(files)
        self.problems = tuple(sorted(set(problems), key=_place))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def show_path(path: YamlPath) -> str:
    """Write a path as `routes[2].upstream`."""
    return "".join(_show_step(step) for step in path).removeprefix(".")


def _show_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _SIMPLE_KEY(step) else f'."{step}"'


def _place(problem: Problem) -> tuple[int, int, str, str]:
    return problem.line, problem.column, problem.path, problem.message
