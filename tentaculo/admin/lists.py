"""What operators see of a running gateway: its routes, its upstreams, its open streams, which they may end.

Long lists are made a slice at a time, between which all else goes on.  No URL is in them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from aiohttp import web

from tentaculo.errors import BadRequest, RouteNotFound
from tentaculo.relay.exchange import Exchange
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.relay import Relay

SLICE = 100
ENDS_A_TURN = 20
MOST_STREAMS = 100_000
LONGEST_COUNT = len(str(MOST_STREAMS))
END_REASON = "revoked"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams are asked for: of a route, of a principal, or of both; None is any."""

    route: str | None = None
    principal: str | None = None

    def __bool__(self) -> bool:
        return self.route is not None or self.principal is not None


class Lists:
    """Lists what one relay has now, and ends its streams."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def paths(self) -> list[web.RouteDef]:
        """Return the paths of the admin API that this is, each with its handler."""
        return [
            web.get("/routes", self.routes),
            web.get("/upstreams", self.upstreams),
            web.get("/streams", self.streams),
            web.delete("/streams", self.end_streams),
            web.delete("/streams/{id}", self.end_stream),
        ]

    async def routes(self, request: web.Request) -> web.Response:
        """Return the routes in the order of the configuration, with what goes on on them."""
        _read_query(request)
        open_streams: Counter[str] = Counter()
        async for part in _sliced(self._relay.open_streams()):
            open_streams.update(_plan(exchange).identity for exchange in part)
        return await _listed(
            {},
            "routes",
            self._relay.snapshot.plans.values(),
            lambda plan: _route_row(plan, open_streams[plan.identity]),
        )

    async def upstreams(self, request: web.Request) -> web.Response:
        """Return the upstreams in the order of the configuration, with their servers and how those are."""
        _read_query(request)
        snapshot = self._relay.snapshot
        upstreams = [snapshot.upstreams[settings.name] for settings in snapshot.settings.upstreams]
        return await _listed({}, "upstreams", upstreams, lambda upstream: upstream.describe())

    async def streams(self, request: web.Request) -> web.Response:
        """Return the open streams, the oldest first; `?route=`, `?principal=` and `?limit=`.

        Of more than the limit they are the newest; `total` is how many there are.
        """
        query = _read_query(request, "route", "principal", "limit")
        limit = limit_of(query)
        now = self._relay.clock()
        found = await self._found(_wanted_of(query))
        return await _listed(
            {"total": len(found)},
            "streams",
            found[-limit:],
            lambda exchange: {**exchange.describe_stream(now), "route": self._route_of(exchange)},
            still=lambda exchange: exchange.is_streaming,
        )

    async def end_stream(self, request: web.Request) -> web.Response:
        """End one stream."""
        _read_query(request)
        request_id = request.match_info["id"]
        found = [one for one in self._relay.open_streams() if one.record.request_id == request_id]
        if not found:
            raise RouteNotFound("stream")
        return web.json_response({"ended": await _end(found)})

    async def end_streams(self, request: web.Request) -> web.Response:
        """End the streams of a route, of a principal, or of one on the other; not those of everyone."""
        wanted = _wanted_of(_read_query(request, "route", "principal"))
        if not wanted:
            raise BadRequest("query")
        return web.json_response({"ended": await _end(await self._found(wanted))})

    async def _found(self, wanted: Wanted) -> list[Exchange]:
        found = self._relay.open_streams()
        if not wanted:
            return found
        return [one async for part in _sliced(found) for one in part if self._fits(one, wanted)]

    def _fits(self, exchange: Exchange, wanted: Wanted) -> bool:
        if wanted.route is not None and self._route_of(exchange) != wanted.route:
            return False
        holder = exchange.record.principal
        return wanted.principal is None or (holder is not None and holder.name == wanted.principal)

    def _route_of(self, exchange: Exchange) -> str:
        """Return the name that the stream's route has now; a reload may have given it another one."""
        plan = _plan(exchange)
        return self._relay.snapshot.plans.get(plan.identity, plan).name


def _plan(exchange: Exchange) -> RoutePlan:
    assert exchange.record.plan is not None
    return exchange.record.plan


def _route_row(plan: RoutePlan, open_streams: int) -> dict[str, Any]:
    route = plan.settings
    return {
        "name": plan.name,
        "host": route.host,
        "path": route.path,
        "methods": None if route.methods is None else sorted(route.methods),
        "upstream": route.upstream,
        "access": str(route.access),
        "enabled": route.enabled,
        "maintenance": route.maintenance is not None,
        "stream": route.stream is not None,
        "shared": plan.sharing is not None,
        "issue_path": None if route.ephemeral_token is None else route.ephemeral_token.issue_path,
        "open_streams": open_streams,
        "requests": plan.metrics.requests,
    }


async def _end(found: Iterable[Exchange]) -> int:
    """End streams as revoked ones, and return how many were still open."""
    ended = 0
    async for part in _sliced(list(found), ENDS_A_TURN):
        for exchange in part:
            if exchange.is_streaming:
                exchange.end(END_REASON)
                ended += 1
    return ended


async def _listed(
    head: dict[str, Any],
    name: str,
    things: Iterable[T],
    describe: Callable[[T], dict[str, Any]],
    still: Callable[[T], bool] = lambda thing: True,
) -> web.Response:
    """Return a JSON object of `head` and the list of all things that are `still` there at their turn."""
    parts: list[bytes] = []
    async for part in _sliced(list(things)):
        rows = orjson.dumps([describe(thing) for thing in part if still(thing)])[1:-1]
        if rows:
            parts.append(rows)
    opening = orjson.dumps({**head, name: []}).removesuffix(b"]}")
    body = b"".join((opening, b",".join(parts), b"]}"))
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def _sliced(things: Sequence[T], size: int = SLICE) -> AsyncIterator[Sequence[T]]:
    for start in range(0, len(things), size):
        if start:
            await asyncio.sleep(0)
        yield things[start : start + size]


def _read_query(request: web.Request, *known: str) -> dict[str, str]:
    """Return the parameters; raises BadRequest for an unknown, empty or repeated one.

    A misspelt filter must not pass for none.
    """
    query = dict(request.query)
    if len(query) != len(request.query) or not query.keys() <= set(known) or not all(query.values()):
        raise BadRequest("query")
    return query


def _wanted_of(query: dict[str, str]) -> Wanted:
    return Wanted(query.get("route"), query.get("principal"))


def limit_of(query: dict[str, str]) -> int:
    """Return how many streams are asked for at most; raises BadRequest for what is no such number."""
    text = query.get("limit", str(MOST_STREAMS))
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_COUNT):
        raise BadRequest("limit")
    if not 1 <= int(text) <= MOST_STREAMS:
        raise BadRequest("limit")
    return int(text)
