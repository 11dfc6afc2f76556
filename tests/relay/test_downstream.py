"""Reading from a client: heads, pipelining, what is begun at once, and what the parser refuses."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.client import request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD, TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import HEALTH, statuses

GARBAGE = b"no request at all, with a my-own-secret\r\n\r\n"


# Heads.


async def test_head_in_single_bytes(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A head is put together from pieces of any size."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    for byte in request("GET", "/echo?a=b", GOOD):
        client.wire.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert told(await client.reply())["target"] == "/echo?a=b"


@pytest.mark.parametrize(
    ("limits", "sent", "answer"),
    [
        ("", GARBAGE, (400, "bad_request")),
        ("", b"GET /echo\r\n\r\n", (400, "bad_request")),
        ("", b"GET /echo RTSP/1.0\r\nHost: a\r\n\r\n", (400, "bad_request")),
        ("", b"GET /echo RTSP/1.0\r\nHost:", (400, "bad_request")),
        ("", b"GET /echo HTTP/1.1\nHost: a\n\n", (400, "bad_request")),
        ("", b"SOURCE /echo ICE/1.0\r\nHost: a\r\n\r\n", (400, "bad_request")),
        ("", b"GET / HTTP/1.1\r\nHost : my-own-secret\r\n\r\n", (400, "bad_request")),
        ("", b"GET / HTTP/1.1\r\nContent-Length: my-own-secret\r\n\r\n", (400, "bad_request")),
        ("request_line: 1KiB", b"GET /%b HTTP/1.1\r\n\r\n" % (b"q" * 1100), (414, "target_too_long")),
        ("request_line: 1KiB", b"GET /" + b"q" * 1100, (414, "target_too_long")),
        ("header: 1KiB", b"GET / HTTP/1.1\r\nA: %b\r\n\r\n" % (b"v" * 1100), (431, "headers_too_large")),
        (
            "header: 1KiB, request_line: 1KiB",
            b"GET / HTTP/1.1\r\nA: %b\r\n\r\n" % (b"v" * 1100),
            (431, "headers_too_large"),
        ),
        (
            "header: 1KiB, request_line: 1KiB",
            b"GET /%b HTTP/1.1\r\n\r\n" % (b"q" * 1100),
            (414, "target_too_long"),
        ),
        ("", b"GET / HTTP/1.1\r\n%b\r\n" % (b"A: b\r\n" * 300), (431, "headers_too_large")),
    ],
    ids=[
        "garbage",
        "no-version",
        "rtsp",
        "unfinished-rtsp",
        "bare-line-feeds",
        "ice",
        "space-in-name",
        "length",
        "line",
        "unfinished-line",
        "field",
        "field-of-equal-limits",
        "line-of-equal-limits",
        "many-fields",
    ],
)
async def test_malformed(
    limits: str, sent: bytes, answer: tuple[int, str], start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """What can't be parsed has an answer that echoes nothing, is logged, and ends the connection."""
    front = await start_front(configuration(upstream.port, limits=limits))
    client = await front.client()
    await client.send(sent)
    reply = await client.reply()
    assert (reply.status, told(reply)["code"]) == answer
    assert reply.head.value("Connection") == "close"
    assert await client.ended()
    await front.closed()
    (event,) = front.logs.named("request.finished")
    assert (event["status"], event["code"], event["client"]) == (*answer, "127.0.0.1")
    assert "my-own-secret" not in reply.body.decode() + front.logs.text


