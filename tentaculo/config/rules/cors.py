"""CORS names who may call, and cookies for pages of other sites are for those that it names."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.addresses import EVERY_ORIGIN
from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding
from tentaculo.config.settings import Carry, SameSite


def cors_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with the CORS of routes."""
    for route in draft.routes:
        yield from _every_origin(route)
        yield from _foreign_cookie(draft, route)


def _every_origin(route: RouteDraft) -> Iterator[Finding]:
    cors, path = route.section.cors, (*route.path, "cors")
    origins = (cors and cors.origins) or []
    if cors is None or EVERY_ORIGIN not in origins:
        return
    if len(origins) > 1:
        place = (*path, "origins", origins.index(EVERY_ORIGIN))
        yield Finding(place, '"*" stands for every origin, so it must stand alone')
    if cors.credentials:
        yield Finding((*path, "credentials"), 'must be false where the origin is "*": name the origins')


def _foreign_cookie(draft: Draft, route: RouteDraft) -> Iterator[Finding]:
    token, cors, path = route.section.ephemeral_token, route.section.cors, (*route.path, "cors")
    if token is None or token.carry is not Carry.COOKIE or token.same_site is not SameSite.NONE:
        return
    if not (cors and cors.credentials) and draft.is_clear(*path, "credentials"):
        message = 'none is for pages of other sites, so the route must hold cors with "credentials: true"'
        yield Finding((*route.path, "ephemeral_token", "same_site"), message)
