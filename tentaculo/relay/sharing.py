"""Which clients of a route share an upstream stream, and what that upstream is asked.

Compiled once for a route.  What reaches the upstream is in the key, or the same for everyone: the route's
own fields, and the `vary` fields; never a client's credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from tentaculo.access.principals import Principal
from tentaculo.config.settings import RouteSettings, Settings
from tentaculo.wire.headers import NameTable, RequestFields, response_names
from tentaculo.wire.target import Target

# Of one client each: whoever sends them gets a stream that no other principal has.
_PERSONAL = frozenset({b"cookie", b"authorization"})
# Of the one reply that many clients get, at other times.
_OF_ONE_REPLY = (
    "Set-Cookie",
    "Date",
    "Age",
    "Content-Length",
    "ETag",
    "Last-Modified",
    "Expires",
    "X-Request-Id",
)

StreamKey = tuple[str, str, bytes, str]


@dataclass(frozen=True)
class Sharing:
    """How a route's streams are shared; `vary` are field names in lower case.

    `tells_principal` says that the upstream gets the principal's name, `per_principal` that no two
    principals share.
    """

    vary: frozenset[bytes]
    tells_principal: bool
    per_principal: bool
    response_names: NameTable


@dataclass(frozen=True)
class Wanted:
    """The stream that a client asks for; `lines` are its `vary` fields, `url` is without credentials."""

    key: StreamKey
    url: str
    target: Target
    lines: bytes
    principal: Principal | None


def share_route(route: RouteSettings, settings: Settings, removed: list[str]) -> Sharing | None:
    """Compile how a route is shared, None where each client has a stream of its own."""
    stream = route.stream
    if stream is None or not stream.shared:
        return None
    vary = frozenset(name.lower().encode() for name in stream.vary)
    identity = settings.identity_header.lower().encode()
    return Sharing(
        vary=vary,
        tells_principal=identity in vary,
        per_principal=bool(vary & (_PERSONAL | {identity})),
        response_names=response_names(remove=[*removed, *_OF_ONE_REPLY], cors=route.cors is not None),
    )


def wanted_stream(
    sharing: Sharing, identity: str, target: Target, fields: RequestFields, principal: Principal | None
) -> Wanted:
    """Return what a request asks for; two with the same key get the same stream.

    `identity` says what the route does and where it leads, whatever its name.
    """
    named = [(name.lower(), value) for name, value in zip(fields.kept[::4], fields.kept[2::4], strict=True)]
    lines = b"".join(
        [b"%b: %b\r\n" % pair for pair in sorted(named, key=itemgetter(0)) if pair[0] in sharing.vary]
    )
    url = target.path if target.query is None else f"{target.path}?{target.query}"
    owner = principal.name if principal is not None and sharing.per_principal else ""
    told = principal if sharing.tells_principal else None
    return Wanted((identity, url, lines, owner), url, target, lines, told)