async def test_empty_lines_before_a_request(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Empty lines before a request are nothing (RFC 9112, section 2.2)."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(b"\r\n" + HEALTH)
    assert await statuses(client, 1) == [200]
    await client.send(b"\r\n" + HEALTH)
    assert await statuses(client, 1) == [200]


@pytest.mark.parametrize("pieces", [1, 40], ids=["in-one-read", "piecemeal"])
async def test_fields_that_are_too_many_together(
    pieces: int, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Heads within each single limit but over the total are 431, however they come."""
    front = await start_front(configuration(upstream.port, limits="headers: 4KiB"))
    client = await front.client()
    sent = request("GET", "/echo", [*GOOD, *((f"X-{n}", "v" * 900) for n in range(5))])
    size = -(-len(sent) // pieces)
    for start in range(0, len(sent), size):
        await client.send(sent[start : start + size])
        await asyncio.sleep(0)
    assert (await client.reply()).status == 431
    assert upstream.exchanges == []


async def test_head_that_never_ends(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A head is refused as soon as its limit is passed, not only at its end."""
    front = await start_front(configuration(upstream.port, limits="headers: 4KiB, request_line: 1KiB"))
    client = await front.client()
    await client.send(b"GET / HTTP/1.1\r\n")
    for _ in range(7):
        await client.send(b"X-A: %b\r\n" % (b"v" * 800))
    assert (await client.reply()).status == 431
    await client.send(b"X-A: more\r\n")
    assert await client.ended()


async def test_size_of_each_head_counts_alone(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Many heads on one connection may together pass the limit of one, in one read too."""
    front = await start_front(configuration(upstream.port, limits="headers: 4KiB"))
    client = await front.client()
    one = request("GET", "/health", [("X-A", "v" * 2000)])
    await client.send(one * 5)
    assert await statuses(client, 5) == [200] * 5
    for byte in (one[:500], one[500:]):
        await client.send(byte)
        await asyncio.sleep(0)
    assert await statuses(client, 1) == [200]


# One after another.


@pytest.mark.parametrize("warm", [False, True], ids=["handed-over", "at-once"])
async def test_pipelining_keeps_order(
    warm: bool, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Replies come in the order of the requests, whichever of them takes longest or has a body."""
    front = await start_front(configuration(upstream.port))
    if warm:
        await front.call()
    client = await front.client()
    sent = (
        request("GET", "/slow-head?1", GOOD)
        + request("GET", "/health")
        + request("POST", "/echo?2", GOOD, b"body")
        + request("GET", "/no-token")
        + request("GET", "/echo?3", GOOD)
    )
    await client.send(sent)
    await eventually(lambda: upstream.exchanges[-1:] != [] and upstream.exchanges[-1].path == "/slow-head")
    upstream.gates.open("head")
    replies = [await client.reply() for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 401, 200]
    assert [told(replies[n])["target"] for n in (0, 2, 4)] == ["/slow-head?1", "/echo?2", "/echo?3"]
    assert told(replies[2])["body"] == "body"


async def test_many_pipelined_calls(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """More requests than the parser queues are all answered, in order."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(b"".join(request("GET", f"/echo?{n}", GOOD) for n in range(100)))
    replies = [await client.reply(seconds=2) for _ in range(100)]
    assert [told(reply)["target"] for reply in replies] == [f"/echo?{n}" for n in range(100)]


async def test_many_pipelined_answers_of_the_gateways_own(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """The same for requests that are answered at once."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(HEALTH * 100)
    assert await statuses(client, 100) == [200] * 100


async def test_fault_behind_good_requests(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """What can't be parsed is refused in its turn, after the answers to what came before it."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(HEALTH * 2 + request("GET", "/echo", GOOD) + GARBAGE + HEALTH)
    assert await statuses(client, 4) == [200, 200, 200, 400]
    assert await client.ended()


async def test_fault_behind_a_good_request_that_waits(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """The same for what comes while an exchange is in hand."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    await client.send(request("GET", "/echo", GOOD) + GARBAGE)
    await front.has_read()
    upstream.gates.open("head")
    assert await statuses(client, 3) == [200, 200, 400]


async def test_other_protocol_behind_a_request_in_hand(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Another protocol's request is no better for coming while an exchange is in hand."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("GET", "/slow-head", GOOD))
    await upstream.next()
    await client.send(f"GET /echo RTSP/1.0\r\nHost: a\r\nX-VX11-Token: {TOKEN}\r\n\r\n".encode())
    await front.has_read()
    upstream.gates.open("head")
    assert await statuses(client, 2) == [200, 400]


async def test_request_behind_a_reply_that_closes(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """Nothing behind a request that ends the connection is looked at."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("GET", "/health", [("Connection", "close")]) + request("POST", "/echo", GOOD))
    assert await statuses(client, 1) == [200]
    assert await client.ended()
    assert upstream.exchanges == []


async def test_partial_head_behind_an_exchange_begun_at_once(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """A head that begins while an exchange is in hand may end after it."""
    front = await start_front(configuration(upstream.port))
    await front.call()
    client = await front.client()
    sent = request("GET", "/echo?2", GOOD)
    await client.send(request("GET", "/slow-head", GOOD) + sent[:20])
    await eventually(lambda: upstream.exchanges[-1].path == "/slow-head")
    await client.send(sent[20:40])
    await front.has_read()
    upstream.gates.open("head")
    assert (await client.reply()).status == 200
    await client.send(sent[40:])
    assert told(await client.reply())["target"] == "/echo?2"


async def test_upgrade_is_not_followed(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A request that asks for an upgrade is an ordinary one."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    fields = [*GOOD, ("Connection", "Upgrade"), ("Upgrade", "websocket")]
    await client.send(request("GET", "/echo", fields))
    reply = await client.reply()
    assert reply.status == 200
    assert "upgrade" not in {name.lower() for name, _ in told(reply)["headers"]}


async def test_request_behind_a_body_that_is_held_back(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """What follows a body waits until all of that was taken on, however much came at once."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await client.send(request("POST", "/sink", GOOD, bytes(200_000)) + HEALTH + GARBAGE)
    assert (await client.reply("POST")).body == b"200000"
    assert await statuses(client, 2) == [200, 400]
