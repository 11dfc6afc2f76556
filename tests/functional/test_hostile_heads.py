"""More hostile requests: request lines, field syntax, hosts and forms of the target."""

from __future__ import annotations

import pytest

from tests.functional.cases import Case
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

TOKEN = "X-VX11-Token: {{TOKEN}}\r\n"
LINE = "GET {{API}} HTTP/1.1\r\n"
HOST = "Host: {{HOST}}\r\n"
REFUSED = ("400", "413", "414", "431", "501", "505", "close")

LINES = {
    "lower-version": "GET {{API}} http/1.1",
    "no-version": "GET {{API}}",
    "v11-dot": "GET {{API}} HTTP/1.1.",
    "v1": "GET {{API}} HTTP/1",
    "v12": "GET {{API}} HTTP/1.2",
    "v30": "GET {{API}} HTTP/3.0",
    "v011": "GET {{API}} HTTP/01.1",
    "v111": "GET {{API}} HTTP/1.11",
    "v-comma": "GET {{API}} HTTP/1,1",
    "v-negative": "GET {{API}} HTTP/-1.1",
    "v-other": "GET {{API}} HTTQ/1.1",
    "v-rtsp": "GET {{API}} RTSP/1.0",
    "v-icy": "GET {{API}} ICE/1.0",
    "v-fullwidth": "GET {{API}} HTTP/1.\xef\xbc\x91",
    "v-trailing-word": "GET {{API}} HTTP/1.1 x",
    "leading-space": " GET {{API}} HTTP/1.1",
    "tab-separator": "GET\t{{API}}\tHTTP/1.1",
    "ff-separator": "GET\x0c{{API}}\x0cHTTP/1.1",
    "nbsp-separator": "GET\xa0{{API}} HTTP/1.1",
    "nul-method": "GE\x00T {{API}} HTTP/1.1",
    "nul-target": "GET {{API}}\x00 HTTP/1.1",
    "cr-in-line": "GET {{API}}\r HTTP/1.1",
    "lf-only-line": "GET {{API}} HTTP/1.1\nX-A: b",
    "method-colon": "GET: {{API}} HTTP/1.1",
    "method-brackets": "<GET> {{API}} HTTP/1.1",
    "method-slash": "GE/T {{API}} HTTP/1.1",
    "method-nonascii": "G\xc3\x89T {{API}} HTTP/1.1",
    "method-missing": "{{API}} HTTP/1.1",
    "target-missing": "GET HTTP/1.1",
    "trace": "TRACE {{API}} HTTP/1.1",
    "connect": "CONNECT {{HOST}}:443 HTTP/1.1",
    "connect-path": "CONNECT {{API}} HTTP/1.1",
    "pri": "PRI * HTTP/2.0",
    "tls-hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "proxy-v1": "PROXY TCP4 6.6.6.6 127.0.0.1 1 2\r\nGET {{API}} HTTP/1.1",
}

FIELDS = {
    "no-colon": "Foo",
    "no-name": ": value",
    "space-name": " : value",
    "name-space-inside": "X A: b",
    "name-tab": "X-A\t: b",
    "name-nonascii": "X-\xc3\xa9: b",
    "name-quote": 'X-"A: b',
    "name-paren": "X(A): b",
    "name-slash": "X/A: b",
    "name-at": "X@A: b",
    "name-bracket": "X[A]: b",
    "name-brace": "X{A}: b",
    "name-equals": "X=A: b",
    "name-comma": "X,A: b",
    "name-semicolon": "X;A: b",
    "name-del": "X\x7fA: b",
    "name-cr": "X\rA: b",
    "name-lf": "X\nA: b",
    "value-lf": "X-A: a\nb",
    "value-lf-hidden": "X-A: a\nX-Forwarded-For: CANARY",
    "value-cr-hidden": "X-A: a\rX-Forwarded-For: CANARY",
    "value-esc": "X-A: \x1b[31m",
    "value-bs": "X-A: a\x08b",
    "value-soh": "X-A: \x01",
    "value-us": "X-A: a\x1fb",
    "value-nul-end": "X-A: a\x00",
    "fold-space": "X-A: a\r\n b",
    "fold-tab": "X-A: a\r\n\tb",
    "fold-token": "X-A: a\r\n X-VX11-Token: other",
    "fold-first": "X-A:\r\n b",
    "one-8k-field": "X-A: {{REPEAT:v:9000}}",
    "one-8k-name": "X-{{REPEAT:v:9000}}: a",
    "fields-over-64k": "{{REPEAT:X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n:2000}}X-A: b",
}

