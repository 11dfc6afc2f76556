"""What is worked out about a route before a request comes."""

from __future__ import annotations

import pytest

from tentaculo.access.principals import Principal, fingerprint
from tentaculo.config.settings import (
    Access,
    CorsSettings,
    EphemeralTokenSettings,
    HeaderEdits,
    PrincipalSettings,
    Rewrite,
    RouteSettings,
    Secret,
    Server,
    StreamSettings,
    Timeouts,
    UpstreamCredential,
    UpstreamSettings,
)
from tentaculo.errors import Forbidden, RouteDisabled, Unauthorized
from tentaculo.relay.plan import authority_of
from tentaculo.wire.headers import Meaning, sort_request_fields
from tests.relay.parts import BACKEND, CALLER, TOKEN, plan_of, route_of
from tests.wire.fields import sort_reply

VIA = b"Via: 1.1 tentaculo\r\n"

REWRITES = {
    "nothing": (None, "/front/a", "/front/a"),
    "strip": (Rewrite("/front", ""), "/front/a/b", "/a/b"),
    "strip, nothing left": (Rewrite("/front", ""), "/front", "/"),
    "strip, a slash left": (Rewrite("/front", ""), "/front/", "/"),
    "strip two": (Rewrite("/front/door", ""), "/front/door/a", "/a"),
    "replace": (Rewrite("/front", "/back"), "/front/a", "/back/a"),
    "replace the whole path": (Rewrite("/front", "/back"), "/front", "/back"),
    "replace, a slash left": (Rewrite("/front", "/back"), "/front/", "/back/"),
    "replace by the root": (Rewrite("/front", "/"), "/front/a", "/a"),
    "replace the root": (Rewrite("/", "/back"), "/front/a", "/back/front/a"),
    "replace the root alone": (Rewrite("/", "/back"), "/", "/back/"),
    "slash at the end": (Rewrite("/front/", "/back/"), "/front/a", "/back/a"),
    "prefix again": (Rewrite("/front", ""), "/front/front/a", "/front/a"),
    "prefix spelled with escapes": (Rewrite("/a:b", ""), "/a%3Ab/c", "/c"),
    "escaped slash behind": (Rewrite("/front", ""), "/front/a%2Fb", "/a%2Fb"),
}


@pytest.mark.parametrize(("rewrite", "path", "asked"), REWRITES.values(), ids=REWRITES)
def test_rewritten_path(rewrite: Rewrite | None, path: str, asked: str) -> None:
    """Whole segments at the beginning of a path are replaced, once, and the rest stays as it came."""
    assert plan_of(route_of(rewrite=rewrite)).rewritten(path) == asked


AUTHORITIES = {
    "port of its own": (Server("http", "backend.test", 8011), b"backend.test:8011"),
    "port of http": (Server("http", "backend.test", 80), b"backend.test"),
    "port of https": (Server("https", "backend.test", 443), b"backend.test"),
    "https on the port of http": (Server("https", "backend.test", 80), b"backend.test:80"),
    "IPv4": (Server("http", "127.0.0.1", 8080), b"127.0.0.1:8080"),
    "IPv6": (Server("http", "::1", 80), b"[::1]"),
    "IPv6 with port": (Server("https", "fd00::1", 8443), b"[fd00::1]:8443"),
}


@pytest.mark.parametrize(("server", "authority"), AUTHORITIES.values(), ids=AUTHORITIES)
def test_authority_of_an_upstream(server: Server, authority: bytes) -> None:
    """The upstream's own `Host` leaves out a default port and sets brackets around IPv6."""
    assert authority_of(UpstreamSettings(name="backend", servers=(server,))) == authority
    assert (
        plan_of(route_of(), upstream=UpstreamSettings(name="backend", servers=(server,))).authority
        == authority
    )


