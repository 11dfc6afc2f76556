"""What the gateway answers itself, as a document: its structure, its paths, and that the answers are so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tentaculo import __version__
from tentaculo.admin.openapi import describe
from tests.admin.openapi import check_document, check_reply, operations
from tests.admin.stacks import ADMIN_TOKEN, running
from tests.config.files import PRINCIPAL, config, settings_of
from tests.fakes.client import Fields
from tests.functional.running import GOOD

STREAM = "upstream: backend, access: ephemeral-token, stream: {}"
ROUTES = """
  - {name: query, path: /sse/query, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/query}}
  - {name: key, path: /sse/key, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/key, parameter: key}}
  - {name: header, path: /sse/header, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/header, carry: header}}
  - {name: cookie, path: /sse/cookie, upstream: backend, access: ephemeral-token, stream: {},
     ephemeral_token: {issue_path: /tokens/cookie, carry: cookie}}
  - {name: closed, path: /sse/closed, upstream: backend, access: ephemeral-token, stream: {}, enabled: no,
     ephemeral_token: {issue_path: /tokens/closed}}
"""


def _document(*routes: str, top: str = "") -> dict[str, Any]:
    document = describe(settings_of(config(*routes, top=top)))
    check_document(document)
    json.dumps(document)
    return document


def _stream(name: str, issue_path: str, more: str = "", terms: str = "") -> str:
    token = f"ephemeral_token: {{issue_path: {issue_path}, {terms}}}"
    return f"{{name: {name}, path: /{name}, {STREAM}, {more} {token}}}"


async def test_answers() -> None:
    """Health, files and tokens are answered as described, whichever way a token travels."""
    nothing: Fields = ()
    async with running(ROUTES) as stack:
        document = describe(stack.gateway.settings)
        check_document(document)
        asked = 0
        for method, path, operation in operations(document):
            if operation["tags"] == ["main"]:
                for fields in (GOOD, nothing, (*GOOD, *GOOD)):
                    reply = await stack.gateway.call(path, fields, method=method)
                    check_reply(document, method, path, reply)
                    asked += 1
    assert asked == 3 * (1 + 5 + 4)


def test_paths_of_the_configuration() -> None:
    """Health, files and issue paths are where the configuration has them."""
    top = "health_path: /alive\nbrowser_path: /client\n"
    document = _document(_stream("a", "/tokens/a"), _stream("b", "/tokens/a"), top=top)
    assert list(document["paths"]) == [
        "/alive",
        "/tokens/a",
        *(f"/client/{name}" for name in ("event-source.js", "react.js")),
        *(f"/client/{__version__}/{name}" for name in ("event-source.js", "react.js")),
        *("/live", "/ready", "/metrics"),
    ]
    assert document["paths"]["/tokens/a"]["post"]["summary"] == "Issue an ephemeral token for a, b"
    assert "/client/react.js" not in _document(top="browser_path: null\n")["paths"]


def test_credential_headers() -> None:
    """An issue path takes the headers of its routes, `Authorization` as Bearer."""
    document = _document(
        _stream("a", "/tokens/a", "credential_headers: [Authorization, X-Other],"), _stream("b", "/tokens/b")
    )
    schemes = document["components"]["securitySchemes"]
    taken = {
        path: [schemes[name] for way in document["paths"][path]["post"]["security"] for name in way]
        for path in ("/tokens/a", "/tokens/b")
    }
    assert [one.get("name", one.get("scheme")) for one in taken["/tokens/a"]] == ["bearer", "X-Other"]
    assert [(one["in"], one["name"]) for one in taken["/tokens/b"]] == [("header", "X-VX11-Token")]


def test_hosts_that_share_a_path() -> None:
    """A path stands once, with what each host answers there."""
    more = "host: a.example,"
    document = _document(_stream("a", "/token", more), _stream("b", "/token", terms="carry: cookie"))
    issuing = document["paths"]["/token"]["post"]
    assert issuing["summary"] == "Issue an ephemeral token for a (host a.example); b"
    kinds = issuing["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert ["sse_token" in kind["properties"] for kind in kinds] == [True, False]


@pytest.mark.parametrize("path", ["/live", "/metrics"])
def test_path_of_both_listeners(path: str) -> None:
    """Where both have a path, one operation tells of either."""
    document = _document(top=f"health_path: {path}\n")
    operation = document["paths"][path]["get"]
    assert operation["tags"] == ["main", "admin"]
    assert len(operation["servers"]) == 2
    content = operation["responses"]["200"]["content"]
    if path == "/metrics":
        assert list(content) == ["application/json", "text/plain"]
    else:
        kinds = content["application/json"]["schema"]["anyOf"]
        assert [kind["properties"]["status"]["enum"] for kind in kinds] == [["ok"], ["live"]]
    stuck = ", or: One of several workers does not answer" if path == "/live" else ""
    assert operation["responses"]["503"]["description"] == f"It stops{stuck}"


def test_issue_path_and_admin_api() -> None:
    """An operation of both takes the credential of either."""
    top = f"admin: {{address: 127.0.0.1:9100, token: {ADMIN_TOKEN}}}\n"
    operation = _document(_stream("a", "/reload"), top=top)["paths"]["/reload"]["post"]
    assert operation["security"] == [{"credential": []}, {"adminToken": []}]
    assert {"200", "401", "422"} <= operation["responses"].keys()


@pytest.mark.parametrize(
    ("top", "urls"),
    [
        ("listen: 0.0.0.0:8000\n", ["http://localhost:8000", "http://127.0.0.1:9100"]),
        ("listen: '[::1]:80'\nadmin: '[::]:9'\n", ["http://[::1]:80", "http://localhost:9"]),
        ("listen: 127.0.0.1:0\n", ["http://127.0.0.1:{port}", "http://127.0.0.1:9100"]),
    ],
)
def test_servers(top: str, urls: list[str]) -> None:
    """Each listener is a server that can be called."""
    document = _document(top=top)
    assert [server["url"] for server in document["servers"]] == urls
    assert all(("variables" in server) == ("{port}" in server["url"]) for server in document["servers"])
    admin = document["paths"]["/live"]["get"]
    assert (admin["tags"], admin["servers"]) == (["admin"], [document["servers"][1]])


def test_no_secret() -> None:
    """Nothing of a token is in it."""
    top = f"admin: {{address: 127.0.0.1:9100, token: {ADMIN_TOKEN}}}\ntoken_store: redis://:hunter22@redis\n"
    text = json.dumps(_document(_stream("a", "/tokens/a"), top=top))
    assert not [secret for secret in (ADMIN_TOKEN, "hunter22", "token-of-the-ui") if secret in text]
    assert "token-of-the-ui" in PRINCIPAL
