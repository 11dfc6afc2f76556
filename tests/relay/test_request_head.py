"""The head that an upstream gets, byte for byte."""

from __future__ import annotations

import pytest

from tentaculo.access.principals import Principal
from tentaculo.config.settings import Access, HeaderEdits, Rewrite, RouteSettings
from tentaculo.relay.request_head import CHUNKED, EXPECT_CONTINUE, request_head
from tentaculo.wire.headers import Field, sort_request_fields
from tentaculo.wire.target import parse_target
from tests.relay.parts import plan_of, route_of

CALLER = Principal("caller")
VIA = b"Via: 1.1 tentaculo\r\n"
LENGTH = b"Content-Length: 3\r\n"


def head(
    route: RouteSettings | None = None,
    *fields: Field,
    method: str = "GET",
    target: str = "/api/a",
    host: bytes = b"gateway.test",
    framing: bytes = b"",
    forwarding: bytes = b"",
    principal: Principal | None = None,
) -> bytes:
    """Write the head of a request to a route."""
    plan = plan_of(route or route_of())
    return request_head(
        plan,
        method,
        parse_target(target, ""),
        sort_request_fields(fields, plan.request_names, keep_credentials=plan.keep_credentials),
        host=host,
        framing=framing,
        forwarding=forwarding,
        principal=principal,
        request_id="id-1",
    )


def test_whole_head() -> None:
    """Request line, Host, the client's fields as they came, then the gateway's own, then the empty line."""
    route = route_of(request_headers=HeaderEdits(set=(("X-Env", "prod"),)))
    fields = ((b"Cookie", b"a=1"), (b"accept", b"*/*"), (b"X-VX11-Token", b"t0ken"), (b"Cookie", b"b=\xff"))
    forwarding = b"X-Forwarded-For: 192.0.2.1\r\n"
    written = head(route, *fields, framing=LENGTH, forwarding=forwarding, principal=CALLER, method="POST")
    assert written == (
        b"POST /api/a HTTP/1.1\r\n"
        b"Host: gateway.test\r\n"
        b"Cookie: a=1\r\naccept: */*\r\nCookie: b=\xff\r\n"
        b"Content-Length: 3\r\n"
        b"X-Forwarded-For: 192.0.2.1\r\n"
        b"X-Env: prod\r\n" + VIA + b"X-Tentaculo-Principal: caller\r\n"
        b"X-Request-Id: id-1\r\n\r\n"
    )


TARGETS = {
    "no query": ("/api/a", b"/api/a"),
    "query": ("/api/a?x=1&token=t", b"/api/a?x=1&token=t"),
    "empty query": ("/api/a?", b"/api/a?"),
    "second question mark": ("/api/a?x?y", b"/api/a?x?y"),
    "canonical spelling": ("/api/%7euser%c3%a9", b"/api/~user%C3%A9"),
    "query as it came": ("/api/a?%7e/../;%zz", b"/api/a?%7e/../;%zz"),
}


@pytest.mark.parametrize(("target", "asked"), TARGETS.values(), ids=TARGETS)
def test_target_is_the_canonical_one(target: str, asked: bytes) -> None:
    """What was matched is what is forwarded, and the query byte for byte."""
    assert head(target=target).startswith(b"GET " + asked + b" HTTP/1.1\r\n")


def test_rewritten_target_keeps_its_query() -> None:
    """A rewrite changes the path alone."""
    route = route_of(rewrite=Rewrite("/api", "/inner"))
    assert head(route, target="/api/a?b=/api/c").startswith(b"GET /inner/a?b=/api/c HTTP/1.1\r\n")


HOSTS = {
    "the client's": (route_of(), b"gateway.test:8443", b"gateway.test:8443"),
    "the upstream's, where the client sent none": (route_of(), b"", b"backend.test:8011"),
    "the route's own": (
        route_of(request_headers=HeaderEdits(set=(("Host", "inner.test"),))),
        b"gateway.test",
        b"inner.test",
    ),
}


@pytest.mark.parametrize(("route", "sent", "host"), HOSTS.values(), ids=HOSTS)
def test_one_host(route: RouteSettings, sent: bytes, host: bytes) -> None:
    """There is exactly one Host, right behind the request line."""
    lines = head(route, (b"Host", b"elsewhere.test"), host=sent).split(b"\r\n")
    assert lines[1] == b"Host: " + host
    assert [line for line in lines if line.lower().startswith(b"host:")] == lines[1:2]


@pytest.mark.parametrize("framing", [b"", LENGTH, CHUNKED, LENGTH + EXPECT_CONTINUE])
def test_framing_is_the_gateways_own(framing: bytes) -> None:
    """A client's own framing fields never pass beside those that the gateway writes."""
    sent = ((b"Content-Length", b"99"), (b"Transfer-Encoding", b"gzip"), (b"Expect", b"100-continue"))
    lines = head(None, *sent, framing=framing).splitlines(keepends=True)
    said = [li for li in lines if li.startswith((b"Content-L", b"Transfer", b"Expect"))]
    assert b"".join(said) == framing


IDENTITIES = {
    "proved": (route_of(), CALLER, b"X-Tentaculo-Principal: caller\r\n"),
    "nobody": (route_of(), None, b""),
    "public route": (route_of(access=Access.PUBLIC), CALLER, b""),
}


@pytest.mark.parametrize(("route", "principal", "line"), IDENTITIES.values(), ids=IDENTITIES)
def test_identity_is_what_was_proved(route: RouteSettings, principal: Principal | None, line: bytes) -> None:
    """The upstream is told the principal that a check has proved; a sent one never passes."""
    written = head(route, (b"X-Tentaculo-Principal", b"root"), principal=principal)
    assert b"root" not in written
    assert [li for li in written.splitlines(keepends=True) if li.startswith(b"X-Tentaculo")] == (
        [line] if line else []
    )


CREDENTIALS = {
    "taken": (route_of(), b"Authorization: Basic x\r\n"),
    "forwarded": (route_of(forward_credential=True), b"X-VX11-Token: t0ken\r\nAuthorization: Basic x\r\n"),
}


@pytest.mark.parametrize(("route", "kept"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_credential_goes_only_where_it_may(route: RouteSettings, kept: bytes) -> None:
    """The credential is removed unless the route forwards it; other secrets are the backend's own."""
    sent = ((b"X-VX11-Token", b"t0ken"), (b"Authorization", b"Basic x"))
    before, after = head(route, *sent).split(VIA)
    assert before.partition(b"Host: gateway.test\r\n")[2] == kept
    assert after == b"X-Request-Id: id-1\r\n\r\n"
