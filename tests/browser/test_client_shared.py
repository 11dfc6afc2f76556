"""One stream for all tabs of an origin: who leads, who follows, and what is lost when a leader goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.browser.client_pages import EVENTS, ISSUE_PATH, events_route
from tests.browser.client_scene import SECURE_HOST, Scene
from tests.browser.client_tabs import CLOSED, CONNECTING, OPEN, PATIENCE, Client
from tests.browser.stage import streaming
from tests.fakes.event_server import EventServer
from tests.fakes.gates import eventually
from tests.functional.running import TOKEN
from tests.functional.tokens import reaches, revoke

TABS = 8
# Waits for an event by its data, and tells all that happened.
UNTIL = """(client, last) => new Promise((done) => {
  const look = () => client.log.at(-1)[1] === last ? done(client.log) : setTimeout(look, 20);
  look();
})"""
ORIGIN = "(client) => client.source.addEventListener('news', (e) => { client.origin = e.origin; })"
HEARD = """() => {
  window.heard = [];
  const {postMessage} = BroadcastChannel.prototype;
  BroadcastChannel.prototype.postMessage = function (message) {
    window.heard.push([this.name, message]);
    return postMessage.call(this, message);
  };
}"""
SLOW_GRANT = """() => {
  const {request} = LockManager.prototype, granted = new Promise((grant) => { window.grant = grant; });
  LockManager.prototype.request = function (name, options, hold) {
    return request.call(this, name, options, () => granted.then(hold));
  };
}"""
LOCKS = """() => navigator.locks.query().then(({held, pending}) => [held.length, pending.length])"""


@pytest.fixture
async def scene(scene: Scene, server: EventServer) -> Scene:
    """A started scene."""
    await scene.start(port=server.port)
    return scene


async def join(
    scene: Scene, count: int = 1, *, host: str = SECURE_HOST, shared: object = True
) -> list[Client]:
    """Open tabs one after another, each with a client that has opened."""
    clients = []
    for _ in range(count):
        client = await (await scene.tab(host=host)).client(shared=shared)
        await client.until("open")
        clients.append(client)
    return clients


def numbered(start: int, end: int) -> list[str | None]:
    """Tell the data of the events from one number up to another."""
    return [f"event {number}" for number in range(start, end + 1)]


async def all_got(clients: Sequence[Client], end: int, start: int = 1) -> None:
    """Fail unless every client has had just these events, each once and in their order."""
    for client in clients:
        assert await client.data(end - start + 1) == numbered(start, end)


def leaders(clients: Sequence[Client]) -> list[Client]:
    """Tell who asked for the stream."""
    return [client for client in clients if client.tab.openings()]


async def leave(client: Client, how: str) -> None:
    """Take a tab away, or its client."""
    if how == "closed":
        await client.tab.page.aclose()
    elif how == "crashed":
        await client.tab.crash()
    elif how == "left":
        await client.tab.goto(client.tab.page._tab.url.replace(SECURE_HOST, "gateway.test"))
    else:
        await client.close()


async def test_eight_tabs(scene: Scene, server: EventServer) -> None:
    """They cost one stream, one token and one connection to the backend; each has every event once."""
    clients = await join(scene, TABS)
    await server.emit(100)
    await all_got(clients, 100)
    assert leaders(clients) == clients[:1]
    assert len(await server.requests()) == 1
    assert len(scene.gateway.logs.named("stream.opened")) == 1
    assert await scene.gateway.metric("ephemeral_tokens_issued_total") == 1
    for client in clients:
        log = await client.log()
        assert [noted.kind for noted in log] == ["open", *["message"] * 100]
        assert [noted.last_event_id for noted in log[1:]] == [str(number) for number in range(1, 101)]
        assert await client.ready_state() == OPEN


async def test_eight_tabs_at_once(scene: Scene, server: EventServer) -> None:
    """However they come, one of them leads."""
    tabs = [await scene.tab(host=SECURE_HOST) for _ in range(TABS)]
    clients = await asyncio.gather(*(tab.client(shared=True) for tab in tabs))
    for client in clients:
        await client.until("open")
    await server.emit(100)
    await all_got(clients, 100)
    assert len(leaders(clients)) == len(await server.requests()) == 1


async def test_late_tab(scene: Scene, server: EventServer) -> None:
    """It opens though no stream opens for it, and has what comes from then on; so had a stream of its own."""
    clients = await join(scene, 2)
    await server.emit(20)
    await all_got(clients, 20)
    late = await join(scene)
    await server.emit(20)
    await all_got(clients, 40)
    await all_got(late, 40, 21)
    assert (await late[0].log())[0].kind == "open"
    assert len(await server.requests()) == 1


@asynccontextmanager
async def busy(server: EventServer) -> AsyncIterator[None]:
    """Have events flow while something else happens, a bit before and a bit after too."""
    ended = asyncio.Event()

    async def emit() -> None:
        while not ended.is_set():
            await server.emit(5)
            await asyncio.sleep(0.01)  # no order depends on it: so it is a flow and no flood
        await server.emit(50)

    await server.emit(50)
    flowing = asyncio.ensure_future(emit())
    try:
        yield
    finally:
        ended.set()
        await flowing


async def test_late_tab_of_a_busy_stream(scene: Scene, server: EventServer) -> None:
    """What it has has no gap, and begins with its opening."""
    clients = await join(scene, 2)
    async with busy(server):
        late = await join(scene, 2)
    await all_got(clients, server.emitted)
    for client in late:
        log = await client.do(UNTIL, f"event {server.emitted}")
        assert [kind for kind, *_ in log] == ["open", *["message"] * (len(log) - 1)]
        assert [data for _, data, *_ in log[1:]] == numbered(server.emitted - len(log) + 2, server.emitted)


@pytest.mark.parametrize("how", ["closed", "crashed", "left", "close()"])
async def test_leader_goes(how: str, scene: Scene, server: EventServer) -> None:
    """Another one takes over where it was, while events flow: nothing is lost, nothing comes twice."""
    clients = await join(scene, TABS)
    await server.emit(20)
    await all_got(clients, 20)
    for _ in range(2):
        (leader,) = leaders(clients)
        clients.remove(leader)
        async with busy(server):
            await leave(leader, how)
            await eventually(lambda: bool(leaders(clients)), PATIENCE)
        await all_got(clients, server.emitted)
        assert len(leaders(clients)) == 1
    assert len(scene.gateway.logs.named("stream.opened")) == 3
    heads = await server.requests()
    assert ["last-event-id" in head.lower() for head in heads] == [False, True, True]
    assert await scene.gateway.metric("ephemeral_tokens_issued_total") == 3


async def test_follower_goes(scene: Scene, server: EventServer) -> None:
    """Nobody notices."""
    leader, *followers = await join(scene, 4)
    await leave(followers[0], "close()")
    await leave(followers[1], "closed")
    await server.emit(10)
    await all_got([leader, followers[2]], 10)
    assert [noted.kind for noted in await followers[0].log()] == ["open"]
    assert await followers[0].ready_state() == CLOSED
    assert len(await server.requests()) == 1


async def test_all_close(scene: Scene, server: EventServer) -> None:
    """With the last one the stream ends, and nobody holds or waits for anything."""
    clients = await join(scene, 3)
    for client in clients:
        await client.close()
    await eventually(lambda: len(scene.gateway.logs.named("stream.ended")) >= 1, PATIENCE)
    await reaches(scene.gateway, "tentaculo_streams_open", 0)
    assert await clients[0].tab.do(LOCKS) == [0, 0]


async def test_closed_as_the_lock_comes(scene: Scene) -> None:
    """A lock that was on its way is given back, or no other tab would ever lead."""
    tab = await scene.tab(host=SECURE_HOST)
    await tab.do(SLOW_GRANT)
    await (await tab.client(shared=True)).close()
    await tab.do("() => grant()")
    await join(scene)
    assert await tab.do(LOCKS) == [1, 0]


async def test_backend_ends_the_stream(scene: Scene, server: EventServer) -> None:
    """All are told, and all are open again; one of them asks."""
    clients = await join(scene, 4)
    await server.emit(10)
    await all_got(clients, 10)
    scene.gateway.errors_expected = True
    await server.kill()
    for client in clients:
        assert (await client.errors())[0][2] == CONNECTING
    server.emitted += 10
    await server.start()
    await all_got(clients, 20)
    await server.emit(10)
    await all_got(clients, 30)
    for client in clients:
        assert len(await client.until("open", 2)) == 2
    assert len(await server.requests()) == 1


async def test_revoked(scene: Scene, server: EventServer) -> None:
    """Who may not any more is told in every tab, and no tab tries by itself."""
    clients = await join(scene, TABS)
    assert (await revoke(scene.gateway, "operator-ui", query="?block=1h")).status == 200
    for client in clients:
        assert (await client.errors(2))[-1] == (403, "forbidden", CLOSED)
        assert await client.ready_state() == CLOSED
    assert sum(len(client.tab.urls(ISSUE_PATH)) for client in clients) == 2
    assert await clients[0].tab.do(LOCKS) == [0, 0]


async def test_groups(scene: Scene, server: EventServer) -> None:
    """Tabs of another group, another URL, or none, have streams of their own."""
    clients = [
        *(await join(scene, 2, shared="a")),
        *(await join(scene, 2, shared="b")),
        *(await join(scene, 2)),
        *(await join(scene, 2, shared=False)),
    ]
    await server.emit(10)
    await all_got(clients, 10)
    assert [len(client.tab.openings()) for client in clients] == [1, 0, 1, 0, 1, 0, 1, 1]
    assert len(await server.requests()) == 5


async def test_two_in_one_tab(scene: Scene, server: EventServer) -> None:
    """They are as two tabs."""
    (first,) = await join(scene)
    second = await first.tab.client(shared=True)
    await second.until("open")
    await server.emit(10)
    await all_got([first, second], 10)
    await first.close()
    await server.emit(10)
    await all_got([second], 20)
    assert len(await first.log()) == 11


async def test_insecure_page(scene: Scene, server: EventServer) -> None:
    """Without Web Locks each tab has its own stream."""
    clients = await join(scene, 3, host="gateway.test")
    assert await clients[0].tab.do("() => 'locks' in navigator") is False
    await server.emit(10)
    await all_got(clients, 10)
    assert [len(client.tab.openings()) for client in clients] == [1, 1, 1]


@pytest.mark.parametrize("missing", ["navigator.locks", "BroadcastChannel"])
async def test_old_browser(missing: str, scene: Scene, server: EventServer) -> None:
    """So it is where one of the two is missing."""
    tabs = [await scene.tab(host=SECURE_HOST) for _ in range(2)]
    for tab in tabs:
        await tab.do(
            "() => Object.defineProperty(navigator, 'locks', {value: undefined})"
            if missing == "navigator.locks"
            else "() => { delete window.BroadcastChannel; }"
        )
    clients = [await tab.client(shared=True) for tab in tabs]
    for client in clients:
        await client.until("open")
    await server.emit(10)
    await all_got(clients, 10)
    assert [len(tab.openings()) for tab in tabs] == [1, 1]


async def test_events_of_followers(scene: Scene) -> None:
    """They are those of the leader: type, id, origin and all."""
    data = "event: news\nid: 7\ndata: ä <b>\ndata: two\n\nid\nevent: news\ndata: last\n\n"
    scene.streams.answers["events"] = [streaming(b": hello\n\n", data.encode())]
    await scene.start()
    tabs = [await scene.tab(host=SECURE_HOST) for _ in range(2)]
    clients = [await tab.client(EVENTS, "news", shared=True) for tab in tabs]
    for client in clients:
        await client.until("open")
        await client.do(ORIGIN)
    scene.streams.go("events")
    for client in clients:
        news = await client.until("news", 2)
        assert [(n.data, n.last_event_id) for n in news] == [("ä <b>\ntwo", "7"), ("last", "")]
        assert await client.do("(client) => client.origin") == scene.url(host=SECURE_HOST)


@pytest.mark.parametrize("terms", ["", "carry: header", "carry: cookie"], ids=["query", "header", "cookie"])
async def test_what_tabs_tell_each_other(terms: str, scene: Scene, server: EventServer) -> None:
    """No token of either kind."""
    await scene.start(events_route(terms=terms), port=server.port)
    tabs = [await scene.tab(host=SECURE_HOST) for _ in range(2)]
    for tab in tabs:
        await tab.do(HEARD)
    clients = [await tab.client(shared=True) for tab in tabs]
    for client in clients:
        await client.until("open")
    await server.emit(10)
    await all_got(clients, 10)
    # Whose request for the lock came first is for the browser to say.
    issued = [answer for tab in tabs for answer in await tab.issued()]
    tokens = [TOKEN, *[answer.get("sse_token", TOKEN) for answer in issued]]
    assert len(tokens) == 2
    heard = str([await tab.do("() => window.heard") for tab in tabs])
    heard += str(await tabs[0].do("() => navigator.locks.query().then((all) => JSON.stringify(all))"))
    assert "event 10" in heard
    assert not [token for token in tokens if token in heard]
