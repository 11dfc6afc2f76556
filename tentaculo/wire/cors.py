"""Which pages of other origins may call, and the fields that tell browsers so (WHATWG Fetch, CORS).

Pure: an origin and what was asked come in, fields leave. The gateway's errors get the same fields as
its replies, or a page could not tell one from the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Fields = tuple[tuple[str, str], ...]

VARY: Fields = (("Vary", "Origin"),)
EXPOSED = "Retry-After, X-Request-Id, RateLimit, RateLimit-Policy"
PREFLIGHT_SECONDS = 600
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(_TOKEN).fullmatch
_NAMES = re.compile(rf"{_TOKEN}(?:[ \t]*,[ \t]*{_TOKEN})*").fullmatch
_LONGEST_NAMES = 1024


@dataclass(frozen=True)
class CorsRule:
    """The origins that may call, in lower case, and whether with cookies; no origin at all means anyone."""

    origins: frozenset[str]
    credentials: bool

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may call."""
        return not self.origins or (origin.isascii() and origin.lower() in self.origins)

    def fields(self, origin: str | None) -> Fields:
        """Return what a reply to a page of `origin` carries; None is a request without that field."""
        if origin is None or not self.allows(origin):
            return VARY
        return (*VARY, *self._allowing(origin), ("Access-Control-Expose-Headers", EXPOSED))

    def preflight_fields(self, origin: str, method: str, names: str | None) -> Fields | None:
        """Return what the answer to a preflight carries, None where it is not allowed.

        An origin that may call may send what fields it likes.
        """
        if not self.allows(origin) or not _NAME(method):
            return None
        fields = (*VARY, *self._allowing(origin), ("Access-Control-Allow-Methods", method))
        if names is not None and len(names) <= _LONGEST_NAMES and _NAMES(names.strip(" \t")):
            fields += (("Access-Control-Allow-Headers", names.strip(" \t")),)
        return (*fields, ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)))

    def _allowing(self, origin: str) -> Fields:
        if not self.origins:
            return (("Access-Control-Allow-Origin", "*"),)
        allowed: Fields = (("Access-Control-Allow-Origin", origin),)
        return (*allowed, ("Access-Control-Allow-Credentials", "true")) if self.credentials else allowed
