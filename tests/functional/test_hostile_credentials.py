"""More hostile requests: credentials, fields for one hop, and switches of protocol."""

from __future__ import annotations

import pytest

from tests.functional.cases import Case
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

LINE = "GET {{API}}/CANARY HTTP/1.1\r\nHost: {{HOST}}\r\n"
TOKEN = "X-VX11-Token: {{TOKEN}}\r\n"

CREDENTIALS = {
    "spaces": "X-VX11-Token:     ",
    "tab": "X-VX11-Token:\t",
    "null-word": "X-VX11-Token: null",
    "undefined": "X-VX11-Token: undefined",
    "true": "X-VX11-Token: true",
    "star": "X-VX11-Token: *",
    "name-of-principal": "X-VX11-Token: operator-ui",
    "inner-space": "X-VX11-Token: {{TOKEN}} x",
    "doubled": "X-VX11-Token: {{TOKEN}}{{TOKEN}}",
    "comma": "X-VX11-Token: {{TOKEN}},",
    "list-same": "X-VX11-Token: {{TOKEN}}, {{TOKEN}}",
    "semicolon": "X-VX11-Token: {{TOKEN}};",
    "bearer": "X-VX11-Token: Bearer {{TOKEN}}",
    "basic": "Authorization: Basic e3tUT0tFTn19",
    "prefixed-x": "X-VX11-Token: x{{TOKEN}}",
    "nbsp": "X-VX11-Token: {{TOKEN}}\xa0",
    "nbsp-lead": "X-VX11-Token: \xa0{{TOKEN}}",
    "utf8-bom": "X-VX11-Token: \xef\xbb\xbf{{TOKEN}}",
    "high-bytes": "X-VX11-Token: \xff\xfe\xfd",
    "percent": "X-VX11-Token: %50r1ncipal-token-Of-operator",
    "wildcard": "X-VX11-Token: {{TOKEN-1}}*",
    "regex": "X-VX11-Token: .*",
    "sql": "X-VX11-Token: ' OR '1'='1",
    "ldap": "X-VX11-Token: *)(uid=*",
    "long": "X-VX11-Token: {{REPEAT:a:8000}}",
    "digest": "X-VX11-Token: 0000000000000000000000000000000000000000000000000000000000000000",
    "name-suffix": "X-VX11-Token-: {{TOKEN}}",
    "name-prefix": "-X-VX11-Token: {{TOKEN}}",
    "name-dot": "X.VX11.Token: {{TOKEN}}",
    "name-joined": "XVX11Token: {{TOKEN}}",
    "name-mixed-underscore": "X_VX11-Token: {{TOKEN}}",
    "other-header": "X-Api-Key: {{TOKEN}}",
    "proxy-authorization": "Proxy-Authorization: Bearer {{TOKEN}}",
    "cookie": "Cookie: X-VX11-Token={{TOKEN}}",
    "referer": "Referer: http://{{HOST}}/?token={{TOKEN}}",
    "empty-then-good": "X-VX11-Token:\r\nX-VX11-Token: {{TOKEN}}",
    "good-then-empty": "X-VX11-Token: {{TOKEN}}\r\nX-VX11-Token:",
    "bad-then-good": "X-VX11-Token: nope\r\nX-VX11-Token: {{TOKEN}}",
    "three": "X-VX11-Token: {{TOKEN}}\r\nX-VX11-Token: {{TOKEN}}\r\nX-VX11-Token: {{TOKEN}}",
    "two-principals": "X-VX11-Token: {{TOKEN}}\r\nX-VX11-Token: {{OTHER}}",
    "other-principal": "X-VX11-Token: {{OTHER}}",
    "listed-in-connection": "Connection: X-VX11-Token\r\nX-VX11-Token: nope",
    "good-and-bad-listed": "Connection: X-VX11-Token\r\nX-VX11-Token: {{TOKEN}}\r\nX-VX11-Token: nope",
}

