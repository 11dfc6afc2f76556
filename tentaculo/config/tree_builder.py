"""Builds the tree from parsing events without recursion: aliases, merges, and what YAML lets pass.

Knows PyYAML's events and nothing of what the keys mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import yaml

from tentaculo.config.environment import restore_references
from tentaculo.config.problems import START, ConfigError, Mark, Problem, YamlPath, show_path
from tentaculo.config.tree import Entry, MappingNode, Node, ScalarNode, SequenceNode

DEEPEST = 50
MOST_REPEATED = 100_000

_KINDS = ("str", "int", "float", "bool", "null", "seq", "map")
_TAGS = frozenset({None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)})
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})


class _Size(NamedTuple):
    """What aliases make of a node when each is replaced by its copy."""

    weight: int = 1
    height: int = 1


_LEAF = _Size()


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is still open; of a mapping, keys and values take turns in `children`."""

    mark: Mark
    mapping: bool
    anchor: str | None
    children: list[Node] = field(default_factory=list)
    weight: int = 1
    height: int = 1

    @property
    def step(self) -> str | int:
        """What leads to the child that comes next."""
        if not self.mapping:
            return len(self.children)
        key = self.children[-1] if len(self.children) % 2 else None
        return key.text if isinstance(key, ScalarNode) else "?"


class TreeBuilder:
    """Takes a document's events one by one; afterwards `root` is its tree, None without one."""

    def __init__(self, source: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._source = source
        self._documents = 0
        self._nodes = 0
        self._frames: list[_Frame] = []
        # None while the anchor's node is still open.
        self._anchors: dict[str, tuple[Node, _Size] | None] = {}

    def take(self, event: yaml.Event) -> None:
        """Take one event; raises ConfigError where going on makes no sense."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._open(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event)

    def _start_document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._give_up(_mark(event), "the file holds more than one YAML document")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        plain = not event.style and event.tag not in _TEXT_TAGS
        node = ScalarNode(_mark(event), restore_references(event.value), plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = node, _LEAF
        self._add(node, _LEAF)

    def _open(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        self._check_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._frames.append(_Frame(_mark(event), isinstance(event, yaml.MappingStartEvent), event.anchor))
        self._check_depth(_mark(event), len(self._frames))

    def _close(self) -> None:
        frame = self._frames.pop()
        node: Node
        if frame.mapping:
            node = MappingNode(frame.mark, self._entries(frame))
        else:
            node = SequenceNode(frame.mark, tuple(frame.children))
        size = _Size(frame.weight, frame.height)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = node, size
        self._add(node, size)

    def _alias(self, event: yaml.AliasEvent) -> None:
        mark = _mark(event)
        if event.anchor not in self._anchors:
            self._give_up(mark, "this alias has no anchor before it; quote text that begins with *")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._give_up(mark, "this alias stands inside its own anchor")
        self._add(*anchored)

    def _add(self, node: Node, size: _Size) -> None:
        self._nodes += 1
        if not self._frames:
            self.root = node
            return
        frame = self._frames[-1]
        frame.children.append(node)
        frame.weight += size.weight
        frame.height = max(frame.height, 1 + size.height)
        self._check_depth(frame.mark, frame.height)
        if frame.weight > self._nodes + MOST_REPEATED:
            self._give_up(frame.mark, "aliases repeat too much of the file")

    def _check_depth(self, mark: Mark, depth: int) -> None:
        if depth > DEEPEST:
            self._give_up(mark, f"lists and mappings are nested deeper than {DEEPEST} levels")

    def _entries(self, frame: _Frame) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merges: list[Node] = []
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if not isinstance(key, ScalarNode) or key.value is None:
                self._report(key.mark, "a key must be text")
            elif key.plain and key.text == "<<":
                merges.append(value)
            elif key.text in entries:
                self._report(key.mark, "this key was given before, in the same mapping", key.text)
            else:
                entries[key.text] = Entry(key.mark, value)
        for value in merges:
            self._merge(entries, value)
        return entries

    def _merge(self, entries: dict[str, Entry], value: Node) -> None:
        for part in value.items if isinstance(value, SequenceNode) else (value,):
            if isinstance(part, MappingNode):
                for key, entry in part.entries.items():
                    entries.setdefault(key, entry)
            else:
                self._report(part.mark, "only mappings can be merged with <<", "<<")

    def _check_tag(self, event: yaml.NodeEvent) -> None:
        if getattr(event, "tag", None) not in _TAGS:
            self._report(_mark(event), "YAML tags are not supported; quote text that begins with !")

    def _report(self, mark: Mark, message: str, *steps: str) -> None:
        path: YamlPath = (*(frame.step for frame in self._frames), *steps)
        self.problems.append(Problem(self._source, mark.line, mark.column, show_path(path), message))

    def _give_up(self, mark: Mark, message: str) -> NoReturn:
        self._report(mark, message)
        raise ConfigError(self.problems)


def _mark(event: yaml.Event) -> Mark:
    place = event.start_mark
    return START if place is None else Mark(place.line + 1, place.column + 1)
