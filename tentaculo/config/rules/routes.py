"""Each route names an upstream that there is, and its access, stream, rate and rewrite go together."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.rules.presence import repeated_fields, repeated_names
from tentaculo.config.settings import Access, RatePer
from tentaculo.wire.target import spell_path

_CHECKED = frozenset({Access.HEADER_TOKEN, Access.EPHEMERAL_TOKEN})
_STREAMS_ONLY = frozenset({Access.UPSTREAM, Access.EPHEMERAL_TOKEN})
_STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_EVERYTHING = "/"


def route_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with routes one by one."""
    yield from repeated_names(draft, (((*route.path, "name"), route.section.name) for route in draft.routes))
    for route in draft.routes:
        yield from _upstream(draft, route)
        yield from _stream(draft, route)
        yield from _rewrite(draft, route)
        yield from _rate_limit(route)
        yield from _headers(route)


def _upstream(draft: Draft, route: RouteDraft) -> Iterator[Finding]:
    name, path = route.section.upstream, (*route.path, "upstream")
    if name is None or draft.file.upstreams is None or not draft.is_clear("upstreams", name):
        return
    upstream = draft.file.upstreams.get(name)
    if upstream is None:
        near = get_close_matches(name, draft.file.upstreams, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        yield Finding(path, f"there is no upstream {draft.document.quote(path)}{hint}")
    elif upstream.credential is not None and route.access not in _CHECKED:
        message = f"has a credential of its own, which a route with access {route.access} must not spend"
        yield Finding(path, message)


def _stream(draft: Draft, route: RouteDraft) -> Iterator[Finding]:
    stream, access = route.section.stream, route.access
    if access in _STREAMS_ONLY:
        if stream is None and draft.is_clear(*route.path, "stream"):
            message = f'access {access} is for event streams only, so the route must hold "stream: {{}}"'
            yield Finding((*route.path, "access"), message)
        yield from _stream_only(route, f"access {access}")
    elif stream is not None and stream.shared:
        yield from _stream_only(route, "shared: true")


def _stream_only(route: RouteDraft, reason: str) -> Iterator[Finding]:
    if not _STREAM_METHODS.issuperset(route.section.methods or ()):
        yield Finding((*route.path, "methods"), f"with {reason} only GET, HEAD and OPTIONS can be taken")
    if route.section.allow_in_path:
        yield Finding((*route.path, "allow_in_path"), f"must be empty with {reason}")


def _rewrite(draft: Draft, route: RouteDraft) -> Iterator[Finding]:
    rewrite, path = route.section.rewrite, (*route.path, "rewrite")
    if rewrite is None or not draft.is_clear(*path, "strip") or not draft.is_clear(*path, "replace"):
        return
    prefixes: list[tuple[str, YamlPath]] = []
    if rewrite.strip is not None:
        prefixes.append((rewrite.strip, (*path, "strip")))
    if rewrite.replace is not None:
        prefixes.append((rewrite.replace[0], (*path, "replace", 0)))
    if len(prefixes) != 1:
        yield Finding(path, "must hold either strip or replace")
        return
    yield from _prefix(route, *prefixes[0])
    if rewrite.strip == _EVERYTHING:
        yield Finding((*path, "strip"), "strips nothing")


def _prefix(route: RouteDraft, prefix: str, path: YamlPath) -> Iterator[Finding]:
    if route.section.path is None:
        return
    whole = spell_path(route.section.path).removesuffix("/*")
    if prefix != _EVERYTHING and not f"{whole}/".startswith(f"{prefix}/"):
        yield Finding(path, "must be the beginning of the route's path, in whole segments")


def _rate_limit(route: RouteDraft) -> Iterator[Finding]:
    limit = route.section.rate_limit
    if limit is not None and limit.per is RatePer.PRINCIPAL and route.access not in _CHECKED:
        message = f"can't be principal with access {route.access}, which knows none"
        yield Finding((*route.path, "rate_limit", "per"), message)


def _headers(route: RouteDraft) -> Iterator[Finding]:
    for key in ("request_headers", "response_headers"):
        edits = getattr(route.section, key)
        if edits is None:
            continue
        path = (*route.path, key)
        yield from repeated_fields((*path, "remove"), edits.remove)
        seen = {name.lower() for name in edits.remove}
        for name in edits.set:
            if name.lower() in seen:
                yield Finding((*path, "set", name), "this header is set or removed already", at_key=True)
            seen.add(name.lower())
