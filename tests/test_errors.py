"""Every error: its status, its code, and what the client is told of it."""

from __future__ import annotations

import re

import pytest

from tentaculo import errors
from tentaculo.errors import GatewayError

LEAVES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, GatewayError) and each is not GatewayError
]


CONTRACT: list[tuple[type[GatewayError], int, str]] = [
    (errors.InternalError, 500, "internal_error"),
    (errors.BadRequest, 400, "bad_request"),
    (errors.BadTarget, 400, "bad_target"),
    (errors.AmbiguousCredential, 400, "ambiguous_credential"),
    (errors.Unauthorized, 401, "unauthorized"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.CrossSite, 403, "cross_site"),
    (errors.OriginNotAllowed, 403, "origin_not_allowed"),
    (errors.RouteNotFound, 404, "route_not_found"),
    (errors.MethodNotAllowed, 405, "method_not_allowed"),
    (errors.RequestTimeout, 408, "request_timeout"),
    (errors.BodyTooLarge, 413, "body_too_large"),
    (errors.TargetTooLong, 414, "target_too_long"),
    (errors.ExpectationFailed, 417, "expectation_failed"),
    (errors.TooManyTokens, 429, "issue_rate_exceeded"),
    (errors.TooManyOpenings, 429, "too_many_openings"),
    (errors.TooManyStreamsHere, 429, "stream_limit_reached"),
    (errors.TooManyRequests, 429, "rate_limited"),
    (errors.HeadersTooLarge, 431, "headers_too_large"),
    (errors.UpstreamUnreachable, 502, "upstream_unreachable"),
    (errors.UpstreamProtocolError, 502, "upstream_protocol_error"),
    (errors.UpstreamRedirect, 502, "upstream_redirect"),
    (errors.NotAnEventStream, 502, "not_an_event_stream"),
    (errors.RouteDisabled, 503, "route_disabled"),
    (errors.RouteRemoved, 503, "route_removed"),
    (errors.Overloaded, 503, "overloaded"),
    (errors.TooManyConnections, 503, "too_many_connections"),
    (errors.TooManyStreams, 503, "too_many_streams"),
    (errors.StreamUnavailable, 503, "stream_unavailable"),
    (errors.UpstreamUnavailable, 503, "upstream_unavailable"),
    (errors.UpstreamBusy, 503, "upstream_busy"),
    (errors.TokenStoreAway, 503, "token_store_unavailable"),
    (errors.TokenStoreAtLimit, 503, "token_store_full"),
    (errors.Draining, 503, "draining"),
    (errors.UpstreamTimeout, 504, "upstream_timeout"),
    (errors.VersionNotSupported, 505, "version_not_supported"),
]


@pytest.mark.parametrize(("error", "status", "code"), CONTRACT, ids=[row[2] for row in CONTRACT])
def test_status_and_code(error: type[GatewayError], status: int, code: str) -> None:
    """Clients and dashboards rely on both."""
    assert (error.status, error.code) == (status, code)


def test_leaves() -> None:
    """There is one level of leaves, each with its own code and a title of one sentence."""
    assert {row[0] for row in CONTRACT} == set(LEAVES)
    assert len({leaf.code for leaf in LEAVES}) == len(LEAVES)
    for leaf in LEAVES:
        assert leaf.__bases__ == (GatewayError,)
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", leaf.code)
        assert leaf.title
        assert leaf.title[-1] != "."


def test_tree_in_the_docstring_is_whole() -> None:
    """The module's own overview names every leaf."""
    assert errors.__doc__ is not None
    assert {leaf.__name__ for leaf in LEAVES} <= set(re.findall(r"\w+", errors.__doc__))


def test_reason_and_headers() -> None:
    """The reason is for the log; headers go with the answer, and belong to one error alone."""
    plain = errors.BadRequest()
    full = errors.MethodNotAllowed("method", headers=(("Allow", "GET"),))
    assert (plain.reason, plain.headers, str(plain)) == ("", (), "")
    assert (full.reason, full.headers, str(full)) == ("method", (("Allow", "GET"),), "method")
