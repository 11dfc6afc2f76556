"""What routes make of a request, beside what a gateway with the same routes makes of it."""

from __future__ import annotations

import json

import pytest

from tentaculo.admin.explaining import HEADINGS, explain, issue_paths, route_rows
from tentaculo.wire.target import parse_target
from tests.admin.stacks import running
from tests.config.files import config, settings_of
from tests.functional.running import GOOD

ROUTES = """
  - {name: api, path: /echo/*, upstream: backend}
  - {name: old, path: /sse/old, upstream: backend, access: upstream, stream: {}, enabled: no}
  - {name: ticks, path: /sse/ticks, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /sse/token}}
  - {name: tocks, path: /sse/tocks, upstream: backend, access: ephemeral-token, stream: {}, enabled: no,
     ephemeral_token: {issue_path: /sse/token}}
  - {name: kind, path: /sse/kind, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /kind/token, principal_in_query: allow, parameter: key}}
  - {name: baked, path: /sse/baked, upstream: backend, access: ephemeral-token, stream: {}, enabled: no,
     ephemeral_token: {issue_path: /baked/token, carry: cookie}}
"""


def test_issue_paths_have_rows_behind_their_first_route() -> None:
    """Method, path, what they demand, whose tokens they issue, and whether they do."""
    stream = "upstream: backend, access: ephemeral-token, stream: {}, ephemeral_token: {issue_path: /token}"
    settings = settings_of(
        config(
            "{name: api, path: /api/*, upstream: backend}",
            f"{{name: ticks, path: /ticks, host: a.example, {stream}}}",
            f"{{name: tocks, path: /tocks, host: a.example, {stream}}}",
            f"{{name: other, path: /ticks, {stream}, enabled: no}}",
        )
    )
    assert list(route_rows(settings)) == [
        HEADINGS,
        ("api", "any", "any", "/api/*", "header-token", "backend", "on"),
        ("ticks", "any", "a.example", "/ticks", "ephemeral-token", "backend", "on"),
        ("ticks,tocks", "POST", "a.example", "/token", "header-token", "(issues tokens)", "on"),
        ("tocks", "any", "a.example", "/tocks", "ephemeral-token", "backend", "on"),
        ("other", "any", "any", "/ticks", "ephemeral-token", "backend", "off"),
        ("other", "POST", "any", "/token", "header-token", "(issues tokens)", "off"),
    ]
    assert [one.names for one in issue_paths(settings)] == [("ticks", "tocks"), ("other",)]


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        ("GET /echo/x", 200, ""),
        ("POST /sse/token", 200, ""),
        ("GET /sse/token", 405, "method_not_allowed"),
        ("DELETE /sse/token", 405, "method_not_allowed"),
        ("TRACE /sse/ticks", 405, "method_not_allowed"),
        ("POST /baked/token", 503, "route_disabled"),
        ("POST /sse/ticks", 405, "method_not_allowed"),
        ("POST /sse/tocks", 405, "method_not_allowed"),
        ("GET /sse/tocks", 503, "route_disabled"),
        ("GET /sse/old", 503, "route_disabled"),
        ("GET /sse//ticks", 404, "route_not_found"),
        ("HEAD /sse/ticks", 200, ""),
        ("HEAD /sse/ticks?token=x", 401, "unauthorized"),
        ("GET /sse/ticks?token=x&token=x", 400, "ambiguous_credential"),
        ("GET /sse/kind?key=x&token=y", 401, ""),
        ("HEAD /sse/kind?key=x", 401, ""),
        ("GET /nowhere", 404, "route_not_found"),
        ("GET /health", 200, ""),
        ("GET /_tentaculo/event-source.js", 200, ""),
        ("GET /_tentaculo/nothing.js", 404, "route_not_found"),
    ],
)
async def test_the_gateway_answers_what_is_explained(request_line: str, status: int, code: str) -> None:
    """A refusal that needs no look at a credential is foretold with its status and code, and no other is."""
    method, _, target = request_line.partition(" ")
    async with running(ROUTES) as stack:
        with_token = "token=" not in target and "key=" not in target
        client = await stack.gateway.client()
        fields = "".join(f"{name}: {value}\r\n" for name, value in GOOD) if with_token else ""
        raw = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 0\r\n\r\n"
        await client.send(raw.encode())
        head = await client.head()
        assert head.status == status
        if code and method != "HEAD":
            assert head.value("Content-Type") == "application/problem+json"
        settings = stack.gateway.settings
    lines, taken = explain(settings, method, parse_target(target, "localhost"), "localhost")
    said = f"{status} {code}" if code and status not in (404, 405) else str(status)
    assert taken == (not code)
    assert not code or f"is answered {said}" in "\n".join(lines)


OWN = {
    "/health": "by the gateway itself, as health_path",
    "/_tentaculo/react.js": "by the gateway itself, as a file of browser_path",
    "/_tentaculo/x": "404: no file of browser_path, and routes take nothing beneath it",
}


@pytest.mark.parametrize(("path", "said"), OWN.items(), ids=OWN)
def test_the_gateways_own_paths_are_told(path: str, said: str) -> None:
    """Whatever the routes would take; where the files are switched off those paths are like any others."""
    everything = "{name: all, path: /*, upstream: backend}"
    target = parse_target(path, "h")
    assert explain(settings_of(config(everything)), "GET", target, "h") == (
        [f"GET {path} for host h is answered {said}"],
        "404" not in said,
    )
    off = settings_of(config(everything, top="browser_path: null\nhealth_path: /alive\n"))
    assert "goes to all" in explain(off, "GET", target, "h")[0][0]


def test_an_issue_path_names_all_its_routes() -> None:
    """The sentence says whose tokens are issued, and which routes lost to it."""
    settings = settings_of(
        config(
            "{name: api, path: /api/*, upstream: backend}",
            "{name: ticks, path: /ticks, upstream: backend, access: ephemeral-token, stream: {}, "
            "ephemeral_token: {issue_path: /api/token}}",
            "{name: tocks, path: /tocks, upstream: backend, access: ephemeral-token, stream: {}, "
            "ephemeral_token: {issue_path: /api/token}}",
        )
    )
    lines, taken = explain(settings, "POST", parse_target("/api/token", "h"), "h")
    assert taken
    assert lines == [
        "POST /api/token for host h is answered by the gateway itself: issues tokens for ticks, tocks",
        "  won by any host, exact path /api/token, method POST",
        "  lost: api, because path /api/token is more specific",
    ]
    assert "hunter2" not in json.dumps(
        explain(settings, "GET", parse_target("/ticks?token=hunter2", "h"), "h")
    )
