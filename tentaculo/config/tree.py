"""The file as a tree of nodes, each with its place; it holds text only and guesses no types.

Aliases share their node, so the tree is a graph without cycles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tentaculo.config.problems import Mark, YamlPath

Data = str | list["Data"] | dict[str, "Data"] | None

_NULL = re.compile(r"(?:~|null|Null|NULL)?").fullmatch


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A leaf; `plain` is unquoted, `substituted` came in part from the environment."""

    mark: Mark
    text: str
    plain: bool
    substituted: bool = False

    @property
    def value(self) -> str | None:
        """The text, None for an unquoted null."""
        return None if self.plain and _NULL(self.text) else self.text


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with the place of its key."""

    mark: Mark
    value: Node


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Values by their keys."""

    mark: Mark
    entries: Mapping[str, Entry]


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file, by its root mapping."""

    root: MappingNode

    def find(self, path: YamlPath) -> tuple[Entry, int]:
        """Return the deepest node on the way down a path, and how many of its steps lead there."""
        found = Entry(self.root.mark, self.root)
        for depth, step in enumerate(path):
            below = _step(found.value, step)
            if below is None:
                return found, depth
            found = below
        return found, len(path)

    def locate(self, path: YamlPath, *, at_key: bool = False) -> Mark:
        """Return the place of a path's value or key, or of the deepest node on the way that there is."""
        found, depth = self.find(path)
        return found.mark if at_key and depth == len(path) else found.value.mark

    def shorten(self, path: YamlPath) -> YamlPath:
        """Return a path without the indexes behind its last node, such as those of a list's short form."""
        depth = self.find(path)[1]
        return path[:depth] if depth < len(path) and isinstance(path[depth], int) else path

    def says_null(self, path: YamlPath) -> bool:
        """Whether a path's value is null in so many words; an empty value is no word."""
        found, depth = self.find(path)
        node = found.value
        return depth == len(path) and isinstance(node, ScalarNode) and node.value is None and node.text != ""

    def quote(self, path: YamlPath) -> str:
        """Return the text at a path in quotes, unless it came from the environment."""
        node = self.find(path)[0].value
        if isinstance(node, ScalarNode) and not node.substituted:
            return f'"{node.text}"'
        return "(a value from the environment)"


def to_data(node: Node) -> Data:
    """Return a node as plain data with nothing shared; its leaves are text or None."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [to_data(item) for item in node.items]
    return {key: to_data(entry.value) for key, entry in node.entries.items()}


def _step(node: Node, step: str | int) -> Entry | None:
    if isinstance(node, MappingNode):
        return node.entries.get(str(step))
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
        return Entry(node.items[step].mark, node.items[step])
    return None
