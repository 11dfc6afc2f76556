"""Everything an exchange decides with, frozen together: a reload swaps in another one."""

from __future__ import annotations

from dataclasses import dataclass

from tentaculo.access.principals import Principals
from tentaculo.config.settings import Settings
from tentaculo.relay.plan import RoutePlan, compile_route
from tentaculo.routing import Pattern, RouteTable
from tentaculo.telemetry.metrics import Metrics, RouteMetrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.pool import Pool

NO_ROUTE = "-"  # no route can have this name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The compiled configuration; `unrouted` counts what matched no route."""

    settings: Settings
    table: RouteTable[RoutePlan]
    pools: dict[str, Pool]
    unrouted: RouteMetrics
    secret_names: frozenset[bytes]

    def close(self) -> None:
        """Close what is kept open for future exchanges."""
        for pool in self.pools.values():
            pool.close()


def build_snapshot(settings: Settings, *, metrics: Metrics, deadlines: Deadlines) -> Snapshot:
    """Compile settings; needs a running event loop for nothing but the deadlines' timer."""
    principals = Principals(settings.principals)
    upstreams = {upstream.name: upstream for upstream in settings.upstreams}
    pools = {name: Pool(upstream, deadlines) for name, upstream in upstreams.items()}
    plans = [
        compile_route(
            route,
            settings,
            principals=principals,
            pool=pools[route.upstream],
            upstream=upstreams[route.upstream],
            metrics=metrics.route(route.name),
        )
        for route in settings.routes
    ]
    table = RouteTable(
        (plan.settings.name, Pattern(plan.settings.path, plan.settings.host, plan.settings.methods), plan)
        for plan in plans
    )
    return Snapshot(settings, table, pools, metrics.route(NO_ROUTE), _secret_names(settings))


def credential_names(settings: Settings) -> frozenset[str]:
    """Return the names of all headers that carry a credential, the clients' and the gateway's own."""
    own = (upstream.credential.header for upstream in settings.upstreams if upstream.credential)
    routes = (route.credential_headers for route in settings.routes)
    return frozenset(settings.credential_headers).union(own, *routes)


def _secret_names(settings: Settings) -> frozenset[bytes]:
    """Names of request fields whose values must not show up in the log, wherever else they stand."""
    names = {"authorization", "proxy-authorization"} | credential_names(settings)
    return frozenset(name.lower().encode() for name in names)
