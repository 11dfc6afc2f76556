"""The route table: finds the route of a request, whatever the order of the routes.

Host decides before path, path before method.  Of paths the most specific decides, segment by
segment from the left: a literal, then `{name}`, then `/*`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from tentaculo.errors import MethodNotAllowed, RouteNotFound
from tentaculo.routing.explanation import Explanation, Question, explain
from tentaculo.routing.pattern import ONE, REST, Entry, Pattern, compile_entry, group_entries, host_keys
from tentaculo.wire.target import fold_path

T = TypeVar("T")


class RouteTable(Generic[T]):
    """Finds the value of the route that a request matches.

    The cost of a look-up grows with the segments of the path, not with the number of routes.
    """

    def __init__(self, entries: Iterable[tuple[str, Pattern, T]]) -> None:
        """Compile (name, pattern, value); raises ValueError for a pattern with a fault."""
        self._entries = tuple(compile_entry(*entry) for entry in entries)
        self._anywhere = _PathTable[T]()
        self._by_host: dict[str, _PathTable[T]] = {}
        for group in group_entries(self._entries).values():
            self._table_of(group[0].host).add(_Choice(group))

    def match(self, host: str, path: str, method: str) -> T:
        """Return the value for a host as `check_host` spells it and a path as `parse_target` does.

        Raises RouteNotFound, or MethodNotAllowed where the most specific host and path have no route
        for the method: less specific ones are not tried then, so that no method leads around a
        narrow route into a broader one.  `Allow` holds what that host and path take.
        """
        choice = self._decide(host, path)
        if choice is None:
            raise RouteNotFound("no route has this host and path")
        entry = choice.take(method)
        if entry is None:
            raise MethodNotAllowed("the route does not take this method", headers=(("Allow", choice.allow),))
        return entry.value

    def explain(self, host: str, path: str, method: str) -> Explanation:
        """Return what `match` decides and why; takes time in proportion to the number of routes."""
        segments = fold_path(path).split("/")[1:]
        rivals = (entry for entry in self._entries if entry.covers(segments))
        choice = self._decide(host, path)
        winner = None if choice is None else choice.take(method)
        decider = winner if winner is not None or choice is None else choice.first
        question = Question(host, method, "" if choice is None else choice.allow)
        return explain(question, sorted(rivals, key=Entry.specificity), winner, decider)

    def _decide(self, host: str, path: str) -> _Choice[T] | None:
        folded = fold_path(path)
        if self._by_host:
            for key in host_keys(host):
                table = self._by_host.get(key)
                if table is not None and (choice := table.find(folded)) is not None:
                    return choice
        return self._anywhere.find(folded)

    def _table_of(self, host: str | None) -> _PathTable[T]:
        return self._anywhere if host is None else self._by_host.setdefault(host, _PathTable())


class _Choice(Generic[T]):
    """The routes of one host and path; they differ by methods alone."""

    __slots__ = ("_by_method", "_otherwise", "allow", "first")

    def __init__(self, group: list[Entry[T]]) -> None:
        self.first = group[0]
        self._by_method: dict[str, Entry[T]] = {}
        self._otherwise: Entry[T] | None = None
        for entry in reversed(group):  # of equals, which the configuration refuses, the first stays
            if entry.pattern.methods is None:
                self._otherwise = entry
            else:
                self._by_method |= dict.fromkeys(entry.pattern.methods, entry)
        if "GET" in self._by_method:
            self._by_method.setdefault("HEAD", self._by_method["GET"])
        self.allow = ", ".join(sorted(self._by_method))

    def take(self, method: str) -> Entry[T] | None:
        return self._by_method.get(method, self._otherwise)


class _Node(Generic[T]):
    """A place in the trie of paths that are not exact."""

    __slots__ = ("children", "choice")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.choice: _Choice[T] | None = None


class _PathTable(Generic[T]):
    """The paths of one host."""

    __slots__ = ("_exact", "_root")

    def __init__(self) -> None:
        self._exact: dict[str, _Choice[T]] = {}
        self._root = _Node[T]()

    def add(self, choice: _Choice[T]) -> None:
        shape = choice.first.shape
        if choice.first.exact:
            self._exact["/" + "/".join(shape)] = choice
            return
        node = self._root
        for key in shape:
            node = node.children.setdefault(key, _Node())
        node.choice = choice

    def find(self, path: str) -> _Choice[T] | None:
        """Return the routes of the most specific path that matches."""
        # An exact path is literal throughout, so nothing in the trie is more specific.
        return self._exact.get(path) or self._walk(path.split("/"))

    def _walk(self, segments: list[str]) -> _Choice[T] | None:
        # While no `{name}` stands on the way there is but one way, and the last `/*` passed to fall back on.
        node, rest = self._root, None
        for segment in segments[1:]:
            children = node.children
            if ONE in children:
                return self._walk_all(segments)
            if (beneath := children.get(REST)) is not None:
                rest = beneath.choice
            if (literal := children.get(segment)) is None:
                return rest
            node = literal
        return node.choice or rest

    def _walk_all(self, segments: list[str]) -> _Choice[T] | None:
        # Depth first; the way pushed last is the most specific and is gone first.
        end = len(segments)
        ways = [(self._root, 1)]
        while ways:
            node, at = ways.pop()
            if at == end:
                if node.choice is not None:
                    return node.choice
                continue
            children, segment = node.children, segments[at]
            if (rest := children.get(REST)) is not None:
                ways.append((rest, end))
            if segment and (one := children.get(ONE)) is not None:
                ways.append((one, at + 1))
            if (literal := children.get(segment)) is not None:
                ways.append((literal, at + 1))
        return None
