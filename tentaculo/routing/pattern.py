"""What a route matches: its pattern, compiled to a host and a shape that can be compared.

A shape is a path as the keys of its segments.  Literals are kept as `fold_path` spells them; the
keys of `{name}` and `/*` hold a slash, which no literal does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tentaculo.errors import BadRequest, BadTarget
from tentaculo.wire.authority import split_authority
from tentaculo.wire.target import fold_path, spell_path

T = TypeVar("T")
Shape = tuple[str, ...]

ONE = "/{}"
REST = "/*"
_RANKS = {ONE: 1, REST: 2}
_NAME = re.compile(r"\{[A-Za-z_][A-Za-z0-9_-]*\}").fullmatch


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a route matches.

    `path` is exact or ends in `/*`, which stands for everything beneath (`/api/*` takes `/api/` and
    not `/api`); `{name}` stands for one segment that is not empty.  `host` is a host without port,
    or `*.` and a suffix for one or more labels before it.  GET among `methods` admits HEAD.
    """

    path: str
    host: str | None = None
    methods: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A compiled route with the value that a match yields."""

    name: str
    pattern: Pattern
    host: str | None
    shape: Shape
    value: T

    @property
    def exact(self) -> bool:
        """Whether every segment is a literal."""
        return not any(key in _RANKS for key in self.shape)

    def covers(self, segments: list[str]) -> bool:
        """Whether the shape matches a folded path's segments; for explaining, not for matching."""
        if self.shape[-1] == REST:
            fixed = self.shape[:-1]
            fits = len(segments) > len(fixed)
        else:
            fixed = self.shape
            fits = len(segments) == len(fixed)
        pairs = zip(fixed, segments, strict=False)
        return fits and all(key == segment or (key == ONE and segment != "") for key, segment in pairs)

    def specificity(self) -> tuple[int, int, list[int], bool]:
        """Return a key that sorts the more specific of two entries that match first."""
        kind = 2 if self.host is None else int(self.host.startswith("*."))
        ranks = [_RANKS.get(key, 0) for key in self.shape]
        return kind, -len(self.host or ""), ranks, self.pattern.methods is None


def compile_entry(name: str, pattern: Pattern, value: T) -> Entry[T]:
    """Compile a pattern; raises ValueError with a sentence where it has a fault."""
    try:
        host = None if pattern.host is None else _spell_host(pattern.host)
        path = spell_path(pattern.path)
    except (BadTarget, BadRequest) as fault:
        raise ValueError(fault.reason) from None
    shape = tuple(_key_of(segment) for segment in path.split("/")[1:])
    if REST in shape[:-1]:
        raise ValueError("`*` stands only at the end of a path, for everything beneath")
    return Entry(name, pattern, host, shape, value)


def find_fault(pattern: Pattern) -> str | None:
    """Return what is wrong with a pattern by itself, or None."""
    try:
        compile_entry("", pattern, None)
    except ValueError as fault:
        return str(fault)
    return None


def group_entries(entries: Iterable[Entry[T]]) -> dict[tuple[str | None, Shape], list[Entry[T]]]:
    """Gather the entries that differ by methods alone, in their order."""
    groups: dict[tuple[str | None, Shape], list[Entry[T]]] = {}
    for entry in entries:
        groups.setdefault((entry.host, entry.shape), []).append(entry)
    return groups


def host_keys(host: str) -> Iterator[str]:
    """Yield the compiled hosts that match a request's host, the most specific first."""
    yield host
    dot = host.find(".")
    while dot != -1:
        yield f"*{host[dot:]}"
        dot = host.find(".", dot + 1)


def _key_of(segment: str) -> str:
    if segment == "*":
        return REST
    if _NAME(segment) is not None:
        return ONE
    if any(character in segment for character in "*{}"):
        raise ValueError("`*` and `{name}` stand for whole segments; elsewhere write %2A, %7B and %7D")
    return fold_path(segment)


def _spell_host(host: str) -> str:
    prefix = "*." if host.startswith("*.") else ""
    name, port = split_authority(host.removeprefix(prefix))
    if port is not None:
        raise ValueError("a route's host has no port")
    return f"{prefix}{name}"
