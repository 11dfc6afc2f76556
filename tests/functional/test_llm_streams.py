"""Streams that come from POST, as language models send them: at once, and over as soon as nobody listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tentaculo.relay.delivery import LAST_CHUNK, chunk
from tentaculo.relay.last_words import BEAT
from tests.fakes.client import Fields, RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.messages import Message
from tests.fakes.upstream import Exchange, ScriptedUpstream
from tests.functional.backlog import FullBacklog
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway
from tests.relay.conftest import StartFront, running_fronts

ROUTES = """
routes:
  - {name: declared, path: "/{what}/declared", upstream: backend, stream: {}}
  - {name: beating, path: /sse/beating, upstream: backend, stream: {heartbeat: 15s}}
  - {name: everything, path: /*, upstream: backend}
"""
PROMPT = json.dumps({"model": "small", "stream": True, "messages": [{"role": "user", "content": "¿Qué?"}]})
JSON: Fields = (*GOOD, ("Content-Type", "application/json"), ("Accept", "text/event-stream"))
TOKENS = [b'data: {"delta": "%b"}\n\n' % word for word in (b"un", b" pulpo", b" con ocho")]
TOKENS += [b": processing\n\n", b"data: [DONE]\n\n"]
KINDS = pytest.mark.parametrize("kind", ["declared", "plain"])
POLITELY = pytest.mark.parametrize("politely", [True, False], ids=["close", "reset"])
ABORTS = r"upstream_abort_seconds_count"


@pytest.fixture
async def gateway(start_gateway: StartGateway, upstream: ScriptedUpstream) -> RunningGateway:
    """A gateway whose routes declare streams, or do not."""
    return await start_gateway(configuration(upstream.port, routes=ROUTES))


def prompt(path: str, body: bytes = PROMPT.encode()) -> bytes:
    """Ask for a completion."""
    return request("POST", path, JSON, body)


async def asked(gateway: RunningGateway, upstream: ScriptedUpstream, path: str) -> tuple[RawClient, Exchange]:
    """Ask for a completion, until the upstream has heard of it."""
    client = await gateway.client()
    await client.send(prompt(path))
    return client, await upstream.next()


# At once, and as it is.


@KINDS
async def test_nothing_is_held_back(kind: str, gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    """The head comes before the first token, and each token before the next one is sent."""
    client, exchange = await asked(gateway, upstream, f"/sse/{kind}")
    head = await client.head()
    assert (head.status, head.value("Content-Type")) == (200, "text/event-stream")
    for token in TOKENS:
        upstream.events.put_nowait(token)
        assert await client.until(chunk(token)) == chunk(token)
    upstream.events.put_nowait(None)
    assert await client.until(LAST_CHUNK) == LAST_CHUNK
    assert exchange.body == PROMPT.encode()
    event = await gateway.logs.wait_for("stream.ended")
    assert (event["method"], event["end_reason"], event["events"]) == ("POST", "upstream_closed", 4)


@KINDS
async def test_half_a_token_is_not_held_back(
    kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """What the upstream cuts in the middle of a letter comes down as it was cut."""
    client, _ = await asked(gateway, upstream, f"/sse/{kind}")
    await client.head()
    for piece in (b"da", b"ta: \xc3", b"\xb1", b"\n", b"\n"):
        upstream.events.put_nowait(piece)
        assert await client.until(chunk(piece)) == chunk(piece)


TYPED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWERS = {
    "completion": TYPED + b'Content-Length: 17\r\n\r\n{"text": "hola"}\n',
    "in chunks": TYPED + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"text":\r\n9\r\n "hola"}\n\r\n0\r\n\r\n',
    "error": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\nContent-Length: 2\r\n\r\n{}",
    "lines of JSON": TYPED.replace(b"json", b"x-ndjson") + b"Content-Length: 6\r\n\r\n{}\n{}\n",
}


@KINDS
@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS)
async def test_other_answers_are_not_touched(
    raw: bytes, kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """On the same route a plain answer comes byte for byte as it would without the gateway."""
    upstream.canned[f"/canned/{kind}"] = raw
    client = await gateway.client()
    straight = await RawClient.connect("127.0.0.1", upstream.port)
    replies: list[Message] = []
    for each in (straight, client):
        await each.send(prompt(f"/canned/{kind}"))
        replies.append(await each.reply("POST"))
    await straight.aclose()
    direct, relayed = replies
    assert (relayed.head.start, relayed.body, relayed.complete) == (direct.head.start, direct.body, True)
    assert [field for field in relayed.head.fields if field in direct.head.fields] == list(direct.head.fields)
    assert gateway.logs.named("stream.opened") == []


# Nobody listens any more.


async def check_stopped(gateway: RunningGateway, exchange: Exchange, left_at: float, *, stream: bool) -> None:
    """Within a second the upstream knew; that is measured, and nobody is blamed."""
    assert await exchange.gone(2) - left_at < 1
    event = await gateway.logs.wait_for("stream.ended" if stream else "request.finished")
    assert event["end_reason" if stream else "code"] == "client_gone"
    await _counted(gateway)
    assert await gateway.metric(r".*upstream_faults") == 0


async def _counted(gateway: RunningGateway) -> None:
    async with asyncio.timeout(5):
        while await gateway.metric(ABORTS) != 1:  # noqa: ASYNC110 - nothing else reports it
            await asyncio.sleep(0.01)
    assert 0 <= await gateway.metric(r"upstream_abort_seconds_sum") < 1


@KINDS
@POLITELY
async def test_left_before_the_head(
    politely: bool, kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """The model has not answered yet, and need not."""
    client, exchange = await asked(gateway, upstream, f"/late-sse/{kind}")
    assert await gateway.metric(ABORTS) == 0
    await check_stopped(gateway, exchange, client.go(politely=politely), stream=False)


PHASES = {"before the first token": b"", "after the first token": TOKENS[0], "within a token": b"data: {"}


@KINDS
@POLITELY
@pytest.mark.parametrize("sent", PHASES.values(), ids=PHASES)
async def test_left_after_the_head(
    sent: bytes, politely: bool, kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """The model stops, whatever it has said so far."""
    client, exchange = await asked(gateway, upstream, f"/sse/{kind}")
    await client.head()
    if sent:
        upstream.events.put_nowait(sent)
        await client.until(chunk(sent))
    await check_stopped(gateway, exchange, client.go(politely=politely), stream=True)


@KINDS
@POLITELY
async def test_left_during_the_upload(
    politely: bool, kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """The upstream never takes half a prompt for a whole one."""
    client = await gateway.client()
    head = request("POST", f"/sink/{kind}", [*JSON, ("Content-Length", "100000")])
    await client.send(head + b"x" * 5000)
    exchange = await upstream.next()
    await eventually(lambda: exchange.received == 5000)
    await check_stopped(gateway, exchange, client.go(politely=politely), stream=False)
    await exchange.finished.wait()
    assert not exchange.complete


@KINDS
@POLITELY
async def test_left_while_connecting(
    politely: bool, kind: str, start_gateway: StartGateway, full_backlog: FullBacklog
) -> None:
    """The attempt ends, and counts as an abort like any other."""
    gateway = await start_gateway(configuration(full_backlog.port, routes=ROUTES, timeouts="connect: 30s"))
    client = await gateway.client()
    await client.send(prompt(f"/sse/{kind}"))
    await eventually(lambda: full_backlog.attempts() == 1, 10)
    client.go(politely=politely)
    await eventually(lambda: full_backlog.attempts() == 0, 10)
    assert (await gateway.logs.wait_for("request.finished"))["code"] == "client_gone"
    await _counted(gateway)


@KINDS
async def test_whole_answers_are_no_aborts(
    kind: str, gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    """Neither is a client that leaves when all was said."""
    upstream.events.put_nowait(TOKENS[0])
    upstream.events.put_nowait(None)
    client, _ = await asked(gateway, upstream, f"/sse/{kind}")
    assert (await client.reply("POST")).body == TOKENS[0]
    client.leave()
    await gateway.logs.wait_for("stream.ended")
    assert (await gateway.call("/echo")).status == 200
    assert await gateway.metric(ABORTS) == 0


# Heartbeats.


@pytest.fixture
async def start_front(caplog: pytest.LogCaptureFixture) -> AsyncIterator[StartFront]:
    """Start fronts with a movable clock."""
    async with running_fronts(caplog) as start:
        yield start


@pytest.mark.parametrize(("kind", "beats"), [("declared", 0), ("plain", 0), ("beating", 1)])
async def test_heartbeat(kind: str, beats: int, start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Only where the route asks for one; a client of its own kind may not know comments."""
    front = await start_front(configuration(upstream.port, routes=ROUTES))
    client = await front.client()
    await client.send(prompt(f"/sse/{kind}"))
    await client.head()
    await upstream.next()
    for token in TOKENS[:2]:
        front.pass_time(59)
        upstream.events.put_nowait(token)
        expected = chunk(BEAT) * beats + chunk(token)
        assert await client.until(chunk(token)) == expected