# What a client may send with a good token, and what of it must not, or must, reach the upstream.
HOPS: dict[str, tuple[str, list[str], list[str]]] = {
    "keep-alive": ("Keep-Alive: CANARY=5", ["CANARY"], []),
    "proxy-connection": ("Proxy-Connection: CANARY", ["CANARY"], []),
    "proxy-authorization": ("Proxy-Authorization: Basic CANARY", ["CANARY"], []),
    "proxy-authenticate": ("Proxy-Authenticate: CANARY", ["CANARY"], []),
    "te-trailers": ("TE: trailers, CANARY", ["CANARY"], []),
    "trailer": ("Trailer: X-CANARY", ["CANARY"], []),
    "upgrade": ("Upgrade: CANARY/1", ["CANARY"], []),
    "http2-settings": ("HTTP2-Settings: CANARY", ["CANARY"], []),
    "listed": ("Connection: X-Gone\r\nX-Gone: CANARY", ["CANARY"], []),
    "listed-before": ("X-Gone: CANARY\r\nConnection: close, x-gone", ["CANARY"], []),
    "listed-twice": (
        "Connection: X-Gone\r\nConnection: X-Also\r\nX-Gone: CANARY\r\nX-Also: CANARY",
        ["CANARY"],
        [],
    ),
    "listed-odd-spaces": ("Connection:\t ,, X-Gone\t,\r\nX-Gone: CANARY", ["CANARY"], []),
    "listed-token": ("Connection: X-VX11-Token", ["{{TOKEN}}"], []),
    "listed-host": ("Connection: Host", [], [r"(?i)\r\nhost: "]),
    "listed-cl": ("Connection: Content-Length\r\nContent-Length: 0", [], []),
    "listed-xff": ("Connection: X-Forwarded-For", [], [r"(?i)x-forwarded-for: 127\.0\.0\.1"]),
    "listed-xff-lower": (
        "Connection: x-forwarded-for, x-forwarded-host",
        [],
        [r"(?i)x-forwarded-host: gateway\.test"],
    ),
    "listed-identity": (
        "Connection: X-Tentaculo-Principal",
        [],
        [r"(?i)x-tentaculo-principal: operator-ui\r\n"],
    ),
    "listed-via": ("Connection: Via", [], [r"(?i)\r\nvia: 1\.1 "]),
    "listed-request-id": ("Connection: X-Request-Id", [], [r"(?i)\r\nx-request-id: \S"]),
    "identity": (
        "X-Tentaculo-Principal: CANARY",
        ["CANARY"],
        [r"(?i)x-tentaculo-principal: operator-ui\r\n"],
    ),
    "identity-case": ("x-TENTACULO-principal: CANARY", ["CANARY"], []),
    "identity-underscore": ("X_Tentaculo_Principal: CANARY", ["CANARY"], []),
    "identity-two": ("X-Tentaculo-Principal: CANARY\r\nX-Tentaculo-Principal: CANARY", ["CANARY"], []),
    "xff": ("X-Forwarded-For: CANARY", ["CANARY"], []),
    "xff-two": ("X-Forwarded-For: CANARY\r\nX-Forwarded-For: CANARY", ["CANARY"], []),
    "xff-underscore": ("X_Forwarded_For: CANARY", ["CANARY"], []),
    "xf-port": ("X-Forwarded-Port: CANARY", ["CANARY"], []),
    "xf-prefix": ("X-Forwarded-Prefix: CANARY", ["CANARY"], []),
    "xf-server": ("X-Forwarded-Server: CANARY", ["CANARY"], []),
    "xf-ssl": ("X-Forwarded-Ssl: CANARY", ["CANARY"], []),
    "xf-client-cert": ("X-Forwarded-Client-Cert: CANARY", ["CANARY"], []),
    "xf-email": ("X-Forwarded-Email: CANARY", ["CANARY"], []),
    "xf-groups": ("X-Forwarded-Groups: CANARY", ["CANARY"], []),
    "xf-preferred": ("X-Forwarded-Preferred-Username: CANARY", ["CANARY"], []),
    "auth-request-email": ("X-Auth-Request-Email: CANARY", ["CANARY"], []),
    "remote-user": ("REMOTE-USER: CANARY", ["CANARY"], []),
    "forwarded": ("Forwarded: for=CANARY", ["CANARY"], []),
    "real-ip": ("X-Real-IP: CANARY", ["CANARY"], []),
    "request-id": ("X-Request-Id: CANARY", ["CANARY"], []),
    "via-kept": ("Via: 1.0 before", [], [r"(?i)via: 1\.0 before(?s:.*)1\.1 "]),
    "authorization-kept": ("Authorization: Bearer backends-own", [], ["Authorization: Bearer backends-own"]),
    "cookie-kept": ("Cookie: a=b; c=d", [], ["Cookie: a=b; c=d"]),
    "range-kept": ("Range: bytes=0-1", [], ["Range: bytes=0-1"]),
    "repeated-kept": ("X-R: 1\r\nX-S: 2\r\nX-R: 3", [], ["X-R: 1\r\nX-S: 2\r\nX-R: 3\r\n"]),
    "spelling-kept": ("x-OdD-sPeLL: 1", [], ["x-OdD-sPeLL: 1\r\n"]),
    "empty-kept": ("X-Empty:", [], ["X-Empty: ?\r\n"]),
}

