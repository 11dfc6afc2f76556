"""Options of streams go together, with each other and with their route; draining ends within its cap."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.draft import Draft, RouteDraft
from tentaculo.config.problems import Finding
from tentaculo.config.rules.presence import repeated_fields
from tentaculo.config.settings import Access, DrainSettings, Limits, Settings
from tentaculo.config.stream_models import StreamSection
from tentaculo.wire.headers import Meaning, NameTable, request_names

_DEFAULTS = Settings(principals=(), upstreams=(), routes=())
_NAMELESS = frozenset({Access.UPSTREAM, Access.PUBLIC})
_PART_LIMITS = ("max_streams_per_principal", "max_streams_per_client")
_SENT_BY_GATEWAY = frozenset({"accept-encoding", "last-event-id"})
_OF_BODIES = "content-"
_OF_RESPONSES = "set-cookie"


def stream_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with the streams of routes one by one, and with their end."""
    for route in draft.routes:
        stream = route.section.stream
        if stream is None:
            continue
        yield from _unchecked(route, stream)
        yield from _shared_only(draft, route, stream)
        if stream.shared:
            yield from _own_credential(route)
            yield from _vary(draft, route, stream)
        yield from _limits(draft, route, stream)
    yield from _drain(draft)


def _unchecked(route: RouteDraft, stream: StreamSection) -> Iterator[Finding]:
    if route.access is not Access.UPSTREAM:
        return
    path = (*route.path, "stream")
    if stream.shared:
        message = (
            f"can't be with access {route.access}: the gateway would open the stream with no one checked"
        )
        yield Finding((*path, "shared"), message)
    if stream.replay is not None:
        message = f"can't be with access {route.access}: the gateway would send events with no one checked"
        yield Finding((*path, "replay"), message, at_key=True)


def _shared_only(draft: Draft, route: RouteDraft, stream: StreamSection) -> Iterator[Finding]:
    path = (*route.path, "stream")
    if not stream.shared:
        given = {
            "replay": stream.replay is not None and route.access is not Access.UPSTREAM,
            "vary": bool(stream.vary),
            "assign_ids": stream.assign_ids,
            "slow_client": stream.slow_client is not None,
        }
        for key in (key for key in given if given[key] and draft.is_clear(*path, "shared")):
            yield Finding((*path, key), "is for shared: true only", at_key=True)
        return
    if stream.gather is not None:
        message = "can't be with shared: true, which reads one stream of the upstream for all"
        yield Finding((*path, "gather"), message, at_key=True)
    if stream.assign_ids and stream.replay is None and draft.is_clear(*path, "replay"):
        yield Finding((*path, "assign_ids"), 'needs replay, such as "replay: {}"', at_key=True)


def _own_credential(route: RouteDraft) -> Iterator[Finding]:
    if route.section.forward_credential:
        message = (
            "must be false with shared: true, since the gateway's own credential alone opens a shared stream"
        )
        yield Finding((*route.path, "forward_credential"), message)


def _vary(draft: Draft, route: RouteDraft, stream: StreamSection) -> Iterator[Finding]:
    path = (*route.path, "stream", "vary")
    yield from repeated_fields(path, stream.vary)
    if not all(draft.is_clear(*place, "credential_headers") for place in ((), route.path)):
        return
    names = _request_names(draft, route)
    for index, name in enumerate(stream.vary):
        fault = _vary_fault(draft, route, names, name)
        if fault is not None:
            yield Finding((*path, index), fault)


def _vary_fault(draft: Draft, route: RouteDraft, names: NameTable, name: str) -> str | None:
    """Say why clients can't be told apart by a header: what the upstream does not see must not count."""
    lower, meaning = name.lower(), names.meaning(name.encode())
    if meaning in (Meaning.CREDENTIAL, Meaning.BEARER):
        return "must not be a credential header, which is never sent to open a shared stream"
    if lower.startswith(_OF_BODIES) or lower == _OF_RESPONSES:
        return "must not be a header of bodies or responses"
    if lower in _SENT_BY_GATEWAY:
        return "must not be a header that the gateway sends itself"
    if "_" in name:
        return 'must not hold "_", since headers with it are dropped'
    if meaning is Meaning.DROP:
        return "must not be a header that is removed or set on the way to the upstream"
    if meaning is Meaning.PASS or (lower == _identity(draft) and route.access is not Access.PUBLIC):
        return None
    return "must not be a header that the gateway sends itself, or believes of trusted peers only"


def _request_names(draft: Draft, route: RouteDraft) -> NameTable:
    """Return what becomes of a request's fields on this route."""
    section, file = route.section, draft.file
    edits, upstream = section.request_headers, (file.upstreams or {}).get(section.upstream or "")
    replaced = [*edits.set, *edits.remove] if edits else []
    if upstream is not None and upstream.credential is not None and upstream.credential.header is not None:
        replaced.append(upstream.credential.header)
    return request_names(
        credentials=section.credential_headers or file.credential_headers or _DEFAULTS.credential_headers,
        identity=_identity(draft),
        remove=replaced,
    )


def _identity(draft: Draft) -> str:
    return (draft.file.identity_header or _DEFAULTS.identity_header).lower()


def _limits(draft: Draft, route: RouteDraft, stream: StreamSection) -> Iterator[Finding]:
    path = (*route.path, "stream")
    if stream.max_streams_per_principal is not None and route.access in _NAMELESS:
        message = f"can't be counted with access {route.access}, which knows no principal"
        yield Finding((*path, "max_streams_per_principal"), message, at_key=True)
    if stream.max_streams is None:
        return
    for key in _PART_LIMITS:
        if (getattr(stream, key) or 0) > stream.max_streams:
            yield Finding((*path, key), "would never be reached, since max_streams is less")
    most = (draft.file.limits and draft.file.limits.streams) or Limits().streams
    if stream.max_streams > most and draft.is_clear("limits", "streams"):
        yield Finding((*path, "max_streams"), f"would never be reached, since limits.streams is {most}")


def _drain(draft: Draft) -> Iterator[Finding]:
    drain, defaults = draft.file.drain, DrainSettings()
    if drain is None or not (draft.is_clear("drain", "time") and draft.is_clear("drain", "hard_cap")):
        return
    time = drain.time or defaults.time
    if drain.hard_cap is not None and drain.hard_cap < time:
        yield Finding(("drain", "hard_cap"), f"must be as long as time at least, which is {time:g}s")
    elif drain.hard_cap is None and defaults.hard_cap < time:
        message = f"must not be longer than hard_cap, which is {defaults.hard_cap:g}s unless it is given"
        yield Finding(("drain", "time"), message)
