"""The paths that issue tokens are the gateway's own, and routes that share one agree on its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding
from tentaculo.config.rules.ephemeral_tokens import with_defaults
from tentaculo.config.rules.own_paths import own_paths
from tentaculo.config.settings import Access, EphemeralTokenSettings
from tentaculo.config.stream_models import EphemeralTokenSection
from tentaculo.wire.target import fold_path, spell_path

_Place = tuple[str | None, str]

_KEY = "ephemeral_token"
_OPTIONS = tuple(field.name for field in fields(EphemeralTokenSettings) if field.name != "issue_path")


def issue_path_faults(draft: Draft) -> Iterator[Finding]:
    """Yield the issue paths that something else stands at, and routes that don't agree on their tokens."""
    own = own_paths(draft)
    taken = _exact_paths(draft)
    first: dict[_Place, tuple[RouteDraft, EphemeralTokenSection]] = {}
    for route, section, place in _issuers(draft):
        path = (*route.path, _KEY, "issue_path")
        if (fault := own.fault(place[1])) is not None:
            yield Finding(path, fault)
        if place in taken:
            other = "its own route" if taken[place].path == route.path else draft.refer(taken[place].path)
            yield Finding(path, f"must be another path than that of {other}: the gateway answers it itself")
        before, shared = first.setdefault(place, (route, section))
        if before.path != route.path:
            yield from _differences(draft, (before, shared), (route, section))


def _exact_paths(draft: Draft) -> dict[_Place, RouteDraft]:
    found: dict[_Place, RouteDraft] = {}
    for route in draft.routes:
        path = route.section.path
        if path is not None and not any(sign in path for sign in "*{") and _has_clear_host(draft, route):
            found.setdefault((route.section.host, fold_path(spell_path(path))), route)
    return found


def _issuers(draft: Draft) -> Iterator[tuple[RouteDraft, EphemeralTokenSection, _Place]]:
    for route in draft.routes:
        section = route.section.ephemeral_token
        if section is None or section.issue_path is None or route.access is not Access.EPHEMERAL_TOKEN:
            continue
        if _has_clear_host(draft, route):
            yield route, section, (route.section.host, fold_path(section.issue_path))


def _has_clear_host(draft: Draft, route: RouteDraft) -> bool:
    return draft.is_clear(*route.path, "host")


def _differences(
    draft: Draft,
    first: tuple[RouteDraft, EphemeralTokenSection],
    second: tuple[RouteDraft, EphemeralTokenSection],
) -> Iterator[Finding]:
    (before, shared), (route, section) = first, second
    one, other = with_defaults(shared), with_defaults(section)
    if one.issue_path != other.issue_path:
        message = f"is the path of {draft.refer(before.path)} in another spelling: spell it alike"
        yield Finding((*route.path, _KEY, "issue_path"), message)
    keys = [
        key
        for key in _OPTIONS
        if getattr(one, key) != getattr(other, key)
        and all(draft.is_clear(*each.path, _KEY, key) for each in (before, route))
    ]
    if keys:
        message = (
            f"must agree with that of {draft.refer(before.path)}, which has the same issue_path: "
            f"{', '.join(keys)} {'differs' if len(keys) == 1 else 'differ'}"
        )
        yield Finding((*route.path, _KEY), message)
