"""Which header fields go on to the other side, and which stop here (RFC 9110 section 7.6).

Pure: fields come in as raw byte pairs and leave as raw bytes.  What a name means is decided once
per spelling and remembered, so that an ordinary field costs one dictionary look-up.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Set
from typing import Final

Field = tuple[bytes, bytes]
Fields = Iterable[Field]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-authentication-info",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
IDENTITY = frozenset({b"remote-user", b"x-remote-user", b"x-auth-request-user", b"x-authenticated-user"})
FORWARDING = frozenset({b"forwarded", b"x-real-ip", b"x-request-id", b"x-original-url", b"x-rewrite-url"})
REMEMBERED_NAMES = 1024
LENGTH_DIGITS = 19  # of a Content-Length: what 64 bits hold; thousands of them int() would not take
# CGI-like backends write all of these alike, so X.Token and X-Token are one name to them.
_FOLDED = re.compile(rb"[^a-z0-9]")


class Meaning(enum.IntEnum):
    """What the gateway does with a field of a given name."""

    PASS = 0
    DROP = 1
    CREDENTIAL = 2
    BEARER = 3
    CONNECTION = 4
    FORWARDING = 5
    EXPECT = 6
    CACHE_CONTROL = 7
    VARY = 8
    ACCEL_BUFFERING = 9
    REQUEST_ID = 10
    REFERRER_POLICY = 11
    SET_BY_ROUTE = 12
    COOKIE = 13


_PASS: Final = Meaning.PASS
_CONNECTION: Final = Meaning.CONNECTION
_NONE: Final[frozenset[Meaning]] = frozenset()


class NameTable:
    """Meaning of each field name; `known` holds the spellings that were judged before.

    `underscored` is what other names with an underscore mean; `folding` says that so do those that
    differ from a known name in nothing but marks.
    """

    __slots__ = ("_folded", "_meanings", "_prefixes", "_underscored", "known")

    def __init__(
        self,
        meanings: dict[bytes, Meaning],
        prefixes: dict[bytes, Meaning],
        *,
        underscored: Meaning,
        folding: bool = False,
    ) -> None:
        self._meanings = meanings
        self._folded = frozenset(map(_fold, meanings)) if folding else frozenset()
        self._prefixes = prefixes
        self._underscored = underscored
        self.known: dict[bytes, Meaning] = {}

    def meaning(self, name: bytes) -> Meaning:
        """Return what a field of this name (as spelled) means."""
        found = self.known.get(name)
        if found is None:
            found = self._judge(name.lower())
            if len(self.known) < REMEMBERED_NAMES and len(name) <= 64:
                self.known[name] = found
        return found

    def _judge(self, name: bytes) -> Meaning:
        known = self._meanings.get(name)
        if known is not None:
            return known
        if b"_" in name:
            return self._underscored
        found = self._by_prefix(name)
        if found is _PASS and self._folded:
            folded = _fold(name)
            if folded in self._folded or self._by_prefix(folded) is not _PASS:
                return Meaning.DROP
        return found

    def _by_prefix(self, name: bytes) -> Meaning:
        return next((m for prefix, m in self._prefixes.items() if name.startswith(prefix)), _PASS)


def _fold(name: bytes) -> bytes:
    return _FOLDED.sub(b"-", name)


def request_names(
    *, credentials: Iterable[str], identity: str, remove: Iterable[str], own_cookies: bool = False
) -> NameTable:
    """Compile the table for requests of one route.

    `credentials` are its credential headers, `identity` the identity header (believed from trusted
    peers, unless it is in `remove`), `remove` what the route removes or sets itself; `own_cookies`
    says that some cookies may be the gateway's.
    """
    meanings = dict.fromkeys((*HOP_BY_HOP, b"host", b"content-length", b"proxy"), Meaning.DROP)
    meanings |= dict.fromkeys((*FORWARDING, *IDENTITY, identity.lower().encode()), Meaning.FORWARDING)
    meanings |= {b"connection": Meaning.CONNECTION, b"expect": Meaning.EXPECT}
    meanings |= dict.fromkeys((name.lower().encode() for name in remove), Meaning.DROP)
    if own_cookies:
        meanings[b"cookie"] = Meaning.COOKIE  # read also where the route removes it
    for name in credentials:
        lower = name.lower().encode()
        meanings[lower] = Meaning.BEARER if lower == b"authorization" else Meaning.CREDENTIAL
    prefixes = dict.fromkeys((b"x-forwarded-", b"x-auth-request-"), Meaning.FORWARDING)
    prefixes[b"proxy-"] = Meaning.DROP  # `Proxy` and these are for the proxy; CGI makes HTTP_PROXY of one
    # X_Token and X-Token are one name to CGI-like backends.
    return NameTable(meanings, prefixes, underscored=Meaning.DROP, folding=True)


def response_names(*, remove: Iterable[str], cors: bool = False) -> NameTable:
    """Compile the table for responses of one route; `remove` is what it removes or sets itself.

    `cors` says that the gateway decides which origins may read them.
    """
    meanings = dict.fromkeys(HOP_BY_HOP, Meaning.DROP)
    meanings |= {
        b"connection": Meaning.CONNECTION,
        b"cache-control": Meaning.CACHE_CONTROL,
        b"vary": Meaning.VARY,
        b"x-accel-buffering": Meaning.ACCEL_BUFFERING,
        b"x-request-id": Meaning.REQUEST_ID,
        b"referrer-policy": Meaning.REFERRER_POLICY,
    }
    meanings |= dict.fromkeys((name.lower().encode() for name in remove), Meaning.SET_BY_ROUTE)
    prefixes = {b"access-control-": Meaning.DROP} if cors else {}
    return NameTable(meanings, prefixes, underscored=_PASS)


class RequestFields:
    """A request's fields, sorted: `kept` are raw pieces to be joined, the rest is for decisions."""

    __slots__ = ("cookies", "credentials", "expect", "forwarding", "kept", "tokens")

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.credentials: list[bytes] = []
        self.forwarding: list[Field] = []
        self.expect: list[bytes] = []
        self.cookies: list[bytes] = []
        self.tokens: list[bytes] = []  # presented elsewhere than in a header


