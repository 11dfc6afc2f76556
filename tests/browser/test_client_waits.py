"""When the client comes back: as the server says, with pauses that grow, after sleep, silence and no network.

The page's clock moves by the test's hand alone, so nothing here waits for time to pass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, SCRIPT, events_route
from tests.browser.client_scene import HOST, Scene
from tests.browser.client_tabs import CLOSED, CONNECTING, OPEN, Client
from tests.browser.conftest import StartCable
from tests.browser.stage import Ending, plain, streaming
from tests.fakes.fault_proxy import FaultProxy
from tests.functional.tokens import reaches

AWAY = plain("503 Service Unavailable")
ONE = streaming(b"id: 1\ndata: one\n\n")
TWO = streaming(b"id: 2\ndata: two\n\n")
LONGEST = 30.0  # the greatest share that chance has in a pause
HOUR = 3600.0


@pytest.fixture
async def proxy(scene: Scene) -> AsyncIterator[FaultProxy]:
    """The network between the browser and a gateway whose streams say nothing by themselves."""
    gateway = await scene.start(events_route(stream="heartbeat: null"))
    proxy = FaultProxy(gateway.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def timeless(scene: Scene, port: int = 0) -> Client:
    """Open a tab where no time passes by itself, and a client there."""
    tab = await scene.timeless(f"http://{HOST}:{port or scene.gateway.port}/")
    return await tab.client()


def asked(client: Client) -> int:
    """Tell how often a client asked for a stream."""
    return len(client.tab.openings())


def comes(client: Client, count: int) -> bool:
    """Tell whether a client has asked so many times."""
    return asked(client) >= count


async def pauses(client: Client) -> list[float]:
    """Tell how long a client waited from each error to the asking after it."""
    failed = [error.at for error in await client.until("error")]
    return [again - error for error, again in zip(failed, (await client.asked())[1:], strict=True)]


async def passes(client: Client, seconds: float, count: int) -> None:
    """Let time pass, and fail unless the client has asked so many times by then."""
    await client.tab.pass_time(seconds)
    await client.tab.round_trip()
    assert asked(client) == count


# Pauses.


@pytest.mark.parametrize("said", ["30", "Thu, 01 Jan 1970 00:17:10 GMT"], ids=["seconds", "date"])
async def test_retry_after(said: str, scene: Scene) -> None:
    """It comes back after that time, and soon after."""
    busy = plain("503 Service Unavailable", f"Retry-After: {said}\r\n".encode())
    scene.streams.answers["events"] = [busy, ONE]
    await scene.start()
    client = await timeless(scene)
    assert await client.errors() == [(503, "", CONNECTING)]
    await passes(client, 29, 1)
    await client.tab.pass_time(4)
    assert await client.data(1) == ["one"]
    (pause,) = await pauses(client)
    assert 30 <= pause <= 32


@pytest.mark.parametrize("said", ["soon", "-1", "1e9", "0x1000", "", "Thu, 32 Foo 1970"])
async def test_retry_after_that_says_nothing(said: str, scene: Scene) -> None:
    """It counts for nothing."""
    busy = plain("503 Service Unavailable", f"Retry-After: {said}\r\n".encode())
    scene.streams.answers["events"] = [busy, ONE]
    await scene.start()
    client = await timeless(scene)
    await client.errors()
    await client.tab.pass_time(3)
    assert await client.data(1) == ["one"]


async def test_retry(scene: Scene) -> None:
    """The stream's own word counts from then on, also where the next one says none."""
    said = streaming(b"retry: 40000\n\nid: 1\ndata: one\n\n", ending=Ending.END)
    scene.streams.answers["events"] = [said, streaming(b"data: two\n\n", ending=Ending.END), TWO]
    await scene.start(events_route(stream=""))
    client = await timeless(scene)
    for count in (1, 2):
        assert await client.errors(count) == [(0, "", CONNECTING)] * count
        await passes(client, 39, count)
        await client.tab.pass_until(partial(comes, client, count + 1))
    await client.data(3)
    assert all(40 <= pause <= 40 + LONGEST for pause in await pauses(client))


async def test_pauses_grow_and_begin_anew(scene: Scene) -> None:
    """They are drawn from 0 up to more and more seconds, never over 30; a stream's first bytes end that."""
    short = streaming(b": hello\n\n", ending=Ending.END)
    scene.streams.answers["events"] = [AWAY] * 16 + [short, ONE]
    await scene.start(events_route(stream=""))
    client = await timeless(scene)
    await client.tab.pass_until(lambda: asked(client) == 17, 2)
    await client.until("open")
    await client.tab.pass_until(lambda: asked(client) == 18, 2)
    assert await client.data(1) == ["one"]
    waited = await pauses(client)
    assert len(waited) == 17
    assert all(pause <= 2 * 2**number for number, pause in enumerate(waited[:5]))
    assert 8 < max(waited) <= LONGEST
    assert len({round(pause, 2) for pause in waited}) > 10
    assert waited[-1] <= 2


@pytest.mark.parametrize("said", ["a retry", "a Retry-After"])
async def test_longer_than_a_timer_can_wait(said: str, scene: Scene) -> None:
    """Browsers' timers of more than 24 days run at once; the client's does not."""
    busy = plain("503 Service Unavailable", b"Retry-After: 99999999\r\n")
    brief = streaming(b"retry: 99999999999\n\n", ending=Ending.END)
    scene.streams.answers["events"] = [brief if said == "a retry" else busy, ONE]
    await scene.start(events_route(stream=""))
    client = await timeless(scene)
    await client.errors()
    await passes(client, HOUR, 1)


