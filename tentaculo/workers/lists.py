"""The lists of the admin API over all workers: what each has now, as one; streams end wherever they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from tentaculo.admin.lists import limit_of
from tentaculo.errors import BadRequest, RouteNotFound
from tentaculo.workers.asking import Answer
from tentaculo.workers.everyone import Everyone

Row = dict[str, Any]

_WELL = ("up", "slow_start")


class MergedLists:
    """Lists what all workers have."""

    def __init__(self, everyone: Everyone) -> None:
        self._everyone = everyone

    def paths(self) -> list[web.RouteDef]:
        """Return the paths of the admin API that this is, each with its handler."""
        return [
            web.get("/routes", self.routes),
            web.get("/upstreams", self.upstreams),
            web.get("/streams", self.streams),
            web.delete("/streams", self.end),
            web.delete("/streams/{id}", self.end),
        ]

    async def routes(self, request: web.Request) -> web.Response:
        """Return the routes with what goes on on them in all workers."""
        return _reply({"routes": merged(await self._rows(request, "routes"), ("open_streams", "requests"))})

    async def upstreams(self, request: web.Request) -> web.Response:
        """Return the upstreams with their servers, each as the worker sees it that thinks worst of it."""
        rows = await self._rows(request, "upstreams")
        return _reply({"upstreams": merged(rows, ("exchanges", "connections"), servers=True)})

    async def streams(self, request: web.Request) -> web.Response:
        """Return the open streams of all workers, the oldest first, as one worker would."""
        answers = await self._asked(request)
        found = [answer.json() for answer in answers]
        rows = sorted((row for one in found for row in one["streams"]), key=lambda row: -row["age"])
        total = sum(one["total"] for one in found)
        return _reply({"total": total, "streams": rows[-limit_of(dict(request.query)) :]})

    async def end(self, request: web.Request) -> web.Response:
        """End streams, whichever worker has them."""
        return _reply({"ended": sum(answer.json()["ended"] for answer in await self._asked(request))})

    async def _rows(self, request: web.Request, name: str) -> list[list[Row]]:
        return [answer.json()[name] for answer in await self._asked(request)]

    async def _asked(self, request: web.Request) -> list[Answer]:
        """Have all workers answer the same request; raises what they answer where none did anything."""
        answers = await self._everyone.answers(request.method, request.raw_path)
        good = [answer for answer in answers if answer.status == 200]
        if not good and any(answer.status == 400 for answer in answers):
            raise BadRequest("query")
        if not good and answers:
            raise RouteNotFound("stream")
        return good


def merged(lists: Iterable[list[Row]], sums: tuple[str, ...], *, servers: bool = False) -> list[Row]:
    """Return rows of the same name as one, with these fields added up."""
    by_name: dict[str, list[Row]] = {}
    for rows in lists:
        for row in rows:
            by_name.setdefault(row["name"], []).append(row)
    found = []
    for same in by_name.values():
        one = {**same[0], **_added(same, sums)}
        if servers:
            one["servers"] = _servers([row["servers"] for row in same])
        found.append(one)
    return found


def _servers(lists: list[list[Row]]) -> list[Row]:
    by_address: dict[str, list[Row]] = {}
    for rows in lists:
        for row in rows:
            by_address.setdefault(row["address"], []).append(row)
    return [_server(same) for same in by_address.values()]


def _server(same: list[Row]) -> Row:
    worst = min(same, key=lambda row: row["state"] in _WELL)
    faults = [row["last_fault"] for row in same if row["last_fault"]]
    return {
        **worst,
        **_added(same, ("connections", "exchanges")),
        "resolved": sorted({address for row in same for address in row["resolved"]}),
        "last_fault": min(faults, key=lambda fault: fault["seconds_ago"], default=None),
    }


def _added(rows: list[Row], names: tuple[str, ...]) -> Row:
    return {name: sum(row[name] for row in rows) for name in names}


def _reply(body: Row) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json", charset="utf-8")
