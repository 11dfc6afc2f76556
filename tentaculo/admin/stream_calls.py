"""The operators' side of open streams: which ones a running gateway has, and their end.

It prints nothing, and believes nothing of the rows but that they are objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tentaculo.admin.client import Base, CallFailed, Reply, authorized, call, fault

LARGEST_LIST = 64 * 1024 * 1024

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which streams are meant: of a route, of a principal, of one on the other; None is any."""

    route: str | None = None
    principal: str | None = None

    def __bool__(self) -> bool:
        return self.route is not None or self.principal is not None

    def __str__(self) -> str:
        named = (("route", self.route), ("principal", self.principal))
        return "".join(f" of {kind} {name}" for kind, name in named if name is not None)

    def query(self, **more: str) -> str:
        """Return it as a query, with its question mark if there is anything to say."""
        named = {"route": self.route, "principal": self.principal, **more}
        query = urlencode({key: value for key, value in named.items() if value is not None})
        return f"?{query}" if query else ""


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of open streams, the newest last, and how many there are in all."""

    rows: list[Row]
    total: int


@dataclass(frozen=True, slots=True)
class StreamCalls:
    """Calls to one gateway's admin API; each raises CallFailed where it comes to nothing."""

    base: Base
    token: str

    def listed(self, choice: Choice, *, limit: int | None = None) -> Listed:
        """Return the open streams of a choice, of more than the limit the newest."""
        query = choice.query() if limit is None else choice.query(limit=str(limit))
        reply = self._call("GET", f"/streams{query}")
        body = reply.json()
        rows = body.get("streams") if isinstance(body, dict) else None
        total = body.get("total") if isinstance(body, dict) else None
        good = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
        if reply.status != 200 or not isinstance(rows, list) or not good or type(total) is not int:
            raise CallFailed(self._fault(reply))
        return Listed(rows, total)

    def end_one(self, beginning: str) -> str:
        """End the one stream whose id is or begins with this; return the id."""
        ids = {str(row.get("id")) for row in self.listed(Choice()).rows}
        found = {beginning} & ids or {one for one in ids if one.startswith(beginning)}
        if len(found) > 1:
            raise CallFailed(f"{len(found)} open streams have an id that begins so: give more of it.")
        for one in found:
            if self._end(f"/streams/{quote(one, safe='')}"):
                return one
        raise CallFailed(f"The gateway at {self.base} has no open stream of this id.")

    def end_all(self, choice: Choice) -> int:
        """End the streams of a choice, which must name something; return how many they were."""
        return self._end(f"/streams{choice.query()}")

    def _end(self, path: str) -> int:
        """End something; return how many streams that were, none also where there is no such stream."""
        reply = self._call("DELETE", path)
        body = reply.json()
        ended = body.get("ended") if isinstance(body, dict) else None
        if reply.status != 200 or type(ended) is not int:
            raise CallFailed(self._fault(reply))
        return ended

    def _call(self, method: str, path: str) -> Reply:
        return call(self.base, method, path, authorized(self.token), largest=LARGEST_LIST)

    def _fault(self, reply: Reply) -> str:
        return fault(self.base, reply, f"The gateway at {self.base} has no open stream of this id.")
