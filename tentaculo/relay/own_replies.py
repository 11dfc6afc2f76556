"""What the gateway answers at paths of its own: written out beforehand, found in one look-up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from multidict import CIMultiDictProxy

from tentaculo.errors import RouteNotFound
from tentaculo.wire.cors import Fields
from tentaculo.wire.headers import field_lines

IF_NONE_MATCH = "If-None-Match"
_KEEP = b"Connection: keep-alive\r\n\r\n"
_CLOSE = b"Connection: close\r\n\r\n"


class OwnAnswer:
    """One answer, whole but for what it says of the connection."""

    __slots__ = ("_body", "_head", "status")

    def __init__(self, status: int, fields: Fields, body: bytes = b"") -> None:
        self.status = status
        self._head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode() + field_lines(fields)
        self._body = body

    def written(self, *, keep_alive: bool, with_body: bool) -> bytes:
        """Return its bytes; `with_body` is false for HEAD."""
        body = self._body if with_body else b""
        return b"".join((self._head, _KEEP if keep_alive else _CLOSE, body))


class OwnReply:
    """What is answered at one path: `plain`, or `last` while the gateway drains.

    With an `etag` there is `known`, for clients that have it already.
    """

    __slots__ = ("_etag", "_known", "_last", "_plain")

    def __init__(
        self,
        plain: OwnAnswer,
        *,
        last: OwnAnswer | None = None,
        known: OwnAnswer | None = None,
        etag: str = "",
    ) -> None:
        self._plain = plain
        self._last = plain if last is None else last
        self._known = known
        self._etag = etag

    def choose(self, headers: CIMultiDictProxy[str], *, draining: bool) -> OwnAnswer:
        """Return the answer to a GET or HEAD with these fields."""
        known = self._known
        if known is not None and is_known(self._etag, headers.getall(IF_NONE_MATCH, ())):
            return known
        return self._last if draining else self._plain


class OwnReplies:
    """All of them by path; beneath `prefix`, which ends in a slash unless it is empty, is nothing else."""

    __slots__ = ("_prefix", "_replies")

    def __init__(self, replies: Mapping[str, OwnReply], prefix: str = "") -> None:
        self._replies = dict(replies)
        self._prefix = prefix

    def find(self, path: str) -> OwnReply | None:
        """Return what is answered at a path, None where that is for the routes to say.

        Raises RouteNotFound beneath the prefix.
        """
        reply = self._replies.get(path)
        if reply is None and self._prefix and path.startswith(self._prefix):
            raise RouteNotFound("no file of browser_path")
        return reply


def is_known(etag: str, values: Iterable[str]) -> bool:
    """Whether If-None-Match names an entity tag, compared weakly (RFC 9110 section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for value in values for tag in value.split(",")]
    return etag in tags or tags == ["*"]