def sort_request_fields(fields: Fields, names: NameTable, *, keep_credentials: bool) -> RequestFields:
    """Sort a request's fields into what is forwarded and what the gateway decides on.

    `keep_credentials` also forwards the credential fields.  Names listed in `Connection` are
    dropped, but never a credential (RFC 9110 section 7.6.1 would let a client remove it).
    """
    result = RequestFields()
    kept = result.kept
    listed: list[bytes] = []
    known = names.known
    for name, value in fields:
        action = known.get(name)
        if action is None:
            action = names.meaning(name)
        if action is _PASS:
            kept += (name, b": ", value, b"\r\n")
        elif action is Meaning.CONNECTION:
            if value.lower() not in _PLAIN_OPTIONS:
                listed.append(value)
        else:
            _sort_special(result, action, (name, value), keep_credentials=keep_credentials)
    if listed and (dropped := connection_options(listed)):
        result.kept = _without(kept, dropped, names)
    return result


def _sort_special(result: RequestFields, action: Meaning, item: Field, *, keep_credentials: bool) -> None:
    name, value = item
    if action is Meaning.CREDENTIAL or action is Meaning.BEARER:
        token = value if action is Meaning.CREDENTIAL else bearer_token(value)
        if token is not None:
            result.credentials.append(token)
        if keep_credentials or token is None:
            result.kept += (name, b": ", value, b"\r\n")
    elif action is Meaning.FORWARDING:
        result.forwarding.append(item)
    elif action is Meaning.EXPECT:
        result.expect.append(value)
    elif action is Meaning.COOKIE:
        result.cookies.append(value)


def bearer_token(value: bytes) -> bytes | None:
    """Return the token of a Bearer credential (RFC 6750 section 2.1), None for another scheme."""
    scheme, *rest = value.split(None, 1) or [b""]  # any white space: a lenient backend takes it too
    if scheme.lower() != b"bearer":
        return None
    return rest[0].strip() if rest else b""


_PLAIN_OPTIONS = frozenset({b"close", b"keep-alive"})


def connection_options(values: Iterable[bytes]) -> frozenset[bytes]:
    """Return the lower-case field names that `Connection` values list."""
    options = {option.strip().lower() for value in values for option in value.split(b",")}
    return frozenset(options - _PLAIN_OPTIONS - {b""})


def _without(pieces: list[bytes], dropped: frozenset[bytes], names: NameTable) -> list[bytes]:
    kept: list[bytes] = []
    for start in range(0, len(pieces), 4):
        name = pieces[start]
        credential = names.meaning(name) in (Meaning.CREDENTIAL, Meaning.BEARER)
        if credential or name.lower() not in dropped:
            kept += pieces[start : start + 4]
    return kept


class ResponseFields:
    """A reply's fields: `kept` lines, and `seen`, which of those that the gateway may add are there."""

    __slots__ = ("kept", "seen")

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.seen: Set[Meaning] = _NONE


def sort_response_fields(names: list[bytes], lines: list[bytes], table: NameTable) -> ResponseFields:
    """Keep a reply's end-to-end fields in name, order and repetition.

    `lines` are its fields as `Name: value`, and `names` the names in them.
    """
    result = ResponseFields()
    kept = result.kept
    listed: list[bytes] = []
    known = table.known
    for at, name in enumerate(names):
        line = lines[at]
        action = known.get(name)
        if action is None:
            action = table.meaning(name)
        if action is _PASS:
            kept.append(line)
        elif action is _CONNECTION:
            option = line[len(name) + 2 :]
            if option.lower() not in _PLAIN_OPTIONS:
                listed.append(option)
        elif action > _CONNECTION and action is not Meaning.SET_BY_ROUTE:
            result.seen |= {action}
            kept.append(line)
    if listed and (dropped := connection_options(listed) - FRAMING):
        _leave_out(result, dropped, table)
    return result


def _leave_out(fields: ResponseFields, dropped: frozenset[bytes], table: NameTable) -> None:
    named = [(line[: line.index(b":")], line) for line in fields.kept]
    left = [(name, line) for name, line in named if name.lower() not in dropped]
    fields.kept = [line for _, line in left]
    fields.seen = frozenset(table.meaning(name) for name, _ in left) - {_PASS}


FRAMING = frozenset({b"content-length", b"content-type"})


def field_lines(fields: Iterable[tuple[str, str]]) -> bytes:
    """Write static fields as header lines."""
    return b"".join(
        b"%b: %b\r\n" % (name.encode("latin-1"), value.encode("latin-1")) for name, value in fields
    )
