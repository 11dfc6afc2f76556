"""What a configuration says, as digests: enough to tell what another one would change, and no more.

A running gateway shows its outline to whoever has the admin token; secrets are in it only as digests
of digests.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tentaculo.config.settings import RouteSettings, Secret, Settings

# These take hold without any harm to what is open on the route; its name is no part of what it does.
_HARMLESS = frozenset({"name", "timeouts", "rate_limit"})
_LISTED = frozenset({"routes", "upstreams", "principals", "files"})
# These are read once, at the start.
FIXED = frozenset({"token_store", "log"})


@dataclass(frozen=True, slots=True)
class Outline:
    """Digests by name: of routes, upstreams and principals, and of every other key of the file."""

    routes: Mapping[str, str]
    upstreams: Mapping[str, str]
    principals: Mapping[str, str]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Names that were added, removed or changed; `renamed` are those that are the same by another name."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.renamed)

    @property
    def gone(self) -> tuple[str, ...]:
        """The old names of what is not the same any more."""
        return (*self.removed, *self.changed)


@dataclass(frozen=True, slots=True)
class Changes:
    """What one configuration has and another has not; `fixed` are keys that only a restart changes."""

    routes: Difference
    upstreams: Difference
    principals: Difference
    keys: tuple[str, ...]
    fixed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.routes or self.upstreams or self.principals or self.keys or self.fixed)


def outline_of(settings: Settings, before: tuple[Settings, Outline] | None = None) -> Outline:
    """Return the outline of a configuration; what has not changed since the one before costs little."""
    return Outline(
        routes=_route_digests(settings, before),
        upstreams={upstream.name: digest(upstream, "name") for upstream in settings.upstreams},
        principals={principal.name: digest(principal, "name") for principal in settings.principals},
        keys=_key_digests(settings),
    )


def _key_digests(settings: Settings) -> dict[str, str]:
    fields = (field.name for field in dataclasses.fields(settings))
    return {
        **{name: digest(getattr(settings, name)) for name in fields if name not in _LISTED},
        "log": digest(settings.log, "sanitize"),
        "log.sanitize": digest(settings.log.sanitize),  # unlike the rest of it learned while it runs
    }


def _route_digests(settings: Settings, before: tuple[Settings, Outline] | None) -> dict[str, str]:
    same: dict[str, RouteSettings] = {}
    known: Mapping[str, str] = {}
    if before is not None:
        same, known = {route.name: route for route in before[0].routes}, before[1].routes
    return {
        route.name: known[route.name] if same.get(route.name) == route else route_digest(route)
        for route in settings.routes
    }


def route_digest(route: RouteSettings) -> str:
    """Return what is the same for two routes where a stream of one may go on as one of the other's."""
    return digest(route, *_HARMLESS)


def changes(before: Outline, after: Outline) -> Changes:
    """Return what `after` has changed."""
    keys = [key for key, found in after.keys.items() if before.keys.get(key) != found]
    return Changes(
        routes=_difference(before.routes, after.routes),
        upstreams=_difference(before.upstreams, after.upstreams),
        principals=_difference(before.principals, after.principals),
        keys=tuple(key for key in keys if key not in FIXED),
        fixed=tuple(key for key in keys if key in FIXED),
    )


def digest(value: object, *without: str) -> str:
    """Return the digest of settings, some of their fields left out."""
    plain = _plain(value)
    if isinstance(plain, dict):
        plain = {key: part for key, part in plain.items() if key not in without}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    new = {found: name for name, found in after.items() if name not in before}
    old = {name: found for name, found in before.items() if name not in after}
    renamed = {name: new.pop(found) for name, found in old.items() if found in new}
    others = set(renamed.values())
    return Difference(
        added=tuple(name for name in after if name not in before and name not in others),
        removed=tuple(name for name in old if name not in renamed),
        changed=tuple(name for name, found in after.items() if before.get(name, found) != found),
        renamed=tuple(renamed.items()),
    )


def _plain(value: Any) -> Any:
    """Return what JSON can say of a setting, the same each time."""
    if isinstance(value, Secret):
        inner = hashlib.sha256(value.reveal().encode()).digest()
        return hashlib.sha256(b"tentaculo outline\0" + inner).hexdigest()
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return hashlib.sha256(b"tentaculo outline\0" + value).hexdigest()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
