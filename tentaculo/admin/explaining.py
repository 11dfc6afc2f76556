"""What the configured routes make of a request, in sentences and rows for `tentaculo routes`.

Works on settings alone, without the gateway's compiled plans; it prints nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tentaculo.config.settings import ISSUE_METHODS, Access, Carry, RouteSettings, Settings, issue_groups
from tentaculo.relay.own_files import file_paths
from tentaculo.routing import Explanation, Pattern, RouteTable
from tentaculo.wire.query import take_parameter
from tentaculo.wire.target import Target

HEADINGS = ("NAME", "METHODS", "HOST", "PATH", "ACCESS", "UPSTREAM", "STATE")

_NEVER_FORWARDED = frozenset({"CONNECT", "TRACE"})
_STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Issuing:
    """An issue path, and the routes whose tokens it gives out."""

    host: str | None
    path: str
    routes: tuple[RouteSettings, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the routes."""
        return tuple(route.name for route in self.routes)

    @property
    def enabled(self) -> bool:
        """Whether it gives out tokens at all: one route that takes them is enough."""
        return any(route.enabled for route in self.routes)


def route_rows(settings: Settings) -> Iterator[tuple[str, ...]]:
    """Yield the headings, a row for each route, and a row for each issue path after its first route."""
    yield HEADINGS
    issuing = {one.names[0]: one for one in issue_paths(settings)}
    for route in settings.routes:
        methods = "any" if route.methods is None else ",".join(sorted(route.methods))
        where = (methods, route.host or "any", route.path)
        yield route.name, *where, str(route.access), route.upstream, _state(route)
        if (one := issuing.get(route.name)) is not None:
            yield _issue_row(one)


def issue_paths(settings: Settings) -> Iterator[Issuing]:
    """Yield the issue paths; routes of the same host and issue path share one."""
    for (host, path), routes in issue_groups(settings.routes).items():
        yield Issuing(host, path, tuple(routes))


def explain(settings: Settings, method: str, target: Target, host: str) -> tuple[list[str], bool]:
    """Return what becomes of a request, line by line, and whether anything takes it."""
    request = f"{method} {target.path} for host {host}"
    own = _own_answer(settings, target.path)
    if own is not None:
        return [f"{request} is answered {own[0]}"], own[1]
    table = route_table(settings)
    found = table.explain(host, target.path, method)
    if found.winner is None:
        return [f"{request} is answered {found.status}: {'; '.join(found.reasons)}", *_losers(found)], False
    winner = table.match(host, target.path, method)
    if isinstance(winner, Issuing):
        names = ", ".join(winner.names)
        lines = [f"{request} is answered by the gateway itself: issues tokens for {names}"]
        refusal = None if winner.enabled else "503 route_disabled: enabled is false"
    else:
        lines = [f"{request} goes to {winner.name}", f"  upstream {winner.upstream}, access {winner.access}"]
        refusal = _refusal(winner, method, target)
    lines += [f"  won by {', '.join(found.reasons)}", *_losers(found)]
    return ([*lines, f"  but is answered {refusal}"] if refusal else lines), refusal is None


def _own_answer(settings: Settings, path: str) -> tuple[str, bool] | None:
    """Return what the gateway does with a path of its own, and whether there is anything."""
    prefix = settings.browser_path
    if path == settings.health_path:
        return "by the gateway itself, as health_path", True
    if prefix is None or not path.startswith(f"{prefix}/"):
        return None
    if path in file_paths(prefix):
        return "by the gateway itself, as a file of browser_path", True
    return "404: no file of browser_path, and routes take nothing beneath it", False


def route_table(settings: Settings) -> RouteTable[RouteSettings | Issuing]:
    """Return what requests are matched with: the routes and the issue paths."""
    entries: list[tuple[str, Pattern, RouteSettings | Issuing]] = [
        (route.name, Pattern(route.path, route.host, route.methods), route) for route in settings.routes
    ]
    for one in issue_paths(settings):
        name = f"{one.names[0]} (its issue path)"
        entries.append((name, Pattern(one.path, one.host, ISSUE_METHODS), one))
    return RouteTable(entries)


def _issue_row(one: Issuing) -> tuple[str, ...]:
    where = (",".join(sorted(ISSUE_METHODS)), one.host or "any", one.path)
    return ",".join(one.names), *where, str(Access.HEADER_TOKEN), "(issues tokens)", _state(one)


def _state(one: RouteSettings | Issuing) -> str:
    return "on" if one.enabled else "off"


def _losers(found: Explanation) -> Iterator[str]:
    for name, reason in found.losers:
        yield f"  lost: {name}, because {reason}"


def _refusal(route: RouteSettings, method: str, target: Target) -> str | None:
    """Return how a matched request is refused whoever makes it."""
    if method in _NEVER_FORWARDED:
        return "405 method_not_allowed: the method is never forwarded"
    if not target.found <= route.allow_in_path:
        return f"400 bad_target: allow_in_path lacks {', '.join(sorted(target.found - route.allow_in_path))}"
    if route.stream_only and method not in _STREAM_METHODS:
        return "405 method_not_allowed: a stream takes only GET, HEAD and OPTIONS"
    if not route.enabled:
        return "503 route_disabled: enabled is false"
    return _token_refusal(route, method, _tokens(route, target))


def _token_refusal(route: RouteSettings, method: str, tokens: Sequence[bytes]) -> str | None:
    if len(tokens) > 1:
        return "400 ambiguous_credential: the query holds more than one token"
    terms = route.ephemeral_token
    if tokens and method != "GET" and terms is not None and not terms.principal_in_query:
        return "401 unauthorized: only GET redeems a token"
    return None


def _tokens(route: RouteSettings, target: Target) -> Sequence[bytes]:
    terms = route.ephemeral_token
    if terms is None or terms.carry is not Carry.QUERY or target.query is None:
        return ()
    return tuple(take_parameter(target.query, terms.parameter)[1])