def test_static_fields() -> None:
    """What a route sets is written once for all exchanges, the client's and the upstream's own dropped."""
    plan = plan_of(
        route_of(
            request_headers=HeaderEdits(set=(("X-Env", "prod"),), remove=("X-Debug",)),
            response_headers=HeaderEdits(set=(("X-Frame-Options", "DENY"),), remove=("Server",)),
        )
    )
    assert plan.request_lines == b"X-Env: prod\r\n" + VIA
    assert plan.response_lines == b"X-Frame-Options: DENY\r\n"
    sent = [(b"x-env", b"dev"), (b"X-DEBUG", b"1"), (b"Accept", b"*/*")]
    assert b"".join(sort_request_fields(sent, plan.request_names, keep_credentials=False).kept) == (
        b"Accept: */*\r\n"
    )
    replied = [(b"server", b"x"), (b"x-frame-options", b"ALLOW"), (b"ETag", b"1")]
    assert sort_reply(replied, plan.response_names).kept == [b"ETag: 1"]


def test_host_that_a_route_sets() -> None:
    """`Host` is set in the request's own place, not as one more field."""
    edits = HeaderEdits(set=(("host", "inner.test"), ("X-A", "b")))
    plan = plan_of(route_of(request_headers=edits))
    assert plan.own_host == b"inner.test"
    assert plan.request_lines == b"X-A: b\r\n" + VIA
    assert plan_of(route_of()).own_host is None


def test_credential_of_an_upstream() -> None:
    """The gateway's own credential is added, and a client can't send one in its place."""
    credential = UpstreamCredential("X-Service-Token", Secret("s3rvice-secret"))
    plan = plan_of(
        route_of(),
        upstream=UpstreamSettings(name="backend", servers=BACKEND.servers, credential=credential),
    )
    assert plan.request_lines == b"X-Service-Token: s3rvice-secret\r\n" + VIA
    assert plan.request_names.meaning(b"x-service-token") is Meaning.DROP


ACCESSES = {
    "header-token": (route_of(), b"Cache-Control: private\r\n", b"Vary: X-VX11-Token\r\n"),
    "two credential headers": (
        route_of(credential_headers=("X-A", "Authorization")),
        b"Cache-Control: private\r\n",
        b"Vary: X-A, Authorization\r\n",
    ),
    "public": (route_of(access=Access.PUBLIC), b"", b""),
    "upstream": (route_of(access=Access.UPSTREAM, stream=StreamSettings()), b"", b""),
}


@pytest.mark.parametrize(("route", "private", "vary"), ACCESSES.values(), ids=ACCESSES)
def test_lines_for_silent_upstreams(route: RouteSettings, private: bytes, vary: bytes) -> None:
    """Replies to a credential are private and vary by its header; others are left alone."""
    plan = plan_of(route)
    assert (plan.private_line, plan.vary_line, plan.silent_lines) == (private, vary, private + vary)


KEPT = {
    "header-token": (route_of(), False),
    "forwarded": (route_of(forward_credential=True), True),
    "public": (route_of(access=Access.PUBLIC), False),
    "upstream decides": (route_of(access=Access.UPSTREAM, stream=StreamSettings()), True),
}


@pytest.mark.parametrize(("route", "kept"), KEPT.values(), ids=KEPT)
def test_credentials_are_kept(route: RouteSettings, kept: bool) -> None:
    """A credential goes on only where the route says so, or where the upstream decides by it."""
    assert plan_of(route).keep_credentials is kept


def test_identity_header() -> None:
    """A checked route writes the identity header and drops a sent one; others believe a trusted peer's."""
    checked = plan_of(route_of(), identity_header="X-Who")
    assert checked.identity_prefix == b"X-Who: "
    assert checked.request_names.meaning(b"x-who") is Meaning.DROP
    public = plan_of(route_of(access=Access.PUBLIC), identity_header="X-Who")
    assert public.identity_prefix is None
    assert public.request_names.meaning(b"x-who") is Meaning.FORWARDING


def test_guard_of_the_route() -> None:
    """The guard knows the gateway's principals, their routes, and whether the route is on."""
    caller = Principal("caller", fingerprint(CALLER.digests[0]))
    assert plan_of(route_of()).guard.admit([TOKEN]) == caller
    with pytest.raises(Unauthorized):
        plan_of(route_of()).guard.admit([])
    limited = (PrincipalSettings(name="caller", digests=CALLER.digests, routes=("other-*",)),)
    with pytest.raises(Forbidden):
        plan_of(route_of(), principals=limited).guard.admit([TOKEN])
    with pytest.raises(RouteDisabled):
        plan_of(route_of(enabled=False)).guard.admit([TOKEN])


