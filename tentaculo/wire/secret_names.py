"""Which names carry secrets: of parameters, header fields, object members and path segments.

Case, escapes and array suffixes do not matter, nor does `-` for `_`.  Knows nothing of values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tentaculo.wire.decoded import decode

ENDINGS = (
    "token",
    "password",
    "passwd",
    "secret",
    "api[_-]?key",
    "jwt",
    "session",
    "signature",
    "authorization",
    "cookie",
)
EXACT = ("key", "sig", "code", "auth", "sid")
# With these, quick to look for, begins everything that is looked at closely.
_STARTS = (
    *("token", "passw", "secret", "apikey", "api_key", "api-key", "jwt", "session", "sig", "auth", "cookie"),
    *("key", "code", "sid", "eyj", "bearer", "basic"),
)

# Repeats of single characters alone are possessive here and elsewhere: before Python 3.11.5 groups that are
# match wrongly (cpython issue 106052). A look-ahead does the same, and gives nothing back either.
_SUFFIX = r"(?=(?P<suffix>(?:\[[^\[\]]{0,64}\]|\]|\.\d{1,6}(?![\w.]))*))(?P=suffix)"
_SEPARATOR = r"""
    (?P<tail>\\*+["'`]\]?|&quot;|&\#3[49];)?
    (?: (?P<sep>[/>]) | [\s+]*+ (?P<sep_after_space>=>|:=|[=:,]) | (?P<gap>[ \t+]+) )
"""


class SecretNames:
    """The names, as patterns over decoded text; `extra` ones count where they end a name as a whole word."""

    __slots__ = ("_name", "hint", "occurrence", "start")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        extras = [_spelling(name) for name in extra if name.strip()]
        names = rf"(?P<ending>{'|'.join(ENDINGS)})|(?<![\w-])(?P<exact>{'|'.join(EXACT)})"
        if extras:
            names += rf"|(?<![^\W_])(?P<extra>{'|'.join(extras)})"
        self._name = re.compile(rf"(?:{names}){_SUFFIX}\s*\Z")
        self.hint = re.compile("|".join((*_STARTS, "@", *extras)))
        self.start = re.compile("|".join((*_STARTS, "//", *extras)))
        # In an order that matters: a scheme or an address is never a part of a name.
        self.occurrence = re.compile(
            rf"""(?P<scheme>(?<![\w-])(?:bearer|basic)[\ \t+]++)
               | (?<![\w-])(?P<jwt>eyj[\w-]{{4,}}+\.[\w-]{{4,}}+)
               | (?P<authority>/{{2,}}+)
               | (?P<named>(?:{names}){_SUFFIX}{_SEPARATOR})""",
            re.VERBOSE,
        )

    def includes(self, name: str) -> bool:
        """Say whether a name, as a client wrote it, carries secrets."""
        return self._name.search(decode(name).text.rstrip("+ ")) is not None


def _spelling(name: str) -> str:
    return re.sub(r"\\?[-_]", "[-_]", re.escape(decode(name.strip()).text)).replace(r"\ ", r"[\ ]")
