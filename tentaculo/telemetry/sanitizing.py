"""The last transforming processor of a structlog chain: no secret gets past it, at any depth.

Secrets go by the name of their key, by names inside texts, and by value where the event says which
("secrets").  Knows how events are built, not how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from tentaculo.wire.sanitize import MASK, Sanitizer, mask_values

MAX_DEPTH = 8
MAX_VALUES = 2000
TOO_MUCH = "…"

# What the gateway itself says. Names inside are still masked, but no value of a client's is looked for.
OWN_KEYS = frozenset({"event", "level", "timestamp", "logger", "route", "upstream", "status", "principal"})
URL_KEYS = frozenset({"url", "path", "query", "target", "location", "referer"})
# Error codes are called `code`, which is the name of a secret elsewhere.
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*\Z")
_MAX_PLANS = 1024

# A new one for every event, without letters to make a name of.
_STAMP_TEXT = re.compile(r"[0-9T:.Z+-]{,40}\Z")

_URL: Final = 0
_TEXT: Final = 1
_OWN: Final = 2
_STAMP: Final = 3
_SECRET: Final = 4
_CODE_KEY: Final = 5


class EventSanitizer:
    """Sanitize every string of an event, and everything that a renderer would make a string of.

    `extra_names` are added to the names that carry secrets.  The event's "secrets", a tuple of
    texts, are taken out of it and removed by value wherever a text came from outside.
    """

    __slots__ = ("_extra_names", "_plans", "_sanitizer")

    def __init__(self, extra_names: Iterable[str] = ()) -> None:
        self._extra_names = frozenset(extra_names)
        self._sanitizer = Sanitizer(self._extra_names)
        self._plans: dict[str, int] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Add names that carry secrets; none is ever given up, for something may still be said of it."""
        known = self._extra_names | frozenset(names)
        if known != self._extra_names:
            self._extra_names, self._sanitizer, self._plans = known, Sanitizer(known), {}

    def __call__(
        self, logger: Any, method_name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Return the event sanitized, in place where it is a dict."""
        fields = event if isinstance(event, dict) else dict(event)
        return self.sanitize(fields, tuple(fields.pop("secrets", None) or ()))

    def sanitize(self, event: dict[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
        """Sanitize an event in place, by the values of `secrets` too, and return it."""
        plans = self._plans
        for key, value in event.items():
            plan = plans.get(key)
            if plan is None:
                plan = self._plan(key)
            kind = type(value)
            if kind is str and plan <= _OWN:
                shown = self._text(value, plan, secrets)
                if shown is not value:
                    event[key] = shown
            elif plan < _SECRET and (kind is int or kind is float or value is None or kind is bool):
                continue
            elif not (plan == _STAMP and kind is str and _STAMP_TEXT.match(value)):
                event[key] = self._sanitized(value, plan, secrets)
        return event

    def _text(self, text: str, plan: int, secrets: tuple[str, ...]) -> str:
        if secrets and plan != _OWN and _may_hold(text, secrets):
            text = mask_values(text, secrets)
        sanitizer = self._sanitizer
        if plan == _URL:
            return text if text in sanitizer.clean_urls or text.isalnum() else sanitizer.url(text)
        return text if text.isalnum() or text in sanitizer.clean_texts else sanitizer.text(text)

    def _plan(self, key: str) -> int:
        if key == "timestamp":
            plan = _STAMP
        elif key in OWN_KEYS:
            plan = _OWN
        elif key == "code":
            plan = _CODE_KEY
        elif self._sanitizer.is_secret_name(key):
            plan = _SECRET
        else:
            plan = _URL if key in URL_KEYS else _TEXT
        if len(self._plans) < _MAX_PLANS:
            self._plans[key] = plan
        return plan

    def _sanitized(self, value: Any, plan: int, secrets: tuple[str, ...]) -> Any:
        if plan == _CODE_KEY:
            plan = _OWN if isinstance(value, str) and _CODE.match(value) else _SECRET
        if plan == _SECRET:
            return _hidden(value)
        plan = _OWN if plan == _STAMP else plan
        sanitize = self._sanitizer.url if plan == _URL else self._sanitizer.text
        values = _Values(self._sanitizer, sanitize, () if plan == _OWN else secrets)
        return values.sanitized(value, MAX_DEPTH)


class _Values:
    """Walks one value of an event; `left` bounds how many parts are looked at, whatever refers to what."""

    __slots__ = ("_left", "_sanitize", "_sanitizer", "_secrets")

    def __init__(
        self, sanitizer: Sanitizer, sanitize: Callable[[str], str], secrets: tuple[str, ...]
    ) -> None:
        self._sanitizer = sanitizer
        self._sanitize = sanitize
        self._secrets = secrets
        self._left = MAX_VALUES

    def sanitized(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._text(bytes(value).decode("latin-1"))
        if isinstance(value, (Mapping, list, tuple, AbstractSet)):
            return self._container(value, depth - 1)
        return self._text(_shown(value))

    def _container(self, value: Any, depth: int) -> Any:
        if depth < 0 or self._left < 0:
            return TOO_MUCH
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            parts = list(value)
        except Exception:  # a container of someone else's may do anything
            return _unprintable(value)
        if len(parts) == 2 and not isinstance(value, AbstractSet) and self._is_secret(parts[0]):
            return [self.sanitized(parts[0], depth), _hidden(parts[1])]
        return [self.sanitized(part, depth) for part in self._bounded(parts)]

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key in self._bounded(list(value)):
            # By name only: a secret's value is never looked for in keys.
            name = self._sanitizer.text(key) if type(key) is str else str(self.sanitized(key, depth))
            shown[name] = _hidden(value[key]) if self._is_secret(key) else self.sanitized(value[key], depth)
        return shown

    def _bounded(self, parts: list[Any]) -> list[Any]:
        room = max(self._left, 0)
        return parts if len(parts) <= room else [*parts[:room], TOO_MUCH]

    def _is_secret(self, key: Any) -> bool:
        if isinstance(key, (bytes, bytearray)):
            key = bytes(key).decode("latin-1")
        return isinstance(key, str) and self._sanitizer.is_secret_name(key)

    def _text(self, text: str) -> str:
        if self._secrets:
            text = mask_values(text, self._secrets)
        return self._sanitize(text)


def _may_hold(text: str, secrets: tuple[str, ...]) -> bool:
    """Whether `mask_values` has to look: its own first look, which nearly always is enough."""
    return len(secrets) > 1 or secrets[0] in text or "%" in text or "\\" in text


def _hidden(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else MASK


def _shown(value: object) -> str:
    """Return what a renderer would write for an object."""
    try:
        text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    except Exception:
        return _unprintable(value)
    return text


def _unprintable(value: object) -> str:
    return f"<unprintable {type(value).__name__}>"


sanitize_event = EventSanitizer()