# The whole Host part of the head.
HOSTS = {
    "empty": "Host:\r\n",
    "spaces": "Host:   \r\n",
    "space-inside": "Host: gate way.test\r\n",
    "tab-inside": "Host: gate\tway.test\r\n",
    "slash": "Host: {{HOST}}/x\r\n",
    "backslash": "Host: {{HOST}}\\x\r\n",
    "userinfo": "Host: user@{{HOST}}\r\n",
    "userinfo-token": "Host: user:{{TOKEN}}@{{HOST}}\r\n",
    "scheme": "Host: http://{{HOST}}\r\n",
    "query": "Host: {{HOST}}?x\r\n",
    "fragment": "Host: {{HOST}}#x\r\n",
    "percent": "Host: %67ateway.test\r\n",
    "port-0": "Host: {{HOST}}:0\r\n",
    "port-word": "Host: {{HOST}}:http\r\n",
    "port-minus": "Host: {{HOST}}:-1\r\n",
    "port-plus": "Host: {{HOST}}:+80\r\n",
    "port-65536": "Host: {{HOST}}:65536\r\n",
    "port-two": "Host: {{HOST}}:80:80\r\n",
    "port-long": "Host: {{HOST}}:000000000000000000080\r\n",
    "ipv6-open": "Host: [::1\r\n",
    "ipv6-bare": "Host: ::1\r\n",
    "ipv6-bad": "Host: [:::1]\r\n",
    "ipv6-tail": "Host: [::1]evil\r\n",
    "ipv6-zone": "Host: [fe80::1%25eth0]\r\n",
    "semicolon": "Host: {{HOST}};evil\r\n",
    "comma-space": "Host: {{HOST}} , evil\r\n",
    "quotes": 'Host: "{{HOST}}"\r\n',
    "angle": "Host: <{{HOST}}>\r\n",
    "nonascii": "Host: g\xc3\xa4teway.test\r\n",
    "double-dot": "Host: gateway..test\r\n",
    "leading-dot": "Host: .gateway.test\r\n",
    "cr": "Host: {{HOST}}\revil\r\n",
    "lf": "Host: {{HOST}}\nX: evil\r\n",
    "fold": "Host: {{HOST}}\r\n evil\r\n",
    "name-space": "Host : {{HOST}}\r\n",
    "long": "Host: {{REPEAT:a:300}}\r\n",
    "dup-case": "Host: {{HOST}}\r\nhOST: evil.example\r\n",
    "dup-empty": "Host: {{HOST}}\r\nHost:\r\n",
}

TARGETS = {
    "no-slash": "api",
    "dot": ".",
    "empty-query": "?x=1",
    "authority": "{{HOST}}:80",
    "abs-no-slashes": "http:{{API}}",
    "abs-one-slash": "http:/{{HOST}}{{API}}",
    "abs-no-host": "http:///api",
    "abs-userinfo": "http://user@{{HOST}}{{API}}",
    "abs-evil": "http://evil.example{{API}}",
    "abs-port": "http://{{HOST}}:81{{API}}",
    "abs-evil-listener": "http://127.0.0.1:{{EVILPORT}}{{API}}",
    "abs-at-evil": "http://{{HOST}}@127.0.0.1:{{EVILPORT}}{{API}}",
    "abs-backslash": "http://{{HOST}}\\@127.0.0.1:{{EVILPORT}}{{API}}",
    "abs-ws": "ws://{{HOST}}{{API}}",
    "abs-file": "file:///etc/passwd",
    "abs-gopher": "gopher://127.0.0.1:{{EVILPORT}}/x",
    "abs-javascript": "javascript:alert(1)",
    "abs-nested": "http://{{HOST}}/../{{API1}}",
    "net-path": "//127.0.0.1:{{EVILPORT}}/x",
    "net-path-host": "//{{HOST}}{{API}}",
    "fragment": "{{API}}#x",
    "fragment-query": "{{API}}?a#b",
    "nonascii": "{{API}}/\xc3\xa9",
    "nonascii-query": "{{API}}?x=\xe9",
    "quote": '{{API}}/"x"',
    "angle": "{{API}}/<x>",
    "broken-escape": "{{API}}/%",
    "broken-escape-1": "{{API}}/%4",
    "broken-escape-g": "{{API}}/%gg",
    "u-escape": "{{API}}/%u0041",
    "control-query": "{{API}}?a=\x01",
    "del-query": "{{API}}?a=\x7f",
    "star": "*",
    "too-long": "{{API}}/{{REPEAT:a:9000}}",
    "too-long-query": "{{API}}?{{REPEAT:a:9000}}",
}


def refused(name: str, request: str, *, allow: tuple[str, ...] = REFUSED) -> Case:
    """Make a case that must end in a refusal that the upstream never learns of."""
    return Case(
        id=name, request=request, allow=allow, upstream={"max_requests": 0}, client={"max_responses": 1}
    )


CASES = [
    *(
        refused(f"line-{n}", f"{line}\r\n{HOST}{TOKEN}\r\n", allow=(*REFUSED, "405"))
        for n, line in LINES.items()
    ),
    *(refused(f"field-{n}", f"{LINE}{HOST}{TOKEN}{field}\r\n\r\n") for n, field in FIELDS.items()),
    *(refused(f"host-{n}", f"{LINE}{TOKEN}{host}\r\n") for n, host in HOSTS.items()),
    *(
        refused(f"target-{n}", f"GET {target} HTTP/1.1\r\n{HOST}{TOKEN}\r\n", allow=(*REFUSED, "404", "421"))
        for n, target in TARGETS.items()
    ),
]
LIMITS = {
    "414": f"GET {{{{API}}}}?{{{{REPEAT:a:9000}}}} HTTP/1.1\r\n{HOST}{TOKEN}\r\n",
    "431": f"{LINE}{HOST}{TOKEN}X-A: {{{{REPEAT:v:9000}}}}\r\n\r\n",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_malformed_head(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """A head that breaks RFC 9112 is refused with a 4xx or 5xx that says so, or the connection ends."""
    await check(case, start_gateway, start_recorder)


@pytest.mark.parametrize("status", LIMITS)
async def test_oversized_head(
    status: str, start_gateway: StartGateway, start_recorder: StartRecorder
) -> None:
    """A long request line is told from a long field."""
    await check(refused(status, LIMITS[status], allow=(status,)), start_gateway, start_recorder)
