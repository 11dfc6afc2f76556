"""One console's stream over a real socket, to clients that read, that do not, and that leave."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from aiohttp_sse import EventSourceResponse

from tentaculo.admin import console_stream
from tests.admin.consoles import Consoles, Viewer
from tests.admin.stacks import ADMIN_TOKEN
from tests.fakes.gates import eventually, soon
from tests.fakes.messages import Cut

SOME = 60_000  # does not all go to a client that takes nothing, and is too little for the transport to pause
MUCH = 20_000_000


async def test_telling_is_not_told(consoles: Consoles, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library logs of the writing is in the log, and starts no endless talk; all else is told."""
    log, send = consoles.front.relay.logs.logger, EventSourceResponse.send

    async def send_and_log(response: EventSourceResponse, data: str, **fields: Any) -> None:
        log.warning("written")
        await send(response, data, **fields)

    monkeypatch.setattr(EventSourceResponse, "send", send_and_log)
    viewer = await consoles.view()
    await viewer.until("log")
    log.info("something.happened")
    assert [event["event"] for event in await viewer.until("log")] == ["something.happened"]
    consoles.on_census = lambda: log.info("found.out")
    consoles.front.clock.advance(1)
    assert [event["event"] for event in await viewer.until("log")] == ["found.out"]
    assert len(consoles.front.logs.named("written")) >= 5


async def ended(consoles: Consoles) -> str:
    """Return why a console's stream ended."""
    return str((await consoles.front.logs.wait_for("console.ended"))["end_reason"])


async def test_beats(consoles: Consoles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream on which nothing happens shows that it lives."""
    monkeypatch.setattr(console_stream, "BEAT_SECONDS", 0.05)
    viewer = await consoles.view()
    blocks = [await viewer.block() for _ in range(5)]
    assert [block for block in blocks if block.startswith(":")]


def test_beats_every_quarter_of_a_minute() -> None:
    """As often as the gateway's other streams do."""
    assert console_stream.BEAT_SECONDS == 15


async def test_client_that_leaves(consoles: Consoles) -> None:
    """It is noticed although nothing is to be said to it."""
    viewer = await consoles.view()
    await viewer.until("log")
    viewer.client.leave()
    assert await ended(consoles) == "client_gone"


async def test_client_that_leaves_before_it_begins(consoles: Consoles) -> None:
    """One that is gone by then costs nothing, and is no fault."""
    token = await consoles.token()
    for _ in range(3):
        client = await consoles.connect()
        await client.send(
            b"GET /console/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n\r\n" % token.encode()
        )
        client.leave()
        token = await consoles.token()
    await consoles.front.logs.wait_for("console.ended", count=3)
    assert not consoles.front.logs.named("console.failed")


async def received(viewer: Viewer, end: bytes) -> bytes:
    """Return what came up to an end, however long it is."""
    data = b""
    while not data.endswith(end):
        piece = await soon(viewer.client.wire.source.some())
        assert piece
        data += piece
    return data


def unsent(consoles: Consoles) -> int:
    """Return how much waits for clients to take it."""
    assert consoles.runner._admin_server is not None
    return sum(
        transport.get_write_buffer_size() for transport in consoles.runner._admin_server._open.values()
    )


@pytest.mark.parametrize("size", [SOME, MUCH], ids=["some", "much"])
async def test_client_that_takes_nothing(
    size: int, consoles: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cut after a while, and gets nothing more meanwhile."""
    monkeypatch.setattr(console_stream, "SLOW_SECONDS", 0.5)
    viewer = await consoles.view(await consoles.connect_slow())
    await viewer.until("problems")
    consoles.problems = ["x" * size]
    assert await ended(consoles) == "slow_client"
    await eventually(lambda: unsent(consoles) == 0)
    consoles.problems = []
    assert await (await consoles.view()).until("problems") == []


async def test_nothing_piles_up(consoles: Consoles) -> None:
    """While a client has not taken the last news it is sent no other, whatever the others get."""
    viewer, other = await consoles.view(await consoles.connect_slow()), await consoles.view()
    await viewer.until("problems")
    consoles.problems = ["x" * SOME]
    await other.until("problems", bool)
    await eventually(lambda: unsent(consoles) > 0)
    before = unsent(consoles)
    for _ in range(3):
        for _ in range(500):
            consoles.front.relay.logs.event("info", "flood", {"text": "x" * 100, "secrets": ()})
        consoles.front.clock.advance(1)
        await other.until("figures")
        await eventually(lambda: unsent(consoles) <= before)


async def test_client_that_takes_it_later(consoles: Consoles) -> None:
    """Who was slow for a moment gets all of it, and what happened meanwhile after that."""
    viewer = await consoles.view(await consoles.connect_slow())
    await viewer.until("problems")
    consoles.problems = ["x" * 1_000_000]
    await eventually(lambda: unsent(consoles) > 0)
    assert (await received(viewer, b'x"]\n\n\r\n')).count(b"x") == 1_000_000
    consoles.problems = []
    assert await viewer.until("problems") == []


@pytest.mark.parametrize("size", [SOME, MUCH], ids=["some", "much"])
async def test_stop_does_not_wait_for_it(size: int, consoles: Consoles) -> None:
    """Nor does the end of the listener, which has its patience and no more."""
    viewer = await consoles.view(await consoles.connect_slow())
    await viewer.until("problems")
    consoles.problems = ["x" * size]
    await eventually(lambda: unsent(consoles) > 0)
    await soon(consoles.runner.cleanup(), 2)
    assert await ended(consoles) == "draining"


async def test_end_waits_for_nobody(consoles: Consoles) -> None:
    """A client that has not taken the rest is cut when its admin token ends, and told nothing more."""
    viewer = await consoles.view(await consoles.connect_slow())
    await viewer.until("problems")
    consoles.problems = ["x" * SOME]
    await eventually(lambda: unsent(consoles) > 0)
    consoles.configure(admin_token=ADMIN_TOKEN + "-other")
    assert await ended(consoles) == "revoked"
    with suppress(Cut):
        await viewer.client.rest()
    seen = viewer.client.wire.seen
    assert b"event: revoked" not in seen
    assert not seen.endswith(b"0\r\n\r\n")
    assert seen.count(b"x") < SOME
