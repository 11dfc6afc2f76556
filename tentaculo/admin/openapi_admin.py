"""The paths of the admin listener for `tentaculo openapi`: probes, metrics, the admin API, the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from tentaculo.admin.console import EVENTS_PATH, TOKEN_PATH
from tentaculo.admin.console_files import CONTENT_TYPES, HOME, ConsoleFiles
from tentaculo.admin.openapi_operations import (
    COUNT,
    FLAG,
    SECONDS,
    TEXT,
    Node,
    answer,
    array,
    mapping,
    one_of,
    operation,
    or_null,
    parameter,
    record,
)

ADMIN_TOKEN = "adminToken"
CONSOLE_TOKEN = "consoleToken"
Paths = Iterator[tuple[str, str, Node]]

_KINDS = ("routes", "upstreams", "principals", "keys")
_ENDED = answer("How many were ended", record({"ended": COUNT}))
_ROUTE = parameter("route", "query", "Only those of this route")
_PRINCIPAL = parameter("principal", "query", "Only those of this principal")
_DIFFERENCE = record(
    {
        **{kind: array(TEXT) for kind in ("added", "removed", "changed")},
        "renamed": array({"type": "array", "prefixItems": [TEXT, TEXT], "minItems": 2, "maxItems": 2}),
    }
)
_CHANGES = record(
    {
        **dict.fromkeys(("routes", "upstreams", "principals"), _DIFFERENCE),
        "keys": array(TEXT),
        "fixed": array(TEXT),
    }
)
_ROUTE_ROW = record(
    {
        "name": TEXT,
        "host": or_null(TEXT),
        "path": TEXT,
        "methods": or_null(array(TEXT)),
        "upstream": TEXT,
        "access": TEXT,
        **dict.fromkeys(("enabled", "maintenance", "stream", "shared"), FLAG),
        "issue_path": or_null(TEXT),
        "open_streams": COUNT,
        "requests": COUNT,
    }
)
_SERVER = record(
    {
        "address": TEXT,
        "resolved": array(TEXT),
        "weight": COUNT,
        "state": TEXT,
        **dict.fromkeys(("connections", "exchanges", "faults_in_a_row"), COUNT),
        "last_fault": or_null(record({"reason": TEXT, "seconds_ago": SECONDS})),
        "tried_again_in": or_null(SECONDS),
    }
)
_UPSTREAM_ROW = record(
    {"name": TEXT, "balance": TEXT, "exchanges": COUNT, "connections": COUNT, "servers": array(_SERVER)}
)
_STREAM_ROW = record(
    {
        "id": TEXT,
        "route": TEXT,
        "principal": or_null(TEXT),
        "client": TEXT,
        "age": SECONDS,
        "events": COUNT,
        "bytes": COUNT,
        "opened_by": or_null(TEXT),
        "shared": FLAG,
        "lagging": FLAG,
    }
)


def admin_paths(*, with_token: bool) -> Paths:
    """Yield path, method and operation of all there is; without an admin token API and console are off."""
    yield from _probes()
    if with_token:
        yield from _changes()
        yield from _lists()
        yield from _console()


def admin_schemes() -> dict[str, Any]:
    """Return how the admin listener's callers show who they are."""
    return {
        ADMIN_TOKEN: {"type": "http", "scheme": "bearer", "description": "The admin token"},
        CONSOLE_TOKEN: {"type": "http", "scheme": "bearer", "description": f"A token of POST {TOKEN_PATH}"},
    }


def _probes() -> Paths:
    live = answer("It lives", record({"status": one_of(["live"])}))
    stuck = answer("One of several workers does not answer", record({"status": one_of(["stuck"])}))
    yield "/live", "get", operation("live", "Whether no process is stuck", {200: live, 503: stuck})
    ready = record(
        {
            "status": one_of(["ready", "degraded"]),
            "token_store": one_of(["away"]),
            "config": one_of(["rejected"]),
        },
        ["token_store", "config"],
    )
    answers = {
        200: answer("It may get traffic; degraded while the token store is away", ready),
        503: answer("It starts or stops", record({"status": one_of(["not_ready"])})),
    }
    yield "/ready", "get", operation("ready", "Whether it may get traffic", answers)
    text = answer("The metrics, as Prometheus reads them", TEXT, "text/plain")
    yield "/metrics", "get", operation("metrics", "The metrics", {200: text})


