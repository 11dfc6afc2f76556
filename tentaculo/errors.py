"""Every fault the gateway answers with, and the status and code each one carries.

    GatewayError
    ├── client:    BadRequest BadTarget Unauthorized AmbiguousCredential Forbidden RouteNotFound
    │              MethodNotAllowed RequestTimeout BodyTooLarge TargetTooLong ExpectationFailed
    │              HeadersTooLarge CrossSite OriginNotAllowed TooManyTokens TooManyOpenings
    │              TooManyStreamsHere TooManyRequests
    ├── gateway:   InternalError Overloaded RouteDisabled RouteRemoved TooManyConnections TooManyStreams
    │              Draining VersionNotSupported TokenStoreAway TokenStoreAtLimit
    └── upstream:  UpstreamUnreachable UpstreamTimeout UpstreamProtocolError
                   UpstreamRedirect NotAnEventStream StreamUnavailable
                   UpstreamUnavailable UpstreamBusy

Raised deep, translated once (`relay.problem`). It knows neither sockets nor HTTP libraries.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """A refused or failed exchange.

    `reason` is for the log only and must hold no secret; the client sees the class's status,
    code and title (RFC 9457).  `headers` are extra response fields, as (name, value) text.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "The gateway failed"

    def __init__(self, reason: str = "", *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.headers = headers


class InternalError(GatewayError):
    """A fault of the gateway's own."""


class BadRequest(GatewayError):
    """The request's head or framing breaks RFC 9110 or RFC 9112."""

    status = 400
    code = "bad_request"
    title = "The request is malformed"


class BadTarget(GatewayError):
    """The request target is not in the one form the gateway decides on."""

    status = 400
    code = "bad_target"
    title = "The request target is not acceptable"


class Unauthorized(GatewayError):
    """No credential, or one that proves nobody."""

    status = 401
    code = "unauthorized"
    title = "A valid credential is required"


class AmbiguousCredential(GatewayError):
    """More than one credential was presented."""

    status = 400
    code = "ambiguous_credential"
    title = "Exactly one credential may be presented"


class Forbidden(GatewayError):
    """The principal is known but may not use this route."""

    status = 403
    code = "forbidden"
    title = "The credential does not open this route"


class CrossSite(GatewayError):
    """A page of another site tried to open a stream with the cookie of this one."""

    status = 403
    code = "cross_site"
    title = "A page of another site may not use this cookie"


class OriginNotAllowed(GatewayError):
    """A preflight from an origin that `cors` does not list."""

    status = 403
    code = "origin_not_allowed"
    title = "Pages of this origin may not call"


class RouteNotFound(GatewayError):
    """No route matches host and path."""

    status = 404
    code = "route_not_found"
    title = "No route matches"


class MethodNotAllowed(GatewayError):
    """A route matches, but not with this method; carries `Allow`."""

    status = 405
    code = "method_not_allowed"
    title = "The route does not take this method"


class RequestTimeout(GatewayError):
    """The head or the body took longer than its limit."""

    status = 408
    code = "request_timeout"
    title = "The request took too long to arrive"


class BodyTooLarge(GatewayError):
    """The request body passed `limits.body`."""

    status = 413
    code = "body_too_large"
    title = "The request body is too large"


class TargetTooLong(GatewayError):
    """The request line passed `limits.request_line`."""

    status = 414
    code = "target_too_long"
    title = "The request line is too long"


class ExpectationFailed(GatewayError):
    """An `Expect` other than `100-continue`."""

    status = 417
    code = "expectation_failed"
    title = "The expectation is not supported"


class TooManyTokens(GatewayError):
    """The principal asked for tokens faster than its `issue_rate`."""

    status = 429
    code = "issue_rate_exceeded"
    title = "Too many tokens were asked for"


class TooManyOpenings(GatewayError):
    """As many streams are open as one token may open."""

    status = 429
    code = "too_many_openings"
    title = "The token has too many open streams"


class TooManyStreamsHere(GatewayError):
    """As many streams are open as this principal or this client may have."""

    status = 429
    code = "stream_limit_reached"
    title = "Too many streams of yours are open"


class TooManyRequests(GatewayError):
    """The route was called more often than its `rate_limit` allows; carries `Retry-After`."""

    status = 429
    code = "rate_limited"
    title = "Too many calls"


class HeadersTooLarge(GatewayError):
    """A header field passed `limits.header`, or all of them `limits.headers`."""

    status = 431
    code = "headers_too_large"
    title = "The request header fields are too large"


class UpstreamUnreachable(GatewayError):
    """No connection to the upstream could be made, or it broke before any reply."""

    status = 502
    code = "upstream_unreachable"
    title = "The upstream could not be reached"


class UpstreamProtocolError(GatewayError):
    """The upstream's reply is not valid HTTP/1.1, or was cut short."""

    status = 502
    code = "upstream_protocol_error"
    title = "The upstream's reply was not valid"


class UpstreamRedirect(GatewayError):
    """The upstream of a token-opened stream answered with a redirect."""

    status = 502
    code = "upstream_redirect"
    title = "The upstream redirected a stream"


class NotAnEventStream(GatewayError):
    """The upstream of a token-opened stream answered with something else."""

    status = 502
    code = "not_an_event_stream"
    title = "The upstream did not answer with an event stream"


class StreamUnavailable(GatewayError):
    """The upstream answered that it has no stream now; its client is asked to come again."""

    status = 503
    code = "stream_unavailable"
    title = "The stream is not available now"


class UpstreamUnavailable(GatewayError):
    """No server of the upstream may be called now; carries `Retry-After`."""

    status = 503
    code = "upstream_unavailable"
    title = "The upstream is not available now"


class UpstreamBusy(GatewayError):
    """The upstream has as many exchanges or connections as its `limits` allow; carries `Retry-After`."""

    status = 503
    code = "upstream_busy"
    title = "The upstream is busy"


class RouteDisabled(GatewayError):
    """The route is configured with `enabled: false`."""

    status = 503
    code = "route_disabled"
    title = "The route is switched off"


class RouteRemoved(GatewayError):
    """A reload took the route away while the request was under way."""

    status = 503
    code = "route_removed"
    title = "The route was taken away"


class TooManyConnections(GatewayError):
    """`limits.connections` or `limits.connections_per_client` is reached."""

    status = 503
    code = "too_many_connections"
    title = "Too many connections"


class Overloaded(GatewayError):
    """The gateway lacks descriptors, ports or memory for another connection."""

    status = 503
    code = "overloaded"
    title = "The gateway has too much to do"


class TooManyStreams(GatewayError):
    """`limits.streams` is reached, or the route's `max_streams`."""

    status = 503
    code = "too_many_streams"
    title = "Too many open streams"


class TokenStoreAway(GatewayError):
    """The token store does not answer, so nobody can say whether a token is good."""

    status = 503
    code = "token_store_unavailable"
    title = "The token store does not answer"


class TokenStoreAtLimit(GatewayError):
    """The token store holds as many valid tokens as it may."""

    status = 503
    code = "token_store_full"
    title = "Too many tokens are valid"


class Draining(GatewayError):
    """The gateway stops: no stream opens, and what did not finish in the time that was left is cut."""

    status = 503
    code = "draining"
    title = "The gateway is shutting down"


class UpstreamTimeout(GatewayError):
    """The upstream did not connect, answer or go on within its timeout."""

    status = 504
    code = "upstream_timeout"
    title = "The upstream took too long"


class VersionNotSupported(GatewayError):
    """An HTTP version other than 1.0 and 1.1."""

    status = 505
    code = "version_not_supported"
    title = "The HTTP version is not supported"
