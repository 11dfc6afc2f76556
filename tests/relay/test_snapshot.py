"""Settings compiled into what an exchange decides with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tentaculo.access.standings import Standings
from tentaculo.access.store import Standing
from tentaculo.config.settings import (
    Access,
    EphemeralTokenSettings,
    PrincipalSettings,
    Rate,
    RateLimitSettings,
    RouteSettings,
    Secret,
    Server,
    Settings,
    StreamSettings,
    Timeouts,
    TokenStoreSettings,
    UpstreamCredential,
    UpstreamSettings,
)
from tentaculo.errors import Forbidden, RouteNotFound
from tentaculo.relay.issuing import IssuePlan
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.snapshot import Snapshot, build_snapshot, credential_names
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.wire.headers import Meaning
from tests.fakes.clock import Clock
from tests.fakes.gates import eventually
from tests.relay.parts import BACKEND, CALLER, TOKEN, route_of, settings_of
from tests.upstream.fakes import ManualServer
from tests.upstream.pooled import serve

OTHER = UpstreamSettings(
    name="other",
    servers=(Server("http", "other.test", 80),),
    credential=UpstreamCredential("X-Service-Token", Secret("s3rvice-secret")),
)


def build(settings: Settings, metrics: Metrics | None = None) -> Snapshot:
    """Compile settings."""
    return build_snapshot(settings, metrics=metrics or Metrics(version="0"), deadlines=Deadlines())


@pytest.fixture
async def server() -> AsyncIterator[ManualServer]:
    """A server that says nothing by itself."""
    server = ManualServer()
    await server.start()
    yield server
    await server.stop()


def test_routes_are_found_with_their_plans() -> None:
    """Host, path and methods of each route hold, and what is found is its compiled plan."""
    snapshot = build(
        settings_of(
            route_of(name="narrow", host="inner.test", methods=frozenset({"GET"})),
            route_of(name="wide", access=Access.PUBLIC),
        )
    )
    assert snapshot.table.match("inner.test", "/api/a", "GET").name == "narrow"
    assert snapshot.table.match("outer.test", "/api/a", "POST").name == "wide"
    with pytest.raises(RouteNotFound):
        snapshot.table.match("inner.test", "/elsewhere", "GET")


def test_routes_of_an_upstream_share_its_pool() -> None:
    """Each upstream has one pool, whether a route uses it or not."""
    routes = route_of(name="a", path="/a"), route_of(name="b", path="/b")
    snapshot = build(settings_of(*routes, upstreams=(BACKEND, OTHER)))
    first, second = (snapshot.table.match("", path, "GET") for path in ("/a", "/b"))
    assert isinstance(first, RoutePlan)
    assert isinstance(second, RoutePlan)
    assert first.upstream is second.upstream is snapshot.upstreams["backend"]
    assert set(snapshot.upstreams) == {"backend", "other"}


def test_routes_know_the_principals() -> None:
    """A principal's token opens the routes that it may use."""
    settings = settings_of(route_of(), principals=(CALLER, PrincipalSettings(name="x", digests=(b"x" * 32,))))
    principal = build(settings).table.match("", "/api/a", "GET").guard.admit([TOKEN])
    assert principal is not None
    assert principal.name == "caller"


def test_requests_without_a_route_are_counted_apart() -> None:
    """What matches no route has metrics of its own, under a name that no route can have."""
    metrics = Metrics(version="0")
    snapshot = build(settings_of(route_of()), metrics)
    snapshot.unrouted.request_finished("GET", 404, 0.0)
    snapshot.table.match("", "/api/a", "GET").metrics.request_finished("GET", 200, 0.0)
    for route, status in (("-", "4xx"), ("api", "2xx")):
        labels = {"route": route, "method": "GET", "status_class": status}
        assert metrics.registry.get_sample_value("tentaculo_requests_total", labels) == 1


def credential_settings() -> Settings:
    """Name a credential header in every place that can."""
    route: RouteSettings = route_of(credential_headers=("X-Route-Token",))
    return settings_of(route, credential_headers=("X-VX11-Token",), upstreams=(BACKEND, OTHER))


def test_names_of_credentials() -> None:
    """The file's, the routes' and the upstreams' credential headers are all known as secret."""
    assert credential_names(credential_settings()) == {"X-VX11-Token", "X-Route-Token", "X-Service-Token"}


def test_names_of_secret_fields() -> None:
    """Those, and the standard ones, keep their values out of the log, however they are spelled."""
    assert build(credential_settings()).secret_names == {
        b"authorization",
        b"proxy-authorization",
        b"x-vx11-token",
        b"x-route-token",
        b"x-service-token",
    }


