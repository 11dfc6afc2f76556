"""Two gateway processes that share one Redis: what one issued, opened or revoked is so for the other."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

import pytest

from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually, soon
from tests.fakes.redis_server import RedisServer
from tests.fakes.stopwatch import within
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartInstance
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD, TOKEN
from tests.functional.tokens import (
    BROWSER,
    ELSE,
    PRINCIPALS,
    Stream,
    call,
    issue,
    open_stream,
    refusal,
    revoke,
    sample,
    stream_route,
    token_configuration,
)

Pair = tuple[GatewayProcess, GatewayProcess]
REUSED = 'ephemeral_tokens_refused_total{reason="token_reused"}'
ROUTES = [stream_route(), stream_route("single", terms="reuse: once")]
AT_ONCE = 200


def shared(port: int, redis_server: RedisServer, principals: str = PRINCIPALS) -> str:
    """Write the file of one instance."""
    store = f"{{url: '{redis_server.url}', timeout: 400ms}}"
    return token_configuration(port, *ROUTES, store=store, principals=principals, level="info")


def listeners(redis_server: RedisServer) -> int:
    """Count the instances that hear of revocations and take-overs."""
    return int(redis_server.command("PUBSUB", "NUMSUB", "{tentaculo}:events:0")[1])


@pytest.fixture
async def pair(start_instance: StartInstance, redis_server: RedisServer, upstream: ScriptedUpstream) -> Pair:
    """Two instances that hear each other."""
    text = shared(upstream.port, redis_server)
    one, two = await asyncio.gather(start_instance(text), start_instance(text))
    await eventually(lambda: listeners(redis_server) == 2)
    return one, two


async def event_comes(upstream: ScriptedUpstream, number: int, stream: Stream) -> None:
    """Send an event on one of the upstream's streams, and see it at the client."""
    await upstream.exchanges[number].write(b"9\r\ndata: 1\n\n\r\n")
    await stream.client.until(b"data: 1\n\n")


async def test_issued_here_opened_there(pair: Pair, upstream: ScriptedUpstream) -> None:
    """A token of one instance opens a stream on the other; whoever has only seen the URL gets none."""
    one, two = pair
    issued = await issue(one)
    stream = await open_stream(two, issued.target)
    await event_comes(upstream, 0, stream)
    for state in ("live", "dropped"):
        if state == "dropped":
            stream.client.leave()
            await two.logged("stream.ended")
        for instance in pair:
            assert await refusal(instance, issued.target, ELSE) == (401, "unauthorized")
    for instance in pair:
        assert await sample(instance, REUSED) == 2
        assert await sample(instance, "ephemeral_tokens_valid") == 1
        await instance.logged("request.finished", count=2, reason="token_reused")


async def statuses(clients: list[RawClient]) -> Counter[int]:
    """Count the answers."""
    return Counter([head.status for head in await asyncio.gather(*(client.head() for client in clients))])


async def test_one_token_two_hundred_clients(pair: Pair, upstream: ScriptedUpstream) -> None:
    """Of 200 redeems of one `once` token at a time, over both instances, one opens a stream."""
    issued = await issue(pair[0], "single")
    clients = [await pair[number % 2].client() for number in range(AT_ONCE)]
    raw = request("GET", issued.target, BROWSER)
    for client in clients:
        client.wire.writer.write(raw)
    assert await statuses(clients) == {200: 1, 401: AT_ONCE - 1}
    assert len(upstream.exchanges) == 1
    used = 'ephemeral_tokens_refused_total{reason="token_used"}'
    assert sum([await sample(instance, used) for instance in pair]) == AT_ONCE - 1


async def test_take_over_and_kill(pair: Pair, upstream: ScriptedUpstream) -> None:
    """The same client takes over at the other instance, and gets in there at once when its own was killed."""
    one, two = pair
    issued = await issue(one)
    old = await open_stream(one, issued.target)
    new = await open_stream(two, issued.target)
    assert b"event: superseded\n" in await old.last(2)
    await one.logged("stream.ended", end_reason="superseded")
    await event_comes(upstream, 1, new)
    back = await open_stream(one, issued.target)
    assert b"event: superseded\n" in await new.last(2)
    one.signal(signal.SIGKILL)
    await soon(back.client.wire.gone.wait())
    assert await refusal(two, issued.target, ELSE) == (401, "unauthorized")
    again = await open_stream(two, issued.target)
    await event_comes(upstream, 3, again)


async def test_revoked_everywhere(pair: Pair) -> None:
    """Revoking at either instance ends the streams of both within a second, and every token."""
    for at in pair:
        tokens = [await issue(instance) for instance in (*pair, *pair)]
        opened = zip((*pair, *pair), tokens[:2], strict=False)
        streams = [await open_stream(instance, issued.target) for instance, issued in opened]
        streams += [await open_stream(instance, "/sse/events", GOOD) for instance in pair]
        assert (await revoke(at, "operator-ui")).status == 200
        async with within(1):
            ends = [await stream.last() for stream in streams]
        assert all(b'event: revoked\ndata: {"reason": "revoked"}\n\n' in end for end in ends)
        for instance in pair:
            for issued in tokens:
                assert await refusal(instance, issued.target) == (401, "unauthorized")
    for instance in pair:
        await instance.logged("stream.ended", count=4, end_reason="revoked")


async def refused(instance: GatewayProcess) -> None:
    """Wait, a second at most, until the principal's own token opens nothing."""
    async with within(1):
        while (await call(instance, "/echo/api", GOOD)).status != 403:  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.01)


async def test_blocked_everywhere(
    pair: Pair, start_instance: StartInstance, redis_server: RedisServer, upstream: ScriptedUpstream
) -> None:
    """With `block` the principal's own token is refused by both, and by one that starts later."""
    assert (await revoke(pair[1], "operator-ui", query="?block=1h")).status == 200
    for instance in (*pair, await start_instance(shared(upstream.port, redis_server))):
        await refused(instance)
        assert (await call(instance, "/tokens/events", GOOD, method="POST")).status == 403
        assert await refusal(instance, "/sse/events", GOOD) == (403, "forbidden")
        other = ("X-VX11-Token", "0ther-Principal-s-own-token")
        assert (await call(instance, "/echo/other", (other,))).status == 200


NEW = "The-new-token-of-operator"


async def test_rotated_principal(
    start_instance: StartInstance, redis_server: RedisServer, upstream: ScriptedUpstream
) -> None:
    """What a principal's token opened, an instance that does not know this token any more does not open."""
    both = PRINCIPALS.replace(f"token: {TOKEN}", f"token: [{NEW}, {TOKEN}]")
    files = [shared(upstream.port, redis_server, each) for each in (both, PRINCIPALS.replace(TOKEN, NEW))]
    during, after = await asyncio.gather(*map(start_instance, files))
    before = [await issue(during) for _ in range(2)]
    await open_stream(during, before[0].target)
    for issued in before:
        assert await refusal(after, issued.target) == (401, "unauthorized")
    await after.logged("request.finished", count=2, reason="principal_gone")
    fresh = await issue(during, fields=(("X-VX11-Token", NEW),))
    await open_stream(after, fresh.target)
    assert len(upstream.exchanges) == 2
