"""What could be read of a file, however many problems it has, for the rules to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tentaculo.config.models import FileSection, RouteSection
from tentaculo.config.problems import YamlPath, show_path
from tentaculo.config.settings import BROWSER_PATH, Access
from tentaculo.config.tree import Document


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """A route with its path in the file."""

    path: YamlPath
    section: RouteSection

    @property
    def access(self) -> Access:
        """What the route demands, said or by default."""
        return self.section.access or Access.HEADER_TOKEN


@dataclass(frozen=True, slots=True)
class Draft:
    """The sections, less what is `unclear`: paths that have a problem and were left out.

    `directory` is the configuration file's: relative file names start there.  `workers` is how many
    processes are to serve it.
    """

    file: FileSection
    document: Document
    directory: Path
    unclear: frozenset[YamlPath] = frozenset()
    workers: int = 1

    def is_clear(self, *path: str | int) -> bool:
        """Whether a path was read without a problem; what was not given is clear."""
        return not self.unclear or not any(path[:end] in self.unclear for end in range(1, len(path) + 1))

    def refer(self, path: YamlPath) -> str:
        """Return what a problem calls another place of the file."""
        return f"{show_path(path)} in line {self.document.locate(path).line}"

    @property
    def routes(self) -> Iterator[RouteDraft]:
        """Every route, in the order of the file."""
        for index, section in enumerate(self.file.routes or ()):
            yield RouteDraft(("routes", index), section)

    @property
    def browser_path(self) -> str | None:
        """Where the browser client's files are, said or by default; None where they are switched off."""
        said = self.file.browser_path
        if said is None and not self.document.says_null(("browser_path",)):
            return BROWSER_PATH
        return said or None