async def test_close_leaves_no_connection(server: ManualServer) -> None:
    """Closing a snapshot closes what its pools keep; an exchange in hand keeps its connection."""
    upstream = UpstreamSettings(
        name="backend",
        servers=(Server("http", "127.0.0.1", server.port),),
        timeouts=Timeouts(keep_alive=3600.0),
    )
    snapshot = build(settings_of(route_of(), upstreams=(upstream,)))
    pool = snapshot.upstreams["backend"].servers[0].pool
    kept, used = await pool.connect(2.0), await pool.connect(2.0)
    await serve(kept, await server.accept())
    wire = await server.accept()
    await snapshot.aclose()
    await eventually(lambda: pool.open_connections == 1)
    assert (kept.is_open, used.is_open) == (False, True)
    await serve(used, wire)
    await eventually(lambda: pool.open_connections == 0)


async def test_aborts_are_measured(server: ManualServer) -> None:
    """How long upstream connections outlive their clients comes to the metrics, from every pool."""
    upstream = UpstreamSettings(name="backend", servers=(Server("http", "127.0.0.1", server.port),))
    metrics, clock = Metrics(version="0"), Clock()
    upstreams = build_snapshot(
        settings_of(route_of(), upstreams=(upstream, replace(upstream, name="other"))),
        metrics=metrics,
        deadlines=Deadlines(clock, tick=3600),
    ).upstreams
    for pool in [upstream.servers[0].pool for upstream in upstreams.values()]:
        connection = await pool.connect(2.0)
        connection.abort(clock() - 0.25)
        await eventually(lambda pool=pool: pool.open_connections == 0)  # type: ignore[misc]
    assert metrics.registry.get_sample_value("upstream_abort_seconds_count") == 2
    assert metrics.registry.get_sample_value("upstream_abort_seconds_sum") == 0.5


def token_route(name: str, path: str, host: str | None = None) -> RouteSettings:
    """Configure a route that tokens of one issue path open."""
    return route_of(
        name=name,
        path=path,
        host=host,
        access=Access.EPHEMERAL_TOKEN,
        stream=StreamSettings(),
        ephemeral_token=EphemeralTokenSettings(issue_path="/api/token"),
    )


def test_issue_paths_are_routes_of_their_own() -> None:
    """POST there issues for all routes that share it, and only there; a host has its own."""
    routes = token_route("a", "/a"), token_route("b", "/b"), token_route("c", "/c", "c.test"), route_of()
    table = build(settings_of(*routes)).table
    shared, own = table.match("any", "/api/token", "POST"), table.match("c.test", "/api/token", "POST")
    assert isinstance(shared, IssuePlan)
    assert isinstance(own, IssuePlan)
    assert (shared.name, shared.endpoint, shared.openable) == ("a", "/a", {"caller": ("a", "b")})
    assert (own.name, own.openable) == ("c", {"caller": ("c",)})
    assert not isinstance(table.match("any", "/api/other", "POST"), IssuePlan)


def test_own_cookies() -> None:
    """The names of the gateway's cookies are known to every route once there is one that issues tokens."""
    none, some = build(settings_of(route_of())), build(settings_of(route_of(), token_route("a", "/a")))
    assert none.own_cookies == frozenset()
    assert b"tentaculo_binding" in some.own_cookies
    meanings = [
        each.table.match("", "/api/a", "GET").request_names.meaning(b"Cookie") for each in (none, some)
    ]
    assert meanings == [Meaning.PASS, Meaning.COOKIE]


def test_standings_are_handed_in() -> None:
    """What is known of blocked principals outlives a snapshot."""
    standings = Standings()
    standings.note("caller", Standing(1, 60.0))
    snapshot = build_snapshot(
        settings_of(route_of(), token_route("a", "/a")),
        metrics=Metrics(version="0"),
        deadlines=Deadlines(),
        standings=standings,
    )
    for path, method in (("/api/a", "GET"), ("/api/token", "POST")):
        with pytest.raises(Forbidden):
            snapshot.table.match("", path, method).guard.admit([TOKEN])


def test_limits_that_instances_share() -> None:
    """With a store for several they are those of routes and those of principals, told apart by name."""
    limit = RateLimitSettings(rate=Rate(rate=1.0, burst=1))
    redis = TokenStoreSettings(url=Secret("redis://redis"))
    snapshot = build(settings_of(route_of(name="caller", rate_limit=limit), token_store=redis))
    assert [(each.route, each.shared) for each in snapshot.shared_limits] == [
        ("caller", True),
        ("issue:caller", True),
    ]
