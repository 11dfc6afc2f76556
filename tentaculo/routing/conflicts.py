"""Routes that stand in each other's way: equally specific ones, and ones that nothing reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from tentaculo.routing.pattern import (
    ONE,
    REST,
    Entry,
    Pattern,
    Shape,
    compile_entry,
    find_fault,
    group_entries,
)


def find_conflicts(entries: Iterable[tuple[str, Pattern]]) -> list[tuple[str, str, str]]:
    """Return (kind, first name, second name) for each two routes in conflict.

    "ambiguous": same host and path (whatever the names in braces), and a method in common or both
    without methods.  "unreachable": the second ends in `/*`, and more specific routes take whatever
    is beneath: nothing, one segment, and more.  An empty segment in the middle of a path is left out
    of account, so drop that finding for a route that admits "//".  Patterns with a fault take no part.
    """
    sound = [(name, pattern) for name, pattern in entries if find_fault(pattern) is None]
    groups = group_entries(compile_entry(name, pattern, None) for name, pattern in sound)
    conflicts: list[tuple[str, str, str]] = []
    for (host, shape), group in groups.items():
        conflicts += _ambiguous(group)
        prefix = shape[:-1]
        if shape[-1] == REST and _all_taken(groups.keys(), host, prefix):
            taker = groups[host, (*prefix, ONE)][0]
            conflicts += [("unreachable", taker.name, entry.name) for entry in group]
    return conflicts


def _ambiguous(group: list[Entry[None]]) -> Iterator[tuple[str, str, str]]:
    takers: dict[str | None, str] = {}
    for entry in group:
        methods = [None] if entry.pattern.methods is None else sorted(entry.pattern.methods)
        for first in dict.fromkeys(takers[method] for method in methods if method in takers):
            yield "ambiguous", first, entry.name
        for method in methods:
            takers.setdefault(method, entry.name)


def _all_taken(shapes: Collection[tuple[str | None, Shape]], host: str | None, prefix: Shape) -> bool:
    one = (*prefix, ONE)
    if (host, (*prefix, "")) not in shapes or (host, one) not in shapes:
        return False
    return (host, (*one, REST)) in shapes or _all_taken(shapes, host, one)
