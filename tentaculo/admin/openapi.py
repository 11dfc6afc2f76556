"""The gateway's own endpoints as an OpenAPI 3.1 document, for `tentaculo openapi`.

They are those of one configuration: its health path, issue paths and browser files on the main listener,
and what the admin listener has.  What the routes forward is not the gateway's to describe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tentaculo import __version__
from tentaculo.admin.explaining import Issuing, issue_paths
from tentaculo.admin.openapi_admin import Paths, admin_paths, admin_schemes
from tentaculo.admin.openapi_operations import COUNT, TEXT, Node, answer, one_of, operation, record
from tentaculo.config.settings import Address, Carry, RouteSettings, Settings
from tentaculo.relay.issuing import carrier_of
from tentaculo.relay.own_files import file_paths

OPENAPI = "3.1.0"
MAIN = "main"
ADMIN = "admin"

_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read, not listened on
_CREDENTIAL = "credential"
_REFUSALS = (400, 401, 403, 429, 503)
_PROBLEM = record(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "code": TEXT, "request_id": TEXT}
)


def describe(settings: Settings) -> Node:
    """Return the document as JSON data; nothing secret is in it."""
    servers = {
        MAIN: _server(settings.listen, "The main listener", "https" if settings.tls else "http"),
        ADMIN: _server(settings.admin, "The admin listener", "http"),
    }
    with_token = settings.admin_digest is not None
    headers = _header_schemes(settings)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Tentáculo",
            "version": __version__,
            "description": "What the gateway answers itself. What its routes forward is not in here.",
        },
        "servers": list(servers.values()),
        "tags": [
            {"name": MAIN, "description": "For clients"},
            {"name": ADMIN, "description": "For operators, on a listener of its own"},
        ],
        "paths": _placed(
            [
                *_tagged(_main_paths(settings, headers), MAIN, servers),
                *_tagged(admin_paths(with_token=with_token), ADMIN, servers),
            ]
        ),
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                **{name: _header_scheme(header) for header, name in headers.items()},
                **(admin_schemes() if with_token else {}),
            },
        },
    }


def _server(address: Address, description: str, scheme: str) -> Node:
    """Return where a listener is: on a name of the caller's where it listens on every address."""
    host = "localhost" if address.host in _EVERY_ADDRESS else address.host
    host = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{host}:{address.port}"
    if address.port == 0:  # the system's to choose
        port = {"default": "80", "description": "What the log says once it runs"}
        return {"url": f"{scheme}://{host}:{{port}}", "description": description, "variables": {"port": port}}
    return {"url": url, "description": description}


def _tagged(paths: Paths, tag: str, servers: Mapping[str, Node]) -> Paths:
    for path, method, made in paths:
        yield path, method, {"tags": [tag], "servers": [servers[tag]], **made}


def _placed(found: Iterable[tuple[str, str, Node]]) -> Node:
    """Return the operations by path and method; two listeners may have the same."""
    paths: dict[str, Node] = {}
    for path, method, made in found:
        methods = paths.setdefault(path, {})
        methods[method] = _joined(methods[method], made) if method in methods else made
    return paths


def _joined(one: Node, other: Node) -> Node:
    """Return one operation for two that only the listener tells apart."""
    listed = {key: [*one[key], *other[key]] for key in ("tags", "servers")}
    responses = {**one["responses"]}
    for status, there in other["responses"].items():
        here = responses.get(status, there)
        responses[status] = here if here == there else _either(here, there)
    security = [*one.get("security", [{}]), *other.get("security", [{}])]
    return {
        **one,
        **listed,
        "summary": f"{one['summary']}; on the admin listener: {other['summary']}",
        "responses": responses,
        "security": security,
    }


def _either(one: Node, other: Node) -> Node:
    content = dict(one.get("content", {}))
    for kind, there in other.get("content", {}).items():
        here = content.get(kind)
        content[kind] = {"schema": {"anyOf": [here["schema"], there["schema"]]}} if here else there
    return {"description": f"{one['description']}, or: {other['description']}", "content": content}


def _main_paths(settings: Settings, headers: Mapping[str, str]) -> Paths:
    yield settings.health_path, "get", _health()
    groups: dict[str, list[Issuing]] = {}
    for issuing in issue_paths(settings):
        groups.setdefault(issuing.path, []).append(issuing)
    for number, (path, sharing) in enumerate(groups.items(), 1):
        yield path, "post", _issue(sharing, headers, number)
    if settings.browser_path is not None:
        for number, (path, (name, _)) in enumerate(file_paths(settings.browser_path).items(), 1):
            yield path, "get", _browser_file(name, number)


def _health() -> Node:
    good, draining = (record({"status": one_of([status])}) for status in ("ok", "draining"))
    answers = {200: answer("It serves", good), 503: answer("It stops", draining)}
    return operation("health", "Whether the gateway serves", answers)


def _browser_file(name: str, number: int) -> Node:
    answers = {
        200: answer("The file", TEXT, "text/javascript; charset=utf-8"),
        304: answer("It is known already"),
    }
    return operation(f"browserFile{number}", f"The browser client's {name}", answers)


def _issue(sharing: list[Issuing], headers: Mapping[str, str], number: int) -> Node:
    """Return the operation of an issue path, which may stand for tokens of one kind for each host."""
    routes = [route for issuing in sharing for route in issuing.routes]
    wanted = dict.fromkeys(headers[header] for route in routes for header in route.credential_headers)
    kinds: list[Node] = []
    for issuing in sharing:
        kind = _token(issuing.routes[0])
        if kind not in kinds:
            kinds.append(kind)
    issued = answer("A new token", kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
    summary = "Issue an ephemeral token for " + "; ".join(map(_purpose, sharing))
    return operation(f"issue{number}", summary, {200: issued}, refusals=_REFUSALS, security=wanted)


def _purpose(issuing: Issuing) -> str:
    names = ", ".join(issuing.names)
    return names if issuing.host is None else f"{names} (host {issuing.host})"


def _token(route: RouteSettings) -> Node:
    """Return the schema of the answer: a token that travels in a cookie is not in it."""
    terms = route.ephemeral_token
    assert terms is not None, "an issue path belongs to a route with tokens"
    token: dict[str, Any] = {} if terms.carry is Carry.COOKIE else {"sse_token": {**TEXT, "format": "uuid"}}
    carrier = {key: one_of([value]) for key, value in carrier_of(route, terms).items()}
    return record({**token, "ttl_sec": COUNT, "endpoint": one_of([route.path]), **carrier})


def _header_schemes(settings: Settings) -> dict[str, str]:
    """Return the credential headers of all issue paths, each with the name of its scheme."""
    found = (
        header
        for issuing in issue_paths(settings)
        for route in issuing.routes
        for header in route.credential_headers
    )
    return {
        header: f"{_CREDENTIAL}{number}" if number > 1 else _CREDENTIAL
        for number, header in enumerate(dict.fromkeys(found), 1)
    }


def _header_scheme(header: str) -> Node:
    if header.lower() == "authorization":
        return {"type": "http", "scheme": "bearer", "description": "A principal's token"}
    return {"type": "apiKey", "in": "header", "name": header, "description": "A principal's token"}
