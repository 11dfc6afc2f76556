"""What an edited configuration would change in a running gateway, in lines for `tentaculo check --diff`.

Compares outlines, so neither side shows the other a secret; it prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tentaculo.admin.client import Base, CallFailed, authorized, call, fault
from tentaculo.config.outline import Difference, Outline, changes

LARGEST_OUTLINE = 64 * 1024 * 1024

_KINDS = ("routes", "upstreams", "principals", "keys")
# How the file calls what the settings call otherwise.
_NAMES_IN_THE_FILE = {"admin_digest": "admin token"}


@dataclass(frozen=True, slots=True)
class InEffect:
    """What a running gateway has: its configuration's outline, and its open streams by route."""

    outline: Outline
    streams: Mapping[str, int]


def ask(base: Base, token: str) -> InEffect:
    """Return what the gateway has in effect.  Raises CallFailed."""
    reply = call(base, "GET", "/configuration", authorized(token), largest=LARGEST_OUTLINE)
    body = reply.json()
    if reply.status == 200 and isinstance(body, dict) and _is_whole(body):
        return InEffect(Outline(**{kind: body[kind] for kind in _KINDS}), body["streams"])
    raise CallFailed(fault(base, reply, f"The gateway at {base} is older and can't be compared with."))


def differences(before: InEffect, after: Outline) -> Iterator[str]:
    """Yield a line for each change, and a last one that says how many streams would end."""
    found = changes(before.outline, after)
    if not found:
        yield "nothing would change"
        return
    ending = _ending(before, after)
    yield from _of_routes(found.routes, ending)
    yield from _of_kind("upstream", found.upstreams, "", "")
    yield from _of_kind("principal", found.principals, "its streams end", "streams of a changed token end")
    yield from (f"~ {_NAMES_IN_THE_FILE.get(key, key)}" for key in found.keys)
    yield from (f"! {key} (needs a restart)" for key in found.fixed)
    more = ", and those of principals that lose access" if found.principals else ""
    yield f"would end {_streams(sum(ending.values()))} of removed and changed routes{more}"


def _ending(before: InEffect, after: Outline) -> dict[str, int]:
    """Return the open streams of routes whose doings no route has any more, by what name ever."""
    kept = frozenset(after.routes.values())
    digests = before.outline.routes
    known = ((name, count) for name, count in before.streams.items() if name in digests)
    return {name: count for name, count in known if digests[name] not in kept}


def _of_routes(found: Difference, ending: Mapping[str, int]) -> Iterator[str]:
    yield from (f"+ route {name}" for name in found.added)
    yield from (f"- route {name} ({_ends(ending, name)})" for name in found.removed)
    yield from (f"~ route {name} ({_ends(ending, name)})" for name in found.changed)
    yield from (f"= route {old} -> {new} (renamed, its streams go on)" for old, new in found.renamed)


def _of_kind(kind: str, found: Difference, gone: str, touched: str) -> Iterator[str]:
    """Yield the lines of upstreams or principals; the texts say what it means for streams."""
    lost, perhaps = (f" ({text})" if text else "" for text in (gone, touched))
    yield from (f"+ {kind} {name}" for name in found.added)
    yield from (f"- {kind} {name}{lost}" for name in found.removed)
    yield from (f"~ {kind} {name}{perhaps}" for name in found.changed)
    renamed = f" (renamed, {gone})" if gone else " (renamed)"
    yield from (f"= {kind} {old} -> {new}{renamed}" for old, new in found.renamed)


def _ends(ending: Mapping[str, int], name: str) -> str:
    return f"ends {_streams(ending.get(name, 0))}"


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"


def _is_whole(body: Mapping[str, object]) -> bool:
    maps = [(body.get(kind), str) for kind in _KINDS] + [(body.get("streams"), int)]
    return all(
        isinstance(value, dict) and all(type(part) is kind for part in value.values()) for value, kind in maps
    )