# (request, allowed first statuses, requests at the upstream)
SWITCHES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "websocket": (
        LINE + TOKEN + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        ("200", "400", "426", "501"),
        1,
    ),
    "upgrade-tls": (
        LINE + TOKEN + "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n",
        ("200", "400", "426", "501"),
        1,
    ),
    "upgrade-without-connection": (LINE + TOKEN + "Upgrade: websocket\r\n\r\n", ("200",), 1),
    "upgrade-list": (
        LINE + TOKEN + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
        ("200", "400"),
        1,
    ),
    "upgrade-noauth": (LINE + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", ("401",), 0),
    "upgrade-then-frames": (
        LINE + TOKEN + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x85\x00\x00\x00\x00hello",
        ("200", "400"),
        1,
    ),
    "h2-preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ("400", "505", "close"), 0),
    "h2-preface-then-frames": (
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        ("400", "505", "close"),
        0,
    ),
    "connect-tunnel": (
        "CONNECT 127.0.0.1:{{EVILPORT}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\n",
        ("400", "405", "501"),
        0,
    ),
    "connect-authority": (
        "CONNECT 127.0.0.1:{{EVILPORT}} HTTP/1.1\r\nHost: 127.0.0.1:{{EVILPORT}}\r\n" + TOKEN + "\r\n",
        ("400", "405", "501"),
        0,
    ),
    "trace": ("TRACE {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\n", ("400", "405", "501"), 0),
    "expect-case": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-CONTINUE\r\nContent-Length: 5\r\n\r\nhello",
        ("100", "200"),
        1,
    ),
    "expect-list": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue, x\r\nContent-Length: 5\r\n\r\nhello",
        ("417", "400"),
        0,
    ),
    "expect-two": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        ("100", "200", "417", "400"),
        1,
    ),
    "expect-two-diff": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nExpect: other\r\nContent-Length: 5\r\n\r\nhello",
        ("417", "400"),
        0,
    ),
    "expect-empty": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "Expect:\r\nContent-Length: 5\r\n\r\nhello",
        ("200", "417", "400"),
        1,
    ),
    "expect-10": (
        "POST {{API}} HTTP/1.0\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        ("200",),
        1,
    ),
    "expect-no-body": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        ("100", "200", "417"),
        1,
    ),
    "expect-401": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        ("401",),
        0,
    ),
    "expect-404": (
        "POST /nowhere HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        ("404",),
        0,
    ),
    "expect-413": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
        ("413",),
        0,
    ),
    "version-10-keep-alive": (
        "GET {{API}} HTTP/1.0\r\nHost: {{HOST}}\r\nConnection: keep-alive\r\n" + TOKEN + "\r\n",
        ("200",),
        1,
    ),
    "version-10-chunked": (
        "POST {{API}} HTTP/1.0\r\nHost: {{HOST}}\r\n"
        + TOKEN
        + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ("400", "501", "505", "close"),
        0,
    ),
    "version-10-no-host": ("GET {{API}} HTTP/1.0\r\n" + TOKEN + "\r\n", ("200", "400", "404"), 1),
    "close-then-more": (
        LINE + TOKEN + "Connection: close\r\n\r\n" + LINE + TOKEN + "\r\n",
        ("200",),
        1,
    ),
    "pipeline-refused-body": (
        "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\nContent-Length: 400\r\n\r\n" + LINE + TOKEN + "\r\n",
        ("401",),
        0,
    ),
    "pipeline-bad-second": (
        "GET {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\nGARBAGE\r\n\r\n",
        ("200",),
        1,
    ),
    "pipeline-noauth-second": (
        "GET {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\n" + LINE + "\r\n",
        ("200",),
        1,
    ),
    "blank-lines-first": (
        "\r\n\r\nGET {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\n",
        ("200", "400"),
        1,
    ),
    "blank-after": ("GET {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + "\r\n\r\n", ("200",), 1),
}
SPEAKS_ONCE = {"close-then-more", "pipeline-refused-body"}
CASES = [
    *(
        Case(
            id=f"credential-{name}",
            request=LINE + field + "\r\n\r\n",
            allow=("400", "401", "403"),
            upstream={"max_requests": 0},
            client={"max_responses": 1, "must_not_match": ["{{TOKEN}}"]},
            log={"must_not_match": ["{{TOKEN}}"]},
        )
        for name, field in CREDENTIALS.items()
    ),
    *(
        Case(
            id=f"hop-{name}",
            request="GET {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\n" + TOKEN + fields + "\r\n\r\n",
            allow=("200",),
            upstream={"max_requests": 1, "must_not_match": [*absent, "{{TOKEN}}"], "must_match": present},
            client={"max_responses": 1},
        )
        for name, (fields, absent, present) in HOPS.items()
    ),
    *(
        Case(
            id=f"switch-{name}",
            request=raw,
            allow=allow,
            upstream={"max_requests": most, "must_not_match": ["(?i)\r\nupgrade:"]},
            client={"max_responses": 1} if name in SPEAKS_ONCE else {},
        )
        for name, (raw, allow, most) in SWITCHES.items()
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_hostile_fields(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """Exactly one good credential opens a route, and no field of the client's poses as the gateway's."""
    await check(case, start_gateway, start_recorder)
