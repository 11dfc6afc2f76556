"""More hostile requests: paths that a backend could read as another path than the one that was checked."""

from __future__ import annotations

import pytest

from tests.functional.cases import Case
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

REFUSED = ("400", "401", "403", "404", "405", "close")

# From a route that needs no token towards the one that does.
ESCAPES = (
    "/open/..{{API}}/CANARY",
    "/open/../{{API1}}/CANARY",
    "/open/x/../..{{API}}/CANARY",
    "/open/./..{{API}}/CANARY",
    "/open/%2e%2e{{API}}/CANARY",
    "/open/%2E%2E{{API}}/CANARY",
    "/open/.%2e{{API}}/CANARY",
    "/open/%2e.{{API}}/CANARY",
    "/open/..%2f{{API1}}/CANARY",
    "/open/..%2F{{API1}}/CANARY",
    "/open/%2e%2e%2f{{API1}}/CANARY",
    "/open%2f..{{API}}/CANARY",
    "/open/..%5c{{API1}}/CANARY",
    "/open/..\\{{API1}}\\CANARY",
    "/open\\..\\{{API1}}\\CANARY",
    "/open/%252e%252e{{API}}/CANARY",
    "/open/%252e%252e%252f{{API1}}/CANARY",
    "/open/%25%32%65%25%32%65{{API}}/CANARY",
    "/open/..;{{API}}/CANARY",
    "/open/..;a=b{{API}}/CANARY",
    "/open/;/..{{API}}/CANARY",
    "/open/..%3b{{API}}/CANARY",
    "/open/..%00{{API}}/CANARY",
    "/open/..%09{{API}}/CANARY",
    "/open/..%0a{{API}}/CANARY",
    "/open/..%0d%0a{{API}}/CANARY",
    "/open/..%20{{API}}/CANARY",
    "/open/%20..{{API}}/CANARY",
    "/open/..%3f{{API}}/CANARY",
    "/open/..%23{{API}}/CANARY",
    "/open//..{{API}}/CANARY",
    "/open//{{API}}/CANARY",
    "/open/...{{API}}/CANARY",
    "/open/%c0%ae%c0%ae{{API}}/CANARY",
    "/open/%e0%80%ae%e0%80%ae{{API}}/CANARY",
    "/open/%f0%80%80%ae%f0%80%80%ae{{API}}/CANARY",
    "/open/%ef%bc%8e%ef%bc%8e{{API}}/CANARY",
    "/open/..%c0%af{{API1}}/CANARY",
    "/open/..%ef%bc%8f{{API1}}/CANARY",
    "/open/%u002e%u002e{{API}}/CANARY",
    "/open/.%00.{{API}}/CANARY",
    "/open/.;.{{API}}/CANARY",
    "//open/..{{API}}/CANARY",
    "/./open/..{{API}}/CANARY",
    "/x/../open/..{{API}}/CANARY",
    "/open/..",
    "/open/%2e%2e",
    "/open/../",
)
# Straight at the route that needs a token, dressed up as something else.
DISGUISES = (
    "{{API}}/CANARY?/open/x",
    "{{API}}/CANARY%3f/open/x",
    "{{API}}/CANARY/open/x",
    "{{API}}/CANARY/..%2f..%2fopen/x",
    "{{API}}/CANARY/%2e%2e/%2e%2e/open/x",
    "{{API}}/CANARY;/open/x",
    "{{API}};x=y/CANARY",
    "{{API}}/CANARY%09",
    "{{API}}/CANARY%0d",
    "{{API}}/CANARY%7f",
    "{{API}}/CANARY/",
    "{{API}}/CANARY//",
    "{{API}}//CANARY",
    "{{API}}/./CANARY",
    "{{API}}%2fCANARY",
    "{{API}}%5cCANARY",
    "{{API}}\\CANARY",
    "%2fapi/CANARY",
    "/%61pi/CANARY",
    "/a%70i/CANARY",
    "/ap%69/CANARY",
    "/Api/CANARY",
    "/aPI/CANARY",
    "/\xe1pi/CANARY",
    "/api\xad/CANARY",
    "/;{{API}}/CANARY",
    "/api./CANARY",
    "/api%20/CANARY",
    "/api%00/CANARY",
    "/%2e{{API}}/CANARY",
    "/health/..{{API}}/CANARY",
    "/health/../{{API1}}/CANARY",
    "/health;{{API}}/CANARY",
    "/health%2f..{{API}}/CANARY",
    "{{API}}/CANARY?/health",
    "{{API}}/CANARY/health",
)
# Fields by which other proxies let a client choose the path, the method or the address.
OVERRIDES = (
    "X-Original-URL: {{API}}/CANARY",
    "X-Original-URI: /open/x",
    "X-Rewrite-URL: /open/x",
    "X-Forwarded-Uri: /open/x",
    "X-Forwarded-Path: /open/x",
    "X-Forwarded-Prefix: /open",
    "X-Forwarded-Method: OPTIONS",
    "X-HTTP-Method: OPTIONS",
    "X-Method-Override: OPTIONS",
    "X-Envoy-Original-Path: /open/x",
    "X-Envoy-Internal: true",
    "X-Accel-Redirect: /open/x",
    "X-Sendfile: /open/x",
    "X-Proxy-URL: http://127.0.0.1:{{EVILPORT}}/",
    "X-Custom-IP-Authorization: 127.0.0.1",
    "X-Forwarded-For: 127.0.0.1",
    "X-Real-IP: 127.0.0.1",
    "X-Client-IP: 127.0.0.1",
    "X-Originating-IP: 127.0.0.1",
    "X-Cluster-Client-IP: 127.0.0.1",
    "True-Client-IP: 127.0.0.1",
    "CF-Connecting-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1;proto=https",
    "Client-IP: 127.0.0.1",
    "X-Tentaculo-Principal: operator-ui",
    "X-Auth-Request-User: operator-ui",
    "X-Forwarded-User: operator-ui",
    "Remote-User: operator-ui",
    "Accept: text/event-stream",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "User-Agent: kube-probe/1.30",
    "Origin: http://{{HOST}}\r\nSec-Fetch-Site: same-origin",
    "Access-Control-Request-Method: GET\r\nOrigin: http://{{HOST}}",
)