def test_routes_that_carry_streams_only() -> None:
    """Their rules bind where access is the upstream's or the stream is shared; options alone bind nobody."""
    stream = StreamSettings()
    assert plan_of(route_of(access=Access.UPSTREAM, stream=stream)).is_stream_only
    assert plan_of(route_of(stream=StreamSettings(shared=True))).is_stream_only
    assert not plan_of(route_of(stream=stream)).is_stream_only
    assert not plan_of(route_of(access=Access.PUBLIC, stream=stream)).is_stream_only
    assert not plan_of(route_of()).is_stream_only


def test_timeouts_are_the_routes() -> None:
    """The route's timeouts hold, into which the upstream's were filled."""
    timeouts = Timeouts(response=1.5)
    assert plan_of(route_of(timeouts=timeouts)).timeouts is timeouts


TOKENS = route_of(
    access=Access.EPHEMERAL_TOKEN,
    stream=StreamSettings(),
    ephemeral_token=EphemeralTokenSettings(issue_path="/t"),
)


def test_token_opens_a_stream_that_no_cache_keeps() -> None:
    """Whatever the upstream says of it, such a reply is not stored; it varies by the credential header."""
    plan = plan_of(TOKENS)
    assert plan.is_stream_only
    assert plan.opening is not None
    assert plan.private_line == b"Cache-Control: no-store\r\n"
    assert plan.vary_line == b"Vary: X-VX11-Token\r\n"
    replied = [(b"Cache-Control", b"public, max-age=60"), (b"ETag", b"1")]
    sorted_fields = sort_reply(replied, plan.response_names)
    assert sorted_fields.kept == [b"ETag: 1"]
    assert Meaning.CACHE_CONTROL not in sorted_fields.seen
    assert plan_of(route_of()).opening is None


UNENCODED = {
    "no stream": (route_of(), False),
    "stream": (route_of(stream=StreamSettings()), True),
    "stream without a last event": (route_of(stream=StreamSettings(last_event=False)), False),
    "stream that beats": (route_of(stream=StreamSettings(last_event=False, heartbeat=9.0)), True),
    "stream with a time to come again": (route_of(stream=StreamSettings(last_event=False, retry=9.0)), True),
    "shared stream": (route_of(stream=StreamSettings(last_event=False, shared=True)), True),
    "stream that tokens open": (TOKENS, True),
}


@pytest.mark.parametrize(("route", "unencoded"), UNENCODED.values(), ids=UNENCODED)
def test_stream_that_is_added_to_must_not_be_encoded(route: RouteSettings, unencoded: bool) -> None:
    """Where the gateway may say the last word, the upstream is asked for a stream that it can add to."""
    plan = plan_of(route)
    assert (b"Accept-Encoding: identity\r\n" in plan.request_lines) is unencoded
    sent = sort_request_fields([(b"Accept-Encoding", b"gzip")], plan.request_names, keep_credentials=False)
    assert bool(sent.kept) is not unencoded


COOKIES = {
    "ordinary": (HeaderEdits(), True),
    "removed": (HeaderEdits(remove=("cookie",)), False),
    "set": (HeaderEdits(set=(("COOKIE", "a=1"),)), False),
}


@pytest.mark.parametrize(("edits", "kept"), COOKIES.values(), ids=COOKIES)
def test_cookies_go_on(edits: HeaderEdits, kept: bool) -> None:
    """Unless the route removes or sets them."""
    assert plan_of(route_of(request_headers=edits)).keep_cookies is kept


def test_origins_are_the_gateways_to_say_where_the_route_names_them() -> None:
    """Then the upstream's own fields are dropped."""
    field = b"Access-Control-Allow-Origin"
    named = plan_of(route_of(cors=CorsSettings(origins=("https://a",))))
    assert named.cors is not None
    assert named.response_names.meaning(field) is Meaning.DROP
    assert plan_of(route_of()).cors is None
    assert plan_of(route_of()).response_names.meaning(field) is Meaning.PASS