def _changes() -> Paths:
    revoked = answer("They have ended", record({"principal": TEXT, "blocked_for": SECONDS}))
    block = parameter("block", "query", "Refuse its own token for so long too, such as 1h")
    yield (
        "/principals/{name}/tokens",
        "delete",
        _guarded(
            "revokePrincipal",
            "End a principal's streams and tokens on every instance",
            {200: revoked},
            refusals=(400, 401, 404, 503),
            parameters=[parameter("name", "path", "The principal's name"), block],
        ),
    )
    reloaded = answer("It is in effect", record({"reloaded": {"const": True}, "changes": _CHANGES}))
    rejected = record({"reloaded": {"const": False}, "problems": array(TEXT)})
    answers = {200: reloaded, 422: answer("It has problems, and nothing has changed", rejected)}
    yield "/reload", "post", _guarded("reload", "Read the configuration again", answers)
    outline = record({**{kind: mapping(TEXT) for kind in _KINDS}, "streams": mapping(COUNT)})
    found = answer("Digests by name, and the open streams of each route", outline)
    yield "/configuration", "get", _guarded("configuration", "Outline the configuration", {200: found})


def _lists() -> Paths:
    for name, row in {"routes": _ROUTE_ROW, "upstreams": _UPSTREAM_ROW}.items():
        found = answer("In the order of the configuration", record({name: array(row)}))
        yield f"/{name}", "get", _guarded(name, f"List the {name}", {200: found}, refusals=(400, 401))
    newest = answer("The oldest first", record({"total": COUNT, "streams": array(_STREAM_ROW)}))
    limit = parameter("limit", "query", "Only so many of the newest", {"type": "integer", "minimum": 1})
    chosen = [_ROUTE, _PRINCIPAL]
    yield (
        "/streams",
        "get",
        _guarded(
            "streams",
            "List the open streams",
            {200: newest},
            refusals=(400, 401),
            parameters=[*chosen, limit],
        ),
    )
    summary = "End the streams of a route, of a principal, or of one on the other"
    ending = _guarded("endStreams", summary, {200: _ENDED}, refusals=(400, 401), parameters=chosen)
    yield "/streams", "delete", ending
    one = [parameter("id", "path", "The stream's id")]
    refusals = (400, 401, 404)
    ending = _guarded("endStream", "End one stream", {200: _ENDED}, refusals=refusals, parameters=one)
    yield "/streams/{id}", "delete", ending


def _console() -> Paths:
    token = {"sse_token": TEXT, "ttl_sec": COUNT, "endpoint": TEXT, "header": TEXT}
    issued = answer("Good for one opening of the console's stream", record(token))
    issuing = _guarded("consoleToken", "Issue a token for the console", {200: issued}, refusals=(401, 503))
    yield TOKEN_PATH, "post", issuing
    yield (
        EVENTS_PATH,
        "get",
        operation(
            "consoleEvents",
            "Follow what the console shows",
            {200: answer("An event stream", TEXT, "text/event-stream")},
            refusals=(401, 429, 503),
            security=[CONSOLE_TOKEN],
        ),
    )
    yield from ((path, "get", _file(path)) for path in _file_paths())


def _file_paths() -> list[str]:
    app = web.Application()
    ConsoleFiles(lambda: True).add_to(app)
    return [resource.canonical for resource in app.router.resources()]


def _file(path: str) -> Node:
    name = "consoleFile" + re.sub(r"\W", "_", path)
    if path != HOME and "." not in path:
        return operation(name, "Lead to the console", {302: answer(f"To {HOME}")})
    kind = CONTENT_TYPES.get(path[path.rfind(".") :], CONTENT_TYPES[".html"])
    answers = {200: answer("The file", TEXT, kind), 304: answer("It is known already")}
    return operation(name, "A file of the console's page", answers)


def _guarded(name: str, summary: str, answers: dict[int, Node], **more: Any) -> Node:
    """Return an operation that needs the admin token."""
    return operation(name, summary, answers, **{"refusals": (401,), "security": [ADMIN_TOKEN], **more})