# Sleep and silence.


async def test_laptop_sleeps(proxy: FaultProxy, scene: Scene) -> None:
    """Its connection is dead when it wakes, and nobody says so: it comes back at once for what it missed."""
    scene.streams.answers["events"] = [ONE, TWO]
    client = await timeless(scene, proxy.port)
    assert await client.data(1) == ["one"]
    await client.tab.pass_time(60)  # some of its life, awake
    for link in proxy.links:
        link.stall()
    await client.tab.sleep(8 * HOUR)
    assert await client.data(2) == ["one", "two"]
    _, second = scene.streams.openings("events")
    assert second.head.values("Last-Event-ID") == ["1"]
    assert (await client.asked())[1] - (await client.asked())[0] >= 8 * HOUR
    assert await client.ready_state() == OPEN


async def test_short_nap(proxy: FaultProxy, scene: Scene) -> None:
    """A stream that stood through it goes on."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n", b"data: two\n\n")]
    client = await timeless(scene, proxy.port)
    await client.data(1)
    await client.tab.pass_time(60)
    await client.tab.sleep(60)
    await passes(client, 60, 1)
    scene.streams.go("events")
    assert await client.data(2) == ["one", "two"]


async def test_beating_stream_falls_silent(proxy: FaultProxy, scene: Scene) -> None:
    """One that beat and beats no more is given up, though its connection stands."""
    scene.streams.answers["events"] = [streaming(b"id: 1\ndata: one\n\n: beat\n\n"), TWO]
    client = await timeless(scene, proxy.port)
    await client.data(1)
    await passes(client, 44, 1)
    await client.tab.pass_time(20)
    assert await client.data(2) == ["one", "two"]
    assert scene.streams.openings("events")[1].head.values("Last-Event-ID") == ["1"]


async def test_slow_beat(proxy: FaultProxy, scene: Scene) -> None:
    """The longest silence so far is its measure: three times that may pass."""
    beat = b": beat\n\n"
    scene.streams.answers["events"] = [streaming(b"data: one\n\n" + beat, beat + b"data: on\n\n"), TWO]
    client = await timeless(scene, proxy.port)
    await client.data(1)
    await passes(client, 40, 1)
    scene.streams.go("events")
    await client.data(2)
    await passes(client, 110, 1)
    await client.tab.pass_time(30)
    assert await client.data(3) == ["one", "on", "two"]


async def test_stream_that_never_beat(proxy: FaultProxy, scene: Scene) -> None:
    """Its silence means nothing."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n", b"data: two\n\n")]
    client = await timeless(scene, proxy.port)
    await client.data(1)
    await passes(client, HOUR, 1)
    scene.streams.go("events")
    assert await client.data(2) == ["one", "two"]


@pytest.mark.parametrize("reuse", ["once", "resume", "ttl"])
async def test_token_expires_while_the_laptop_sleeps(reuse: str, scene: Scene) -> None:
    """The token in hand opens nothing any more: a fresh one does, without a word to the page but an error."""
    scene.streams.answers["events"] = [ONE]
    gateway = await scene.start(events_route(terms=f"ttl: 1s, reuse: {reuse}"))
    tab = await scene.tab()
    held = await tab.hold(EVENTS, "GET")
    client = await tab.client()
    await held.come(1)
    await reaches(gateway, "ephemeral_tokens_expired_total", 1)
    await held.let_go()
    assert await client.data(1) == ["one"]
    assert await client.errors() == [(401, "unauthorized", CONNECTING)]
    assert len(set(tab.urls(EVENTS))) == len(tab.urls(ISSUE_PATH)) == 2


# Without a network.


@pytest.mark.parametrize("again", ["again", "waits"])
async def test_offline(again: str, scene: Scene, start_cable: StartCable) -> None:
    """While the browser is offline it asks for nothing; online ends the longest pause."""
    retry = "1h" if again == "waits" else "20ms"
    scene.streams.answers["events"] = [ONE, TWO]
    gateway = await scene.start(events_route(stream=f"retry: {retry}"))
    cable = await start_cable(gateway.port)
    tab = await scene.timeless(f"http://{HOST}:{cable.port}/")
    client = await tab.client()
    await client.data(1)
    await scene.context.offline()
    cable.cut()
    assert (await client.errors())[0] == (0, "", CONNECTING)
    await tab.pass_time(50 * 60)
    assert (asked(client), len(tab.urls(ISSUE_PATH))) == (1, 1)
    await scene.context.offline(away=False)
    assert await client.data(2) == ["one", "two"]
    assert scene.streams.openings("events")[1].head.values("Last-Event-ID") == ["1"]


async def test_made_while_offline(scene: Scene) -> None:
    """It opens once there is a network."""
    scene.streams.answers["events"] = [ONE]
    await scene.start()
    tab = await scene.tab()
    await tab.do(f"() => import('{SCRIPT}')")
    await scene.context.offline()
    client = await tab.client()
    assert await client.ready_state() == CONNECTING
    await scene.context.offline(away=False)
    assert await client.data(1) == ["one"]


async def test_closed_while_offline(scene: Scene) -> None:
    """It does not come back then."""
    scene.streams.answers["events"] = [streaming(b"data: one\n\n", b"", ending=Ending.END), TWO]
    await scene.start()
    client = await scene.client()
    await client.data(1)
    await scene.context.offline()
    scene.streams.go("events")
    await client.errors()
    await client.close()
    await scene.context.offline(away=False)
    await client.tab.round_trip()
    assert (asked(client), await client.ready_state()) == (1, CLOSED)
