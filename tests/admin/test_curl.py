"""Asking for a token, and the curl line that opens a stream with it, pasted into a shell."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal

import pytest

from tentaculo.admin.client import Base, WrongUse
from tentaculo.admin.curl import Issued, Order, curl_line, issue, make_order
from tests.admin.stacks import Stack, answering, configuration, running, said
from tests.config.files import config, settings_of
from tests.fakes.gates import soon
from tests.functional.running import TOKEN

_STREAM = "upstream: backend, access: ephemeral-token, stream: {}"
ROUTES = f"""
  - {{name: api, path: /echo/*, upstream: backend}}
  - {{name: query, path: /sse/query, {_STREAM}, ephemeral_token: {{issue_path: /t/query}}}}
  - {{name: sibling, path: /sse/sibling, {_STREAM}, ephemeral_token: {{issue_path: /t/query}}}}
  - {{name: named, path: /sse/named, {_STREAM},
     ephemeral_token: {{issue_path: /t/named, parameter: key-token}}}}
  - {{name: header, path: /sse/header, {_STREAM}, ephemeral_token: {{issue_path: /t/header, carry: header}}}}
  - {{name: bearer, path: /sse/bearer, {_STREAM}, ephemeral_token: {{issue_path: /t/bearer, carry: header}},
     credential_headers: [Authorization]}}
  - {{name: cookie, path: /sse/cookie, {_STREAM}, ephemeral_token: {{issue_path: /t/cookie, carry: cookie}}}}
  - {{name: hosted, path: /sse/hosted, host: events.example, {_STREAM},
     ephemeral_token: {{issue_path: /t/hosted}}}}
  - {{name: beneath, path: "/sse/b/{{who}}", {_STREAM}, ephemeral_token: {{issue_path: /t/beneath}}}}
  - {{name: odd, path: "/sse/it's$(touch%20x)&[a]", {_STREAM}, ephemeral_token: {{issue_path: "/t/it's"}}}}
  - {{name: off, path: /sse/off, {_STREAM}, ephemeral_token: {{issue_path: /t/off}}, enabled: no}}
"""


async def _order(stack: Stack, route: str, path: str | None = None) -> Order:
    return make_order(stack.gateway.settings, route, gateway=stack.url, path=path)


@pytest.mark.parametrize(
    ("route", "path", "holds"),
    [
        ("query", None, "?token="),
        ("sibling", None, "/sse/sibling?token="),
        ("named", None, "?key-token="),
        ("header", None, "--header 'X-VX11-Token: "),
        ("bearer", None, "--header 'Authorization: Bearer "),
        ("cookie", None, "--cookie tentaculo_token_"),
        ("hosted", None, "--header 'Host: events.example'"),
        ("beneath", "/sse/b/me", "/sse/b/me?token="),
        ("odd", None, "--globoff"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
async def test_the_line_opens_the_stream_when_pasted(route: str, path: str | None, holds: str) -> None:
    """A shell that gets the line gets events, and the line holds no principal token."""
    async with running(ROUTES) as stack:
        order = await _order(stack, route, path)
        issued = await asyncio.to_thread(issue, order, TOKEN)
        line = curl_line(order, issued)
        assert holds in line
        assert TOKEN not in line
        curl = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"{line} --silent"), stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        try:
            assert curl.stdout is not None
            stack.upstream.events.put_nowait(b"data: it came\n\n")
            assert await soon(curl.stdout.readline(), 10) == b"data: it came\n"
        finally:
            os.killpg(curl.pid, signal.SIGKILL)
            await curl.communicate()
        assert (issued.seconds, issued.token in line) == (60, True)


@pytest.mark.parametrize(
    ("route", "token", "sentence"),
    [
        ("query", "another-principal", "CallFailed: The gateway refuses this token."),
        ("off", TOKEN, "CallFailed: {url} answers 503 route_disabled: The route is switched off."),
    ],
)
async def test_a_refusal_is_one_sentence(route: str, token: str, sentence: str) -> None:
    """It says what the gateway said, and holds no token."""
    async with running(ROUTES) as stack:
        order, url = await _order(stack, route), stack.url
        assert await said(lambda: issue(order, token)) == sentence.format(url=url)


PROBLEM = b"HTTP/1.1 %d X\r\nRetry-After: %b\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize(
    ("status", "wait", "body", "sentence"),
    [
        (403, b"", {"code": "forbidden"}, "its principal may not open query, or is blocked."),
        (
            404,
            b"",
            {"code": "route_not_found"},
            "has no issue path /t/query: does it run this configuration?",
        ),
        (404, b"", {}, "answers 404."),
        (429, b"7", {"code": "issue_rate_exceeded"}, "too many tokens: try again in 7 s."),
        (429, b"soon", {"code": "issue_rate_exceeded"}, "too many tokens: try again later."),
        (
            503,
            b"1",
            {"code": "token_store_unavailable", "title": "Away"},
            "503 token_store_unavailable: Away.",
        ),
        (200, b"", {}, "answers without a token: does it run this configuration?"),
        (
            200,
            b"",
            {"sse_token": "a b", "ttl_sec": 60},
            "answers without a token: does it run this configuration?",
        ),
        (
            200,
            b"",
            {"sse_token": "ab", "ttl_sec": "60"},
            "answers without a token: does it run this configuration?",
        ),
    ],
)
async def test_each_answer_has_its_sentence(status: int, wait: bytes, body: object, sentence: str) -> None:
    """Whatever answers, nothing but a token is taken for one."""
    text = json.dumps(body).encode()
    async with answering(PROBLEM % (status, wait, len(text), text)) as (port, received):
        settings = settings_of(configuration(1, ROUTES))
        order = make_order(settings, "query", gateway=f"http://127.0.0.1:{port}", path=None)
        found = str(await said(lambda: issue(order, TOKEN)))
    assert found.startswith("CallFailed: ")
    assert found.endswith(sentence)
    assert received.startswith(b"POST /t/query HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "cookie",
    [b"other=00000000-0000-4000-8000-000000000000", b"{name}=a b", b"x{name}=a"],
    ids=["other", "value", "prefix"],
)
async def test_a_foreign_cookie_is_no_token(cookie: bytes) -> None:
    """Only the cookie of this issue path is taken, and only with a token in it."""
    settings = settings_of(configuration(1, ROUTES))
    name = b"tentaculo_token_"
    reply = b'HTTP/1.1 200 X\r\nSet-Cookie: %b\r\nContent-Length: 14\r\n\r\n{"ttl_sec": 60}'
    async with answering(reply % cookie.replace(b"{name}", name)) as (port, _):
        order = make_order(settings, "cookie", gateway=f"http://127.0.0.1:{port}", path=None)
        assert str(await said(lambda: issue(order, TOKEN))).startswith("CallFailed: ")


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("0.0.0.0:8000", Base("http", "127.0.0.1", 8000)),
        ("'[::]:8000'", Base("http", "[::1]", 8000)),
        ("127.0.0.2:80", Base("http", "127.0.0.2", 80)),
    ],
)
def test_the_gateway_is_where_the_file_says(listen: str, base: Base) -> None:
    """An address that stands for all of them is the loopback one."""
    settings = settings_of(configuration(1, ROUTES).replace("listen: 127.0.0.1:0", f"listen: {listen}"))
    assert make_order(settings, "query", gateway=None, path=None).base == base


@pytest.mark.parametrize(
    ("route", "gateway", "path", "sentence"),
    [
        ("querry", "http://h", None, "There is no route querry. Did you mean query?"),
        ("zzz", "http://h", None, "There is no route zzz."),
        ("api", "http://h", None, "The gateway issues no tokens for api: its access is header-token."),
        (
            "query",
            None,
            None,
            "The configuration leaves the port to the system: say where it is with --gateway URL.",
        ),
        (
            "query",
            "h",
            None,
            "The URL must be http:// or https:// with a host and maybe a port, and nothing else.",
        ),
        (
            "beneath",
            "http://h",
            None,
            "beneath matches more than one path: say which with --path, one of /sse/b/{who}.",
        ),
        ("beneath", "http://h", "/sse/x", "/sse/x is no path of beneath, which takes /sse/b/{who}."),
        ("beneath", "http://h", "/sse/b/x?y", "/sse/b/x?y is no path of beneath, which takes /sse/b/{who}."),
        ("query", "http://h", "/sse/../x", "/sse/../x is no path of query, which takes /sse/query."),
    ],
)
def test_wrong_use_is_one_sentence(route: str, gateway: str | None, path: str | None, sentence: str) -> None:
    """It says what to change."""
    with pytest.raises(WrongUse) as caught:
        make_order(settings_of(configuration(1, ROUTES)), route, gateway=gateway, path=path)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("gateway", "host"),
    [
        ("http://a.example.org", None),
        ("http://a.b.example.org:8000", None),
        ("http://example.org", "refused"),
    ],
)
def test_a_route_for_many_hosts_needs_one_of_them(gateway: str, host: str | None) -> None:
    """No Host field is made up for it."""
    settings = settings_of(
        config(
            "{name: many, path: /s, host: '*.example.org', upstream: backend, access: ephemeral-token, "
            "stream: {}, ephemeral_token: {issue_path: /t}}"
        )
    )
    if host is None:
        assert make_order(settings, "many", gateway=gateway, path=None).host is None
    else:
        with pytest.raises(WrongUse, match="name one of them with --gateway"):
            make_order(settings, "many", gateway=gateway, path=None)


def test_every_word_is_quoted() -> None:
    """What a shell makes of the line is what was meant, whatever the token's cookie holds."""
    settings = settings_of(configuration(1, ROUTES))
    order = make_order(settings, "cookie", gateway="http://[::1]:8000", path=None)
    line = curl_line(order, Issued("to ken;$x", 60, "name"))
    assert shlex.split(line) == [
        *("curl", "--no-buffer", "--cookie", "name=to ken;$x", "--globoff", "http://[::1]:8000/sse/cookie")
    ]
