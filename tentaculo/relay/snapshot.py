"""Everything an exchange decides with, frozen together: a reload swaps in another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from tentaculo.access.issue_rate import IssueRates
from tentaculo.access.principals import Principals
from tentaculo.access.rate_limits import RateLimit, RateLimits
from tentaculo.access.standings import Standings
from tentaculo.config.outline import Outline, outline_of
from tentaculo.config.settings import ISSUE_METHODS, RouteSettings, Settings, UpstreamSettings, issue_groups
from tentaculo.relay.issuing import IssuePlan, compile_issue
from tentaculo.relay.opening import own_cookies
from tentaculo.relay.own_files import own_replies
from tentaculo.relay.own_replies import OwnReplies
from tentaculo.relay.plan import RoutePlan, compile_route
from tentaculo.routing import Pattern, RouteTable
from tentaculo.telemetry.metrics import Metrics, RouteMetrics
from tentaculo.upstream.deadlines import Deadlines
from tentaculo.upstream.server import Notice
from tentaculo.upstream.upstream import Upstream, notice_nothing

Entry = tuple[str, Pattern, RoutePlan | IssuePlan]

NO_ROUTE = "-"  # no route can have this name


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """The compiled configuration; `unrouted` counts what matched no route.

    `own_cookies` are the names of the gateway's cookies, which no upstream gets; `own` is what it answers at
    paths of its own; `plans` are the routes by what they do, whatever their names.
    """

    settings: Settings
    outline: Outline
    principals: Principals
    plans: dict[str, RoutePlan]
    table: RouteTable[RoutePlan | IssuePlan]
    upstreams: dict[str, Upstream]
    rate_limits: RateLimits
    issue_rates: IssueRates
    unrouted: RouteMetrics
    secret_names: frozenset[bytes]
    own_cookies: frozenset[bytes]
    own: OwnReplies

    @property
    def shared_limits(self) -> list[RateLimit]:
        """All that instances share, of routes and of principals."""
        return [*self.rate_limits, *self.issue_rates]

    def start(self, previous: Snapshot | None = None) -> None:
        """Begin what goes on by itself; servers come from the snapshot before, with all they know."""
        before = {} if previous is None else previous.upstreams
        for name, upstream in self.upstreams.items():
            earlier = before.get(name)
            if earlier is not upstream:
                if earlier is not None:
                    upstream.adopt(earlier)
                upstream.start()

    async def aclose(self, successor: Snapshot | None = None) -> None:
        """End that, and close what is kept open for future exchanges; but not what a successor has too."""
        after = {} if successor is None else successor.upstreams
        for name, upstream in self.upstreams.items():
            if after.get(name) is not upstream:
                await upstream.aclose()


def build_snapshot(
    settings: Settings,
    *,
    metrics: Metrics,
    deadlines: Deadlines,
    standings: Standings | None = None,
    previous: Snapshot | None = None,
    notice: Notice = notice_nothing,
) -> Snapshot:
    """Compile settings, in any thread; what is as it was in the `previous` snapshot is taken over from it.

    Needs a running event loop for nothing but the deadlines' timer.  `notice` is told of servers that go
    down and come back.
    """
    standings = Standings() if standings is None else standings
    metrics.forget_unused()  # here, for it takes long after many
    outline = outline_of(settings, None if previous is None else (previous.settings, previous.outline))
    principals = Principals(settings.principals)
    upstreams = _upstreams(settings, _maker(metrics, deadlines, notice), outline, previous)
    rate_limits, issue_rates = _rate_limits(settings, previous), _issue_rates(settings, previous)
    cookies = own_cookies(settings.routes)
    plans = [
        compile_route(
            route,
            settings,
            principals=principals,
            upstream=upstreams[route.upstream],
            metrics=_route_metrics(route, metrics),
            standings=standings,
            own_cookies=bool(cookies),
            rate_limit=rate_limits.of(route.name),
            outline=outline,
        )
        for route in settings.routes
    ]
    issuing = _issue_entries(settings, principals, standings, metrics, rates=issue_rates)
    return Snapshot(
        settings=settings,
        outline=outline,
        principals=principals,
        plans={plan.identity: plan for plan in plans},
        table=RouteTable([*_route_entries(plans), *issuing]),
        upstreams=upstreams,
        rate_limits=rate_limits,
        issue_rates=issue_rates,
        unrouted=metrics.route(NO_ROUTE),
        secret_names=_secret_names(settings),
        own_cookies=cookies,
        own=own_replies(settings),
    )


def _route_metrics(route: RouteSettings, metrics: Metrics) -> RouteMetrics:
    return metrics.route(
        route.name, streams=route.stream is not None, rate_limited=route.rate_limit is not None
    )


def _route_entries(plans: Iterable[RoutePlan]) -> Iterator[Entry]:
    """Yield the routes themselves."""
    for plan in plans:
        route = plan.settings
        yield route.name, Pattern(route.path, route.host, route.methods), plan


def _issue_entries(
    settings: Settings,
    principals: Principals,
    standings: Standings,
    metrics: Metrics,
    *,
    rates: IssueRates,
) -> Iterator[Entry]:
    """Yield the paths that issue tokens."""
    for (host, path), group in issue_groups(settings.routes).items():
        issuing = compile_issue(
            group,
            settings,
            principals=principals,
            standings=standings,
            rates=rates,
            metrics=metrics.route(group[0].name),
        )
        yield f"{issuing.name} (its issue path)", Pattern(path, host, ISSUE_METHODS), issuing


def _rate_limits(settings: Settings, previous: Snapshot | None) -> RateLimits:
    """Return the limits of all routes; those that are as they were go on where they stand."""
    limits = RateLimits(settings.routes, shared=settings.token_store.url is not None)
    if previous is not None:
        limits.adopt(previous.rate_limits)
    return limits


def _issue_rates(settings: Settings, previous: Snapshot | None) -> IssueRates:
    """Return those of all principals, likewise."""
    rates = IssueRates(settings.principals, shared=settings.token_store.url is not None)
    if previous is not None:
        rates.adopt(previous.issue_rates)
    return rates


def _maker(metrics: Metrics, deadlines: Deadlines, notice: Notice) -> Callable[[UpstreamSettings], Upstream]:
    aborted = metrics.upstream_aborted
    return partial(Upstream, deadlines=deadlines, metrics=metrics.upstreams, aborted=aborted, notice=notice)


def _upstreams(
    settings: Settings,
    make: Callable[[UpstreamSettings], Upstream],
    outline: Outline,
    previous: Snapshot | None,
) -> dict[str, Upstream]:
    """Return all upstreams: those that are as they were, and new ones."""
    before = {} if previous is None else previous.outline.upstreams
    return {
        upstream.name: previous.upstreams[upstream.name]
        if previous is not None and before.get(upstream.name) == outline.upstreams[upstream.name]
        else make(upstream)
        for upstream in settings.upstreams
    }


def credential_names(settings: Settings) -> frozenset[str]:
    """Return the names of all headers that carry a credential, the clients' and the gateway's own."""
    own = (upstream.credential.header for upstream in settings.upstreams if upstream.credential)
    routes = (route.credential_headers for route in settings.routes)
    return frozenset(settings.credential_headers).union(own, *routes)


def _secret_names(settings: Settings) -> frozenset[bytes]:
    """Names of request fields whose values must not show up in the log, wherever else they stand."""
    names = {"authorization", "proxy-authorization"} | credential_names(settings)
    return frozenset(name.lower().encode() for name in names)
