"""Ephemeral tokens stand on the routes that take them, and their options go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding
from tentaculo.config.section import given
from tentaculo.config.settings import Access, Carry, EphemeralTokenSettings, Reuse, Unavailable
from tentaculo.config.stream_models import EphemeralTokenSection
from tentaculo.wire.sanitize import Sanitizer

_KEY = "ephemeral_token"
_RESUMING = "last_event_id"  # a parameter of every stream, matched as it is written
_DEFAULTS = EphemeralTokenSettings(issue_path="/")
_ONLY_WITH = {
    "parameter": Carry.QUERY,
    "max_streams_per_token": Carry.COOKIE,
    "same_site": Carry.COOKIE,
}


def ephemeral_token_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with the ephemeral tokens of routes one by one."""
    logged = Sanitizer(draft.file.log.sanitize if draft.file.log else ())
    for route in draft.routes:
        if not draft.is_clear(*route.path, "access"):
            continue
        section = route.section.ephemeral_token
        if route.access is Access.EPHEMERAL_TOKEN and section is not None:
            yield from _options(draft, route, section)
            yield from _parameter(draft, route, section, logged)
        else:
            yield from _misplaced(draft, route)
        yield from _unavailable(route)


def with_defaults(section: EphemeralTokenSection) -> EphemeralTokenSettings:
    """Return the settings of a section, whose issue_path may be missing still."""
    return replace(_DEFAULTS, **given(section))


def _misplaced(draft: Draft, route: RouteDraft) -> Iterator[Finding]:
    path = (*route.path, _KEY)
    if route.section.ephemeral_token is not None:
        yield Finding(path, f"is for routes with access {Access.EPHEMERAL_TOKEN} only", at_key=True)
    elif route.access is Access.EPHEMERAL_TOKEN and draft.is_clear(*path):
        message = (
            f"with access {route.access} issue_path is required, "
            'so the route must hold "ephemeral_token: {issue_path: /...}"'
        )
        yield Finding((*route.path, "access"), message)


def _options(draft: Draft, route: RouteDraft, section: EphemeralTokenSection) -> Iterator[Finding]:
    path, settings = (*route.path, _KEY), with_defaults(section)
    if draft.is_clear(*path, "ttl") and settings.resume_max_age < settings.ttl:
        yield Finding((*path, "resume_max_age"), "must be as long as ttl at least")
    if not draft.is_clear(*path, "carry"):
        return
    for key, carry in _ONLY_WITH.items():
        if getattr(section, key) is not None and settings.carry is not carry:
            yield Finding((*path, key), f"is for carry: {carry} only", at_key=True)
    if settings.principal_in_query and settings.carry is not Carry.QUERY:
        yield Finding((*path, "principal_in_query"), f"can be allowed with carry: {Carry.QUERY} only")


def _parameter(
    draft: Draft, route: RouteDraft, section: EphemeralTokenSection, logged: Sanitizer
) -> Iterator[Finding]:
    name, path = section.parameter, (*route.path, _KEY, "parameter")
    if name == _RESUMING:
        yield Finding(path, f"must not be {_RESUMING}, which tells from where a stream is resumed")
        return
    if name is None or logged.is_secret_name(name) or not draft.is_clear("log", "sanitize"):
        return
    message = "the log would show the value of a parameter with this name: add it to log.sanitize"
    yield Finding(path, message)


def _unavailable(route: RouteDraft) -> Iterator[Finding]:
    stream, token = route.section.stream, route.section.ephemeral_token
    if stream is None or stream.unavailable is not Unavailable.RETRY:
        return
    reuse = (token and token.reuse) or _DEFAULTS.reuse
    if route.access is not Access.EPHEMERAL_TOKEN or reuse is not Reuse.RESUME:
        message = f"retry is for access {Access.EPHEMERAL_TOKEN} with reuse: {Reuse.RESUME} only"
        yield Finding((*route.path, "stream", "unavailable"), message)
