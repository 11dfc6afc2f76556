"""Principals can be told apart and may use routes that there are; routes that demand a token have someone."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding
from tentaculo.config.rules.presence import repeated_names
from tentaculo.config.settings import Access

_ALL = "*"
_DEMANDS = {Access.HEADER_TOKEN: "a header token", Access.EPHEMERAL_TOKEN: "an ephemeral token"}


def principal_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with principals and the routes that they may use."""
    principals = draft.file.principals
    names = ((("principals", index, "name"), section.name) for index, section in enumerate(principals))
    yield from repeated_names(draft, names)
    if all(draft.is_clear(*route.path, "name") for route in draft.routes) and draft.is_clear("routes"):
        yield from _globs(draft)


def _globs(draft: Draft) -> Iterator[Finding]:
    matched = _Matched(draft)
    for index, section in enumerate(draft.file.principals):
        for place, glob in enumerate(section.routes or ()):
            if not matched.by(glob):
                yield Finding(("principals", index, "routes", place), "matches no route")
    yield from _closed_routes(draft, matched)


def _closed_routes(draft: Draft, matched: _Matched) -> Iterator[Finding]:
    principals = draft.file.principals
    if not draft.is_clear("principals") or not all(
        draft.is_clear("principals", index, "routes") for index in range(len(principals))
    ):
        return
    checked = [route for route in draft.routes if route.access in _DEMANDS]
    checked = [route for route in checked if draft.is_clear(*route.path, "access")]
    if checked and not principals:
        demand = _DEMANDS[checked[0].access]
        yield Finding(("principals",), f"at least one principal is required, since a route demands {demand}")
        return
    globs = {glob for section in principals for glob in section.routes or (_ALL,)}
    open_names = {name for glob in globs for name in matched.by(glob)}
    for route in checked:
        if route.section.name is not None and route.section.name not in open_names:
            demand = _DEMANDS[route.access]
            yield Finding((*route.path, "name"), f"no principal may use this route, which demands {demand}")


class _Matched:
    """The route names that a glob matches; found once for each glob."""

    def __init__(self, draft: Draft) -> None:
        self._names = frozenset(
            route.section.name for route in draft.routes if route.section.name is not None
        )
        self._found: dict[str, frozenset[str]] = {_ALL: self._names}

    def by(self, glob: str) -> frozenset[str]:
        found = self._found.get(glob)
        if found is None:
            found = frozenset(name for name in self._names if fnmatchcase(name, glob))
            self._found[glob] = found
        return found
