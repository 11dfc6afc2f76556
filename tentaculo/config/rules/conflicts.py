"""No two routes are equally specific, and requests can reach each one."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding
from tentaculo.routing import Pattern, find_conflicts

_EMPTY_SEGMENT = "//"


def conflicting_routes(draft: Draft) -> Iterator[Finding]:
    """Yield the routes that stand in each other's way."""
    routes = list(draft.routes)
    entries = ((str(index), _pattern(route)) for index, route in enumerate(routes) if _is_clear(draft, route))
    for kind, first, second in find_conflicts(entries):
        path = ("routes", int(second), "path")
        other = draft.refer(("routes", int(first)))
        if kind == "ambiguous":
            yield Finding(path, f"is as specific as the path of {other}, so none of the two would win")
        elif _EMPTY_SEGMENT not in routes[int(second)].section.allow_in_path:
            yield Finding(
                path, f"no request would reach this route: {other} and others take all of its paths"
            )


def _is_clear(draft: Draft, route: RouteDraft) -> bool:
    keys = ("path", "host", "methods")
    return route.section.path is not None and all(draft.is_clear(*route.path, key) for key in keys)


def _pattern(route: RouteDraft) -> Pattern:
    section = route.section
    methods = None if section.methods is None else frozenset(section.methods)
    return Pattern(str(section.path), section.host, methods)
