"""One exchange from its first byte up to its log line: who carries it, how it ends, what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from tentaculo.routing import Pattern, RouteTable
from tests.fakes.client import request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.front import Front, began

CHUNKED = ("Transfer-Encoding", "chunked")
FAULTS = r"tentaculo_upstream_faults_total\{"
WARM = pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])


# The ordinary way.


@WARM
async def test_reply(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A reply comes back whole, and is logged and counted once."""
    client, _ = await began(front, upstream, request("GET", "/echo?a=b", GOOD), warm=warm)
    reply = await client.reply()
    assert (reply.status, told(reply)["target"]) == (200, "/echo?a=b")
    event = await front.last_event(1 + warm)
    assert (event["method"], event["url"], event["status"]) == ("GET", "/echo?a=b", 200)
    assert (event["route"], event["principal"], event["bytes_out"]) == (
        "everything",
        "operator-ui",
        len(reply.body),
    )
    assert len(front.logs.named("request.finished")) == 1 + warm
    assert front.metric(r'tentaculo_requests_total\{.*"everything"') == 1 + warm


async def test_connections_are_used_again(front: Front, upstream: ScriptedUpstream) -> None:
    """One after another they need one upstream connection, whoever carries them."""
    client = await front.client()
    for method, body in (("GET", b""), ("POST", b"x"), ("GET", b""), ("DELETE", b"")):
        await client.send(request(method, "/echo", GOOD, body))
        assert (await client.reply()).status == 200
    assert len(upstream.wires) == 1


