"""The request target: the one form that the gateway decides on, matches and forwards.

A path is refused where a backend could read it as another path than the one matched (RFC 3986
section 6.2, RFC 9112 section 3.2); what remains has one spelling.  Never touches a socket.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits, hexdigits
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from tentaculo.errors import BadRequest, BadTarget
from tentaculo.wire.authority import split_authority

# What a segment may hold raw: RFC 3986's pchar and what browsers leave unescaped, less "." and ";".
_PLAIN = r"!$&-\-0-9:=@-\[\]-~"
# Most targets: no escape, no ";", no empty segment, none that begins with a dot.
_ORDINARY: Final = re.compile(rf'(?=/)((?:/[{_PLAIN}][{_PLAIN}.]*+)*/?+)(?:\?([!-"$-~]*+))?').fullmatch
_VISIBLE = re.compile(r"[!-~]*+").fullmatch
_ABSOLUTE = re.compile(r"(https?)://([^/?]*+)(.*+)", re.ASCII | re.IGNORECASE).fullmatch
_DEFAULT_PORTS = {"http": 80, "https": 443}

_REFUSED = tuple(
    (re.compile(pattern).search, f"the path holds {what}")
    for pattern, what in (
        (r'["<>]', "a character that must be escaped"),
        (r"\\|%5[Cc]", "a backslash"),
        (r"%(?![0-9A-Fa-f]{2})", "a broken escape"),
        (r"%(?:[01][0-9A-Fa-f]|7[Ff])", "an escaped control character"),
        (r"%2[Ee]", "an escaped dot"),
    )
)
# Searched for in the decoded path: ended by a slash, or by what some backends cut off with the rest.
_DOT_SEGMENT = re.compile(r"(?:\A|/)\.\.? *+(?:[/;?#]|\Z)").search
_ADMISSIBLE = ("%2f", "%25", ";", "//")
_NOTHING: Final[frozenset[str]] = frozenset()

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_UNRESERVED = f"{ascii_letters}{digits}-_~"  # RFC 3986 section 2.3, less the dot: its escape is refused
_NEVER_RAW = '"#%/<>?\\'
_MAY_BE_RAW = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in _NEVER_RAW)


def _spellings(decoded: str) -> dict[str, str]:
    pairs = (f"%{high}{low}" for high in hexdigits for low in hexdigits)
    return {pair: plain if (plain := chr(int(pair[1:], 16))) in decoded else pair.upper() for pair in pairs}


_CANONICAL = _spellings(_UNRESERVED)
_FOLDED = _spellings(_MAY_BE_RAW)


class Target(NamedTuple):
    """A target in origin-form.

    `query` is None without a "?".  `found` holds those of "%2f", "%25", ";" and "//" that are in
    the path: the caller refuses it unless the route admits each of them.
    """

    path: str
    query: str | None
    found: frozenset[str]


def parse_target(raw: str, host: str) -> Target:
    """Return the target's canonical form; raises BadTarget for what is never taken.

    `raw` is the text of the request line; `host` the Host field, which the authority of an
    absolute-form must equal.  In the path, escapes of unreserved characters are decoded and the
    others get upper-case digits; `[`, `]`, `^`, `{`, `|`, `}` and the backtick, which browsers send,
    pass.  Escapes are decoded once: where a route admits "%25", `%252e` passes as it is.  The query
    passes byte for byte.
    """
    match = _ORDINARY(raw)
    if match is not None:
        path, query = match.groups()
        return Target(path, query, _NOTHING)
    return _parse_unusual(raw, host)


def spell_path(text: str) -> str:
    """Return a path of the configuration as `parse_target` would spell it, other characters escaped.

    Raises BadTarget for a path that no accepted target can have.
    """
    path = quote(text, safe=f"{_MAY_BE_RAW}{_NEVER_RAW}", errors="surrogatepass")
    if not path.startswith("/") or "?" in path or "#" in path:
        raise BadTarget('a path begins with "/" and holds neither "?" nor "#"')
    return _check_path(path)


def fold_path(path: str) -> str:
    """Return the form in which canonical paths are compared, decoding what may also stand raw.

    `/a%3Ab` and `/a:b` are forwarded as they came, but most backends take them for one resource:
    a narrow route must hold for both.
    """
    return _decode(path, _FOLDED) if "%" in path else path


def _parse_unusual(raw: str, host: str) -> Target:
    if _VISIBLE(raw) is None:
        raise BadTarget("the target holds a control, a space or a byte beyond ASCII")
    if "#" in raw:
        raise BadTarget("the target holds a fragment")
    origin = raw if raw.startswith("/") else _take_origin(raw, host)
    path, mark, query = origin.partition("?")
    spelled = _check_path(path)
    lowered = spelled.lower()
    found = frozenset(text for text in _ADMISSIBLE if text in lowered)
    return Target(spelled, query if mark else None, found)


def _take_origin(raw: str, host: str) -> str:
    match = _ABSOLUTE(raw)
    if match is None:
        raise BadTarget("the target is neither in origin-form nor in the absolute-form of http")
    scheme, authority, rest = match.groups()
    port = _DEFAULT_PORTS[scheme.lower()]
    try:
        same = split_authority(authority, port) == split_authority(host, port)
    except BadRequest:
        same = False
    if not same:
        raise BadTarget("the target's authority is not the Host field's")
    return rest if rest.startswith("/") else f"/{rest}"


def _check_path(path: str) -> str:
    for search, reason in _REFUSED:
        if search(path) is not None:
            raise BadTarget(reason)
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise BadTarget("the path's escapes are not UTF-8") from None
    if _DOT_SEGMENT(decoded) is not None:
        raise BadTarget("the path holds a dot segment")
    return _decode(path, _CANONICAL) if "%" in path else path


def _decode(path: str, spellings: dict[str, str]) -> str:
    return _ESCAPE.sub(lambda escape: spellings[escape[0]], path)
