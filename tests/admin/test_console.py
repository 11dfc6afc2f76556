"""The console's token and stream over real sockets: who gets in, how many, and what ends them."""

from __future__ import annotations

import asyncio
import re
from typing import NoReturn

import pytest

from tentaculo.admin import console as console_module
from tests.admin.consoles import OTHER_ADMIN_TOKEN, Consoles, Viewer, bearer, consoles_of
from tests.admin.stacks import ADMIN_TOKEN
from tests.fakes.client import Fields, request, told
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut, Message
from tests.functional.running import TOKEN

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UNKNOWN_TOKEN = "c1f0b1a8-5f3e-4f57-9d8e-6a1f0f6f3b21"


def check_refused(reply: Message) -> None:
    """Check that a reply says only that a credential is needed."""
    assert (reply.status, told(reply)["code"]) == (401, "unauthorized")
    assert reply.head.value("WWW-Authenticate") == 'Bearer realm="tentaculo admin"'


def _fail() -> NoReturn:
    raise LookupError("a bug")


# The token.


async def test_token(consoles: Consoles) -> None:
    """With the admin token there is a token for the stream, the answer an issue path would give."""
    reply = await consoles.call("/console/token", bearer(ADMIN_TOKEN), "POST")
    assert (reply.status, reply.head.value("Cache-Control")) == (200, "no-store")
    answer = told(reply)
    assert UUID4.fullmatch(answer.pop("sse_token"))
    assert answer == {"ttl_sec": 60, "endpoint": "/console/events", "header": "Authorization"}


async def test_token_is_good_once(consoles: Consoles) -> None:
    """A token that opened a stream opens no other."""
    token, client = await consoles.token(), await consoles.connect()
    await client.send(request("GET", "/console/events", bearer(token)))
    assert (await client.head()).status == 200
    check_refused(await consoles.call("/console/events", bearer(token)))


async def test_token_expires(consoles: Consoles) -> None:
    """It is good for 60 seconds."""
    tokens = [await consoles.token() for _ in range(2)]
    consoles.clock.advance(59.9)
    client = await consoles.connect()
    await client.send(request("GET", "/console/events", bearer(tokens[0])))
    assert (await client.head()).status == 200
    consoles.clock.advance(0.1)
    check_refused(await consoles.call("/console/events", bearer(tokens[1])))


@pytest.mark.parametrize("admin_token", [OTHER_ADMIN_TOKEN, ""], ids=["changed", "gone"])
async def test_token_goes_with_the_admin_token(admin_token: str, consoles: Consoles) -> None:
    """A token that another admin token got is worth nothing."""
    token = await consoles.token()
    consoles.configure(admin_token=admin_token)
    reply = await consoles.call("/console/events", bearer(token))
    if admin_token:
        check_refused(reply)
    else:
        assert (reply.status, told(reply)["code"]) == (404, "route_not_found")


STRANGERS: dict[str, Fields] = {
    "nothing": [],
    "admin token": bearer(ADMIN_TOKEN),
    "principal token": bearer(TOKEN),
    "principal header": [("X-VX11-Token", TOKEN)],
    "unknown": bearer(UNKNOWN_TOKEN),
    "no text": [("Authorization", "Bearer \xff\xfe")],
    "empty": [("Authorization", "Bearer ")],
}


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
async def test_strangers(fields: Fields, consoles: Consoles) -> None:
    """Without a token of the console's own no stream opens."""
    for target in ("/console/events", f"/console/events?token={await consoles.token()}"):
        check_refused(await consoles.call(target, fields))


async def test_two_tokens(consoles: Consoles) -> None:
    """Which of two would count is not guessed, and none is spent."""
    token = await consoles.token()
    check_refused(await consoles.call("/console/events", [*bearer(token), *bearer(token)]))
    client = await consoles.connect()
    await client.send(request("GET", "/console/events", bearer(token)))
    assert (await client.head()).status == 200