@WARM
async def test_upload(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """A body goes up as it comes, and is counted."""
    sent = request("POST", "/sink", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, exchange = await began(front, upstream, sent, warm=warm)
    await eventually(lambda: exchange.received == 5)
    await client.send(b"world")
    assert (await client.reply("POST")).body == b"10"
    assert (await front.last_event(1 + warm))["bytes_in"] == 10


@WARM
async def test_unfinished_upload_that_is_answered(
    warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """A reply ends an upload that nobody wants, and the connection with it."""
    sent = request("POST", "/early", [*GOOD, ("Content-Length", "10")]) + b"hello"
    client, _ = await began(front, upstream, sent, warm=warm)
    reply = await client.reply("POST")
    assert (reply.status, reply.head.value("Connection")) == (413, "close")
    assert (await front.last_event(1 + warm))["bytes_in"] == 5


# The health.


@pytest.mark.parametrize(
    ("method", "draining", "status", "body"),
    [
        ("GET", False, 200, b'{"status":"ok"}'),
        ("HEAD", False, 200, b""),
        ("GET", True, 503, b'{"status":"draining"}'),
        ("POST", False, 405, None),
    ],
)
@pytest.mark.parametrize("sent", [b"", b"x"], ids=["at-once", "in-a-task"])
async def test_health(
    method: str, draining: bool, status: int, body: bytes | None, sent: bytes, front: Front
) -> None:
    """The health needs no credential, and says when the gateway drains."""
    front.relay.draining = draining
    reply = await front.call("/health", (), sent, method=method)
    assert reply.status == status
    assert body is None or (reply.body, reply.head.value("Content-Type")) == (body, "application/json")


# Before the reply began.


@WARM
@pytest.mark.parametrize(
    ("target", "code"), [("/bad-head", "upstream_protocol_error"), ("/redirect", "upstream_redirect")]
)
async def test_reply_that_does_not_begin(
    target: str, code: str, warm: bool, front: Front, upstream: ScriptedUpstream
) -> None:
    """Problem details take the place of a reply that can't be passed on; the client may go on."""
    client, exchange = await began(front, upstream, request("GET", target, GOOD), warm=warm)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (502, code)
    await exchange.gone()
    assert front.metric(rf'{FAULTS}.*"{code}"') == 1
    await client.send(request("GET", "/echo", GOOD))
    assert (await client.reply()).status == 200


@WARM
async def test_upstream_that_takes_too_long(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """No reply within `response` is 504, and the upstream is let go."""
    client, exchange = await began(front, upstream, request("GET", "/slow-head", GOOD), warm=warm)
    front.pass_time(29)
    assert not exchange.wire.gone.is_set()
    front.pass_time(1.1)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == (504, "upstream_timeout")
    await exchange.gone()


async def test_upstream_that_is_not_there(front: Front, upstream: ScriptedUpstream) -> None:
    """Without a connection it is 502, and the client may try again."""
    await upstream.stop()
    client = await front.client()
    for method, body in (("GET", b""), ("POST", b"x")):
        await client.send(request(method, "/echo", GOOD, body))
        reply = await client.reply(method)
        assert (reply.status, told(reply)["code"]) == (502, "upstream_unreachable")
    assert front.metric(FAULTS) == 2


@pytest.mark.parametrize(
    ("framing", "body", "status", "code"),
    [
        (("Content-Length", "10"), b"hello", 408, "request_timeout"),
        (CHUNKED, b"5\r\nhello\r\nzz\r\n", 400, "bad_request"),
        (CHUNKED, b"5\r\nhello\r\n100000\r\n" + b"x" * 1048576, 413, "body_too_large"),
    ],
    ids=["slow", "broken", "too-large"],
)
async def test_upload_that_fails(
    framing: tuple[str, str], body: bytes, status: int, code: str, front: Front, upstream: ScriptedUpstream
) -> None:
    """A body that can't be passed on whole is the client's fault; the upstream never sees its end."""
    client = await front.client()
    await client.send(request("POST", "/sink", [*GOOD, framing]) + body[:10])
    exchange = await upstream.next()
    await client.send(body[10:])
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"], reply.head.value("Connection")) == (status, code, "close")
    await soon(exchange.finished.wait())
    assert not exchange.complete
    assert front.metric(FAULTS) == 0


async def test_whole_body_that_is_too_large(front: Front, upstream: ScriptedUpstream) -> None:
    """The limit holds for chunks that came with the head too."""
    front.reload(configuration(upstream.port, limits="body: 4"))
    client = await front.client()
    await client.send(
        request("POST", "/sink", [*GOOD, ("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n0\r\n\r\n"
    )
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (413, "body_too_large")
    assert upstream.exchanges == []


@WARM
async def test_head_is_refused_without_a_body(warm: bool, front: Front, upstream: ScriptedUpstream) -> None:
    """An answer to HEAD has a length and no body, whoever gives it."""
    if warm:
        await front.call()
    client = await front.client()
    await client.send(request("HEAD", "/bad-head", GOOD) + request("HEAD", "/x") + request("GET", "/health"))
    assert [(await client.reply(method)).status for method in ("HEAD", "HEAD", "GET")] == [502, 401, 200]


def broken(host: str) -> NoReturn:
    """Fail as a bug would, with a secret in hand."""
    raise RuntimeError(f"{host}?token=my-own-secret")


@pytest.mark.parametrize("body", [b"", b"x"], ids=["at-once", "in-a-task"])
async def test_fault_of_the_gateways_own(body: bytes, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is a 500 that tells nothing, and a log line that tells where."""
    plan = front.relay.snapshot.table.match("gateway.test", "/echo", "POST")
    hosts = RouteTable([("one", Pattern("/echo", "other.test"), plan)])
    front.relay.snapshot = replace(front.relay.snapshot, table=hosts)
    monkeypatch.setattr("tentaculo.routing.table.host_keys", broken)  # the table is compiled, this is not
    client = await front.client()
    await client.send(request("POST", "/a-bug?token=my-own-secret", GOOD, body))
    reply = await client.reply("POST")
    assert (reply.status, told(reply)["code"]) == (500, "internal_error")
    assert "a-bug" not in reply.body.decode()
    assert (await front.last_event())["reason"] == "RuntimeError"
    (event,) = front.logs.named("exchange.failed")
    assert event["request_id"] == told(reply)["request_id"]
    assert "in match" in event["exception"]
    assert "my-own-secret" not in front.logs.text
