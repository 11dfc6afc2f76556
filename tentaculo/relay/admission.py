"""Decides on one request: whether it may pass, where to, and with which head.

Everything here is done at once, before a byte goes up.  It raises what the client is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, HttpVersion11

from tentaculo.errors import (
    BadRequest,
    BadTarget,
    BodyTooLarge,
    ExpectationFailed,
    MethodNotAllowed,
    VersionNotSupported,
)
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.record import Record
from tentaculo.relay.request import Request
from tentaculo.relay.request_head import CHUNKED, EXPECT_CONTINUE, request_head
from tentaculo.relay.upload import Upload
from tentaculo.wire.authority import check_host
from tentaculo.wire.forwarded import trusted_origin
from tentaculo.wire.headers import LENGTH_DIGITS, RequestFields, sort_request_fields
from tentaculo.wire.target import Target, parse_target

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
ORDINARY_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Admission:
    """One request under decision; `record` takes what was found out, `upload` is its body, if any."""

    __slots__ = (
        "connection",
        "fields",
        "forwarding",
        "host",
        "http10",
        "message",
        "record",
        "relay",
        "request",
        "snapshot",
        "upload",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        self.relay = relay
        self.request = request
        self.message = message = request.message
        self.snapshot = relay.snapshot
        self.connection = request.connection
        self.http10 = message.version is HttpVersion10
        self.fields: RequestFields | None = None
        self.forwarding: bytes | None = None
        self.upload: Upload | None = None
        self.host = b""
        self.record = Record(relay, request)

    def decide(self) -> tuple[RoutePlan, bytes] | None:
        """Return the route and the head to forward; None for the health path."""
        self._check_head()
        host = self.message.headers.get(hdrs.HOST)
        hostname = "" if host is None else check_host(host)
        self.host = b"" if host is None else host.encode()
        target = parse_target(self.message.path, host or "")
        if target.path == self.snapshot.settings.health_path:
            return None
        plan = self._match(hostname, target)
        fields = self.fields = sort_request_fields(
            self.message.raw_headers, plan.request_names, keep_credentials=plan.keep_credentials
        )
        if self.connection.peer.trusted:
            self._believe(fields)
        self.record.principal = plan.guard.admit(fields.credentials)
        self._check_limits(plan, fields)
        return plan, self._head(plan, target, fields)

    def _check_head(self) -> None:
        message = self.message
        if message.version is not HttpVersion11:
            self._check_version()
        if message.method in REFUSED_METHODS:
            raise MethodNotAllowed("method", headers=(("Allow", ORDINARY_METHODS),))
        if hdrs.TRANSFER_ENCODING in message.headers:
            self._check_coding()

    def _check_version(self) -> None:
        if not self.http10:
            raise VersionNotSupported("version")

    def _check_coding(self) -> None:
        """Refuse a framing that a backend might read otherwise (RFC 9112 section 6.1)."""
        codings = self.message.headers.getall(hdrs.TRANSFER_ENCODING)
        if self.http10 or [coding.lower() for coding in codings] != ["chunked"]:
            raise BadRequest("transfer_encoding")

    def _match(self, hostname: str, target: Target) -> RoutePlan:
        method = self.message.method
        plan = self.record.plan = self.snapshot.table.match(hostname, target.path, method)
        if target.found and not target.found <= plan.settings.allow_in_path:
            raise BadTarget("not_allowed_in_path")
        if plan.is_token_stream and method not in STREAM_METHODS:
            raise MethodNotAllowed("stream", headers=(("Allow", "GET, HEAD, OPTIONS"),))
        return plan

    def _check_limits(self, plan: RoutePlan, fields: RequestFields) -> None:
        if fields.expect and [value.lower() for value in fields.expect] != [b"100-continue"]:
            raise ExpectationFailed("expect")
        length = self.message.headers.get(hdrs.CONTENT_LENGTH, "0")
        if len(length) > LENGTH_DIGITS:
            raise BadRequest("content_length")
        limit = self.snapshot.settings.limits.body
        if limit is not None and int(length) > limit:
            raise BodyTooLarge("content_length")
        if plan.settings.stream is not None:
            self.relay.streams.check_room()

    def _believe(self, fields: RequestFields) -> None:
        """Take a trusted peer's word for who sent the request."""
        trusted = self.snapshot.settings.trusted_peers
        origin = trusted_origin(self.connection.peer, self.host, fields.forwarding, trusted)
        self.forwarding = origin.lines
        self.record.client = origin.client
        self.record.request_id = origin.request_id or self.record.request_id

    def _head(self, plan: RoutePlan, target: Target, fields: RequestFields) -> bytes:
        forwarding = self.forwarding
        if forwarding is None:
            forwarding = b"%bX-Forwarded-Host: %b\r\n" % (self.connection.forwarded, self.host)
        record = self.record
        return request_head(
            plan,
            self.message.method,
            target,
            fields,
            host=self.host,
            framing=self._framing(fields),
            forwarding=forwarding,
            principal=record.principal,
            request_id=record.request_id,
        )

    def _framing(self, fields: RequestFields) -> bytes:
        request, headers = self.request, self.message.headers
        if not request.has_body:
            return b"Content-Length: 0\r\n" if hdrs.CONTENT_LENGTH in headers else b""
        chunked = bool(self.message.chunked)
        self.upload = upload = Upload(request.body, self.snapshot.settings.limits, chunked=chunked)
        line = CHUNKED if chunked else b"Content-Length: %d\r\n" % int(headers[hdrs.CONTENT_LENGTH])
        expects = fields.expect and not upload.is_complete and not self.http10
        return line + EXPECT_CONTINUE if expects else line