async def test_token_of_a_client_opens_no_console(consoles: Consoles) -> None:
    """Tokens of the gateway's streams are another store's."""
    issued = await consoles.front.call("/tokens/query", method="POST")
    assert issued.status == 200
    check_refused(await consoles.call("/console/events", bearer(told(issued)["sse_token"])))


async def test_token_of_the_console_opens_no_stream(consoles: Consoles) -> None:
    """Nor is the console's token good on the main listener."""
    reply = await consoles.front.call(f"/sse/query?token={await consoles.token()}", ())
    assert reply.status == 401


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
async def test_only_get_opens(method: str, consoles: Consoles) -> None:
    """Another method is refused, and spends nothing."""
    token = await consoles.token()
    assert (await consoles.call("/console/events", bearer(token), method)).status == 405
    client = await consoles.connect()
    await client.send(request("GET", "/console/events", bearer(token)))
    assert (await client.head()).status == 200


async def test_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even whoever has the admin token can fill the memory."""
    monkeypatch.setattr(console_module, "MOST_TOKENS", 2)
    async with consoles_of() as consoles:
        for _ in range(2):
            await consoles.token()
        reply = await consoles.call("/console/token", bearer(ADMIN_TOKEN), "POST")
        assert (reply.status, told(reply)["code"]) == (503, "token_store_full")
        consoles.clock.advance(60)
        await consoles.token()


async def test_tokens_are_not_counted(consoles: Consoles) -> None:
    """The metrics of tokens are those of the gateway's clients."""
    await consoles.view()
    await consoles.call("/console/events", bearer(UNKNOWN_TOKEN))
    counts = consoles.front.relay.metrics.tokens.counts()
    assert (counts.issued, sum(counts.refused.values()), counts.valid) == (0, 0, 0)


# The stream.


async def test_stream(consoles: Consoles) -> None:
    """It begins with the figures, the problems, and how soon to come back."""
    consoles.problems = ["tentaculo.yaml:3:1: routes: nothing there"]
    viewer = await consoles.view()
    assert viewer.head.value("Content-Type") == "text/event-stream"
    assert viewer.head.value("Cache-Control") == "no-store"
    assert viewer.head.values("Connection") == ["close"]
    first = await viewer.block()
    assert first.startswith("event: figures\n")
    assert "\nretry: 2000\n" in first
    assert await viewer.next() == ("problems", consoles.problems)
    consoles.front.relay.logs.logger.info("something.happened", url="/a?token=abcdefgh")
    (event,) = await viewer.logged(1)
    assert (event["event"], event["url"]) == ("something.happened", "/a?token=***")
    assert len({line["client"] for line in consoles.front.logs.named("console.opened")}) == 1


async def test_as_many_as_may(consoles: Consoles) -> None:
    """Eight may be open; one more finds a place when one of them has left."""
    viewers = [await consoles.view() for _ in range(8)]
    reply = await consoles.call("/console/events", bearer(await consoles.token()))
    assert (reply.status, told(reply)["code"]) == (429, "stream_limit_reached")
    assert reply.head.value("Retry-After") == "1"
    viewers[3].client.leave()
    ended = await consoles.front.logs.wait_for("console.ended")
    assert ended["end_reason"] == "client_gone"
    await consoles.view()


@pytest.mark.parametrize("admin_token", [OTHER_ADMIN_TOKEN, ""], ids=["changed", "gone"])
async def test_ends_with_the_admin_token(admin_token: str, consoles: Consoles) -> None:
    """Whoever signed in with another admin token sees nothing more, and is told why."""
    viewer = await consoles.view()
    await viewer.until("problems")
    consoles.configure()
    assert await viewer.until("reloaded") == {}
    consoles.configure(admin_token=admin_token)
    assert await viewer.until("revoked") == {"reason": "revoked"}
    assert await viewer.client.until(b"0\r\n\r\n")
    assert await viewer.client.ended()
    assert consoles.front.logs.named("console.ended")[0]["end_reason"] == "revoked"


