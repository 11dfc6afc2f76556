"""Decides on one request: whether it may pass, where to, and with which head.

Everything here is done at once, before a byte goes up.  It raises what the client is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import hdrs

from tentaculo.access.guard import CHALLENGE
from tentaculo.config.settings import Carry, MaintenanceSettings, StreamSettings, Unavailable
from tentaculo.errors import (
    BadRequest,
    BadTarget,
    BodyTooLarge,
    ExpectationFailed,
    GatewayError,
    MethodNotAllowed,
    OriginNotAllowed,
    Unauthorized,
    VersionNotSupported,
)
from tentaculo.relay.issuing import IssuePlan
from tentaculo.relay.opening import Cookies, Opening, cookie_name
from tentaculo.relay.own_replies import OwnReply
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.record import Record
from tentaculo.relay.request import Request
from tentaculo.relay.request_head import CHUNKED, EXPECT_CONTINUE, request_head
from tentaculo.relay.streams import Claim
from tentaculo.relay.upload import Upload
from tentaculo.wire.authority import check_host
from tentaculo.wire.cookies import take_cookies
from tentaculo.wire.cors import VARY, Fields
from tentaculo.wire.forwarded import trusted_origin
from tentaculo.wire.headers import LENGTH_DIGITS, Meaning, RequestFields, sort_request_fields
from tentaculo.wire.last_event_id import HEADER as LAST_EVENT_ID
from tentaculo.wire.last_event_id import find_last_event_id
from tentaculo.wire.target import Target, parse_target

if TYPE_CHECKING:
    from tentaculo.relay.relay import Relay

REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
ORDINARY_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
STREAM_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LAST_EVENT_ID = LAST_EVENT_ID.encode()
UNDECLARED = StreamSettings()


class Admission:
    """One request under decision; `record` takes what was found out, `upload` is its body, if any."""

    __slots__ = (
        "by",
        "connection",
        "cookies",
        "cors",
        "fields",
        "forwarding",
        "host",
        "http10",
        "issuing",
        "last_event_id",
        "maintenance",
        "message",
        "own",
        "preflight",
        "rate",
        "record",
        "relay",
        "request",
        "secure",
        "snapshot",
        "target",
        "token",
        "upload",
    )

    def __init__(self, relay: Relay, request: Request) -> None:
        self.relay = relay
        self.request = request
        self.message = message = request.message
        self.snapshot = relay.snapshot
        self.connection = request.connection
        self.http10 = message.is_http10
        self.fields: RequestFields | None = None
        self.forwarding: bytes | None = None
        self.upload: Upload | None = None
        self.host = b""
        self.target: Target | None = None
        self.own: OwnReply | None = None
        self.issuing: IssuePlan | None = None
        self.preflight: Fields | None = None
        self.maintenance: MaintenanceSettings | None = None
        self.cors: Fields = ()
        self.rate: Fields = ()
        self.cookies: Cookies = []
        self.token: bytes | None = None
        self.last_event_id = b""
        self.by = ""
        self.secure = self.connection.peer.scheme == "https"
        self.record = Record(relay, request)

    def decide(self) -> RoutePlan | None:
        """Return the route to forward on, None for what the gateway answers itself.

        That is a path of its `own`, the request for a token (`issuing`), a preflight (`preflight`), or a
        call to a route under `maintenance`.
        With a `token`, who asks is known only once that was redeemed.
        """
        self._check_head()
        host = self.message.host
        hostname = "" if host is None else check_host(host)
        self.host = b"" if host is None else host.encode()
        target = self.target = parse_target(self.message.path, host or "")
        self.own = self.snapshot.own.find(target.path)
        if self.own is not None:
            return None
        plan = self._match(hostname, target)
        if plan is None:
            return None
        fields = self.fields = sort_request_fields(
            self.message.raw_headers, plan.request_names, keep_credentials=plan.keep_credentials
        )
        if self.connection.peer.trusted:
            self._believe(fields)
        if fields.cookies:
            others = self._take_cookies(fields)
            if plan.keep_cookies:
                _pass_cookies(fields, [*others, *self._handed_on(plan)])
        if plan.opening is None:
            self.record.principal = plan.guard.admit(fields.credentials)
        else:
            self._present(plan, plan.opening, fields)
        if plan.settings.stream is not None:
            self._take_last_event_id(plan, fields)
        if self.token is None:
            self.rate = plan.count_call(self.record.principal, self.record.client, self.relay.clock)
        self._check_limits(plan, fields)
        return plan

    def head(self, plan: RoutePlan) -> bytes:
        """Return the head to forward, once it is known who asks."""
        assert self.target is not None
        assert self.fields is not None
        return self._head(plan, self.target, self.fields)

    def _check_head(self) -> None:
        message = self.message
        if not message.is_http11:
            self._check_version()
        if message.method in REFUSED_METHODS:
            raise MethodNotAllowed("method", headers=(("Allow", ORDINARY_METHODS),))
        if message.is_coded:
            self._check_coding()

    def _check_version(self) -> None:
        if not self.http10:
            raise VersionNotSupported("version")

    def _check_coding(self) -> None:
        """Refuse a framing that a backend might read otherwise (RFC 9112 section 6.1)."""
        codings = self.message.headers.getall(hdrs.TRANSFER_ENCODING)
        if self.http10 or [coding.lower() for coding in codings] != ["chunked"]:
            raise BadRequest("transfer_encoding")

    def _match(self, hostname: str, target: Target) -> RoutePlan | None:
        method = self.message.method
        if method == "OPTIONS" and hdrs.ACCESS_CONTROL_REQUEST_METHOD in self.message.headers:
            self._answer_preflight(hostname, target)
            if self.preflight is not None:
                return None
        plan = self.snapshot.table.match(hostname, target.path, method)
        if isinstance(plan, IssuePlan):
            self._admit_issuing(plan)
            return None
        self.record.plan = plan
        if plan.cors is not None:
            self.cors = plan.cors.fields(self.message.headers.get(hdrs.ORIGIN))
        if target.found and not target.found <= plan.settings.allow_in_path:
            raise BadTarget("not_allowed_in_path")
        self.maintenance = plan.settings.maintenance
        if self.maintenance is not None:
            return None
        if plan.is_stream_only and method not in STREAM_METHODS:
            raise MethodNotAllowed("stream", headers=(("Allow", "GET, HEAD, OPTIONS"),))
        return plan

    def _answer_preflight(self, hostname: str, target: Target) -> None:
        """Answer where the gateway knows the origins; any other preflight is a request like others."""
        headers = self.message.headers
        method, origin = headers[hdrs.ACCESS_CONTROL_REQUEST_METHOD], headers.get(hdrs.ORIGIN)
        try:
            plan = self.snapshot.table.match(hostname, target.path, method)
        except GatewayError:
            return
        if plan.cors is None or origin is None:
            return
        self._remember(plan)
        names = headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
        self.preflight = plan.cors.preflight_fields(origin, method, names)
        if self.preflight is None:
            self.cors = VARY
            raise OriginNotAllowed("origin")

    def _remember(self, plan: RoutePlan | IssuePlan) -> None:
        if isinstance(plan, IssuePlan):
            self.record.issuing = plan
        else:
            self.record.plan = plan

    def _admit_issuing(self, plan: IssuePlan) -> None:
        self._remember(plan)
        if plan.cors is not None:
            self.cors = plan.cors.fields(self.message.headers.get(hdrs.ORIGIN))
        fields = self.fields = sort_request_fields(
            self.message.raw_headers, plan.request_names, keep_credentials=False
        )
        if self.connection.peer.trusted:
            self._believe(fields)
        self._take_cookies(fields)
        self._check_message(fields)
        self.record.principal = plan.admit(fields.credentials)
        self.issuing = plan

    def _take_cookies(self, fields: RequestFields) -> list[bytes]:
        kept, self.cookies = take_cookies(fields.cookies, self.snapshot.own_cookies)
        return kept

    def _handed_on(self, plan: RoutePlan) -> list[bytes]:
        """Return the route's own token as a cookie, where it hands credentials on; never the binding."""
        if plan.opening is None or not plan.keep_credentials:
            return []
        name = cookie_name(plan.opening.cookie, secure=self.secure)
        return [b"%b=%b" % (key, value) for key, value in self.cookies if key == name]

    def _present(self, plan: RoutePlan, opening: Opening, fields: RequestFields) -> None:
        assert self.target is not None
        rest, tokens = opening.take(self.target.query, self.cookies, secure=self.secure)
        fields.tokens = tokens
        presented = plan.guard.present(fields.credentials, tokens)
        if presented.token is not None and self.message.method != hdrs.METH_GET:
            raise Unauthorized("only_get_redeems", headers=CHALLENGE)
        if tokens and opening.terms.carry is Carry.COOKIE:
            opening.check_site(self.message.headers, self.host.decode())
        if not plan.keep_credentials:
            self.target = self.target._replace(query=rest)
        self.by, self.token = presented.by, presented.token
        self.record.principal = presented.principal

    def _take_last_event_id(self, plan: RoutePlan, fields: RequestFields) -> None:
        assert self.target is not None
        found = find_last_event_id(self.message.headers.getall(LAST_EVENT_ID, []), self.target.query)
        self.target = self.target._replace(query=found.query)
        self.last_event_id = found.id
        if found.is_new and plan.request_names.meaning(_LAST_EVENT_ID) is Meaning.PASS:
            fields.kept += (_LAST_EVENT_ID, b": ", found.id, b"\r\n")

    def _check_message(self, fields: RequestFields) -> None:
        if fields.expect and [value.lower() for value in fields.expect] != [b"100-continue"]:
            raise ExpectationFailed("expect")
        length = self.message.content_length
        if length is None:
            return
        if len(length) > LENGTH_DIGITS:
            raise BadRequest("content_length")
        limit = self.snapshot.settings.limits.body
        if limit is not None and int(length) > limit:
            raise BodyTooLarge("content_length")

    def _check_limits(self, plan: RoutePlan, fields: RequestFields) -> None:
        self._check_message(fields)
        stream = plan.settings.stream
        if stream is not None and (self.token is None or stream.unavailable is Unavailable.ERROR):
            self.check_room(plan)  # else once it is known that the token is bound

    def claim(self, plan: RoutePlan) -> Claim:
        """Return whose stream this one is or would be."""
        principal = self.record.principal
        return Claim(
            route=plan.name,
            settings=plan.settings.stream or UNDECLARED,
            principal=None if principal is None else principal.name,
            principal_limit=None if principal is None else principal.max_streams,
            client=self.record.client,
        )

    def check_room(self, plan: RoutePlan) -> None:
        """Raise what says that no stream may open, on a route that is declared to carry them."""
        if plan.settings.stream is not None:
            self.relay.streams.check_room(self.claim(plan))

    def _believe(self, fields: RequestFields) -> None:
        """Take a trusted peer's word for who sent the request."""
        trusted = self.snapshot.settings.trusted_peers
        origin = trusted_origin(self.connection.peer, self.host, fields.forwarding, trusted)
        self.forwarding = origin.lines
        self.record.client = origin.client
        self.secure = origin.scheme == "https"
        self.record.request_id = origin.request_id or self.record.request_id

    def _head(self, plan: RoutePlan, target: Target, fields: RequestFields) -> bytes:
        forwarding = self.forwarding
        if forwarding is None:
            forwarding = b"".join((self.connection.forwarded, b"X-Forwarded-Host: ", self.host, b"\r\n"))
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
        request, length = self.request, self.message.content_length
        if not request.has_body:
            return b"" if length is None else b"Content-Length: 0\r\n"
        chunked = self.message.chunked
        self.upload = upload = Upload(request.body, self.snapshot.settings.limits, chunked=chunked)
        line = CHUNKED if chunked or length is None else b"Content-Length: %d\r\n" % int(length)
        expects = fields.expect and not upload.is_complete and not self.http10
        return line + EXPECT_CONTINUE if expects else line


def _pass_cookies(fields: RequestFields, values: list[bytes]) -> None:
    for value in values:
        fields.kept += (b"Cookie", b": ", value, b"\r\n")