def bypass(name: str, line: str, extra: str = "") -> Case:
    """Make a case without any credential that must not get to the protected route."""
    return Case(
        id=name,
        request=f"{line} HTTP/1.1\r\nHost: {{{{HOST}}}}\r\n{extra}\r\n",
        allow=REFUSED,
        upstream={"max_requests": 0, "must_not_match": ["CANARY"]},
        client={"max_responses": 1},
    )


# Odd, but what the upstream gets still lies under the open route however it is read.
HARMLESS = {
    "/open/...{{API}}/CANARY",
    "/open/%20..{{API}}/CANARY",
    "/open/%ef%bc%8e%ef%bc%8e{{API}}/CANARY",
    "/open/..%ef%bc%8f{{API1}}/CANARY",
    "/open/..%09{{API}}/CANARY",
}
CASES = [
    *(bypass(f"escape-{path}", f"GET {path}") for path in ESCAPES if path not in HARMLESS),
    *(bypass(f"disguise-{path}", f"GET {path}") for path in DISGUISES),
    *(bypass(f"override-{f.split(':')[0]}", "GET {{API}}/CANARY", f + "\r\n") for f in OVERRIDES),
    *(
        bypass(f"method-{m}", f"{m} {{{{API}}}}/CANARY")
        for m in (
            "OPTIONS",
            "HEAD",
            "POST",
            "PUT",
            "DELETE",
            "PATCH",
            "PROPFIND",
            "TRACE",
            "CONNECT",
            "get",
            "QUERY",
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_bypass(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """No spelling of a path, method or field opens a protected route without a credential."""
    await check(case, start_gateway, start_recorder)


@pytest.mark.parametrize("path", sorted(HARMLESS))
async def test_odd_path_stays_under_its_route(
    path: str, start_gateway: StartGateway, start_recorder: StartRecorder
) -> None:
    """What is let through on an open route resolves to a path beneath it, however lenient its reader."""
    case = Case(
        id=path,
        request=f"GET {path} HTTP/1.1\r\nHost: {{{{HOST}}}}\r\n\r\n",
        allow=(*REFUSED, "200"),
        upstream={"resolved_prefix": "/open/"},
        client={"max_responses": 1},
    )
    await check(case, start_gateway, start_recorder)