async def test_stop(consoles: Consoles) -> None:
    """At the end all consoles are told, and nothing is waited for."""
    viewers = [await consoles.view() for _ in range(3)]
    await soon(consoles.runner.cleanup(), 0.5)
    for viewer in viewers:
        assert await viewer.until("draining") == {"reason": "draining"}
        assert await viewer.client.until(b"0\r\n\r\n")
        assert await viewer.client.ended()


async def test_stop_before_one_opens(consoles: Consoles) -> None:
    """None opens any more once the others have ended."""
    token = await consoles.token()
    await consoles.runner.app.shutdown()
    reply = await consoles.call("/console/events", bearer(token))
    assert (reply.status, told(reply)["code"]) == (503, "draining")


async def test_fault_breaks_the_stream_off(consoles: Consoles) -> None:
    """After a bug no second answer is written into the stream; it is cut, and its place is free."""
    viewer = await consoles.view()
    await viewer.next()
    consoles.on_census = _fail
    consoles.front.clock.advance(1)
    with pytest.raises(Cut):
        await viewer.until("nothing")
    assert "0\r\n" not in viewer.client.wire.seen.decode()[-100:]
    (failed,) = consoles.front.logs.named("console.failed")
    assert "LookupError: a bug" in failed["exception"]
    assert consoles.front.logs.named("console.ended")[0]["end_reason"] == "failed"
    consoles.on_census = lambda: None
    for _ in range(8):
        await consoles.view()


# What it costs, and whom it tells.


async def test_burst(consoles: Consoles) -> None:
    """Of a flood each console gets what it can take, and is told of how many it did not."""
    viewers = [await consoles.view() for _ in range(8)]
    for viewer in viewers:
        await viewer.until("log")  # that it was opened
    await eventually(lambda: len(consoles.front.logs.named("console.opened")) == 8)
    for number in range(10_000):
        consoles.front.relay.logs.event("info", "flood", {"number": number, "secrets": ()})
    for viewer in viewers:
        events = await viewer.logged(10_000)
        shown = [event["number"] for event in events if event["event"] == "flood"]
        skipped = [event["count"] for event in events if event["event"] == "console.skipped"]
        assert 0 < len(shown) <= 1000
        assert len(shown) + sum(skipped) == 10_000
        assert shown == sorted(shown)


async def test_nothing_without_a_console(consoles: Consoles) -> None:
    """Before one opens and after the last has left nothing is counted, and the log is not listened to."""
    assert consoles.front.relay.logs.tap is None
    assert consoles.censuses == 0
    viewer = await consoles.view()
    await viewer.next()
    assert consoles.front.relay.logs.tap is not None
    viewer.client.leave()
    await consoles.front.logs.wait_for("console.ended")
    await eventually(lambda: consoles.front.relay.logs.tap is None)
    censuses = consoles.censuses
    consoles.front.clock.advance(3600)
    await asyncio.sleep(0)
    assert consoles.censuses == censuses == 1


async def test_no_token_in_what_is_said(consoles: Consoles) -> None:
    """Neither token stands in a log line, an error or a metric."""
    token = await consoles.token()
    replies = [
        await consoles.call("/console/events", bearer(token + "x")),
        await consoles.call("/console/token", bearer(ADMIN_TOKEN + "x"), "POST"),
    ]
    client = await consoles.connect()
    await client.send(request("GET", "/console/events", bearer(token)))
    viewer = Viewer(client, await client.head())
    told_ = [await viewer.block() for _ in range(3)]
    replies += [await consoles.call("/console/events", bearer(token))]
    text = b"".join(reply.head.raw + reply.body for reply in replies).decode() + "".join(told_)
    text += consoles.front.logs.text + consoles.front.relay.metrics.exposition()[0].decode()
    assert token not in text
    assert ADMIN_TOKEN not in text
