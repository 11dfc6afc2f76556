"""Two gateways behind nginx are one to their clients: in what they know and allow, and while one is new."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import aiohttp
import pytest
import yaml

from examples.vx11.load_commands import accepted_by, make_senders
from examples.vx11.load_panels import figures_of, make_panels
from examples.vx11.load_target import MODES, Target
from tests.fakes.gates import eventually
from tests.stack.scaled import BURST, GATEWAYS, LIMITED_PATH, PRINCIPALS, SCALED, ScaledStack
from tests.stack.stack import COMPOSE, TOKEN_HEADER, run

ISSUE_PATH, STREAM_PATH = MODES["gateway"]
PANELS = 100
CALLS_A_SECOND = 50
CALLS = (
    ("GET", "/operator/api/status"),
    ("POST", "/operator/api/events/sse-token"),
    ("GET", "/health"),
    ("POST", "/operator/api/commands"),
    ("GET", "/hermes/events?limit=1"),
    ("POST", ISSUE_PATH),
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScaledStack]:
    """Run the services with two gateways and nginx, all of them healthy."""
    with ScaledStack(f"vx11-two-gateways-{os.getpid()}", tmp_path_factory.mktemp("scaled")) as stack:
        yield stack


class Client:
    """A client with a name of its own, which asks at a base URL with a principal token."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        self._session = session
        self._base = base
        self._token = token

    async def call(self, method: str, path: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        headers = {TOKEN_HEADER: self._token}
        body = {"command": "hello"} if path.endswith("/commands") else None
        async with self._session.request(method, self._base + path, headers=headers, json=body) as answer:
            return answer.status, await answer.read()

    async def issue(self) -> str:
        """Return a fresh token."""
        status, told = await self.call("POST", ISSUE_PATH)
        assert status == 200, told
        return str(json.loads(told)["sse_token"])

    async def open(self, token: str) -> aiohttp.ClientResponse:
        """Open the stream with a token."""
        return await self._session.get(self._base + STREAM_PATH, params={"token": token})

    async def status_of(self, token: str) -> int:
        """Return the status that opening with a token is answered with."""
        async with await self.open(token) as answer:
            return answer.status


@asynccontextmanager
async def clients(
    *bases: str, token: str, name: str = "a browser", kept: bool = True
) -> AsyncIterator[list[Client]]:
    """Run clients of one name, one for each base URL."""
    connector = aiohttp.TCPConnector(limit=0, force_close=not kept)
    timeout = aiohttp.ClientTimeout(total=60)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=jar, headers={"User-Agent": name}
    ) as session:
        yield [Client(session, base, token) for base in bases]


def test_second_gateway_is_as_the_first() -> None:
    """Its definition stands there once more; what differs is where it is reached."""
    files = ["-f", str(COMPOSE), "-f", str(SCALED)]
    services = yaml.safe_load(run(["scripts/stack", *files, "config"], os.environ))["services"]
    first, second = ({**services[gateway]} for gateway in GATEWAYS)
    for service in (first, second):
        networks = set(service.pop("networks"))
        assert networks >= {"edge", "services", "store"}
    del first["build"], first["ports"]
    assert second == first


def test_confinement(stack: ScaledStack) -> None:
    """Nginx may do as little as the other services, and has no secret."""
    told = json.loads(run(["docker", "inspect", stack.container("nginx")], stack.environ))[0]
    assert told["HostConfig"]["ReadonlyRootfs"]
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert told["HostConfig"]["Memory"] > 0
    assert told["Config"]["User"] == "65532:65532"
    assert [mount["Destination"] for mount in told["Mounts"]] == ["/etc/nginx/vx11.conf"]


async def test_token_of_one_opens_the_stream_at_the_other(stack: ScaledStack) -> None:
    """There it is bound to its client, and then refused to others at the first one too."""
    async with AsyncExitStack() as running:
        urls = stack.gateway_urls
        own = await running.enter_async_context(clients(*urls, token=stack.token))
        other = await running.enter_async_context(clients(*urls, token=stack.token, name="another"))
        for here, there in ((0, 1), (1, 0)):
            token = await own[here].issue()
            assert await own[there].status_of(token) == 200
            assert [await other[at].status_of(token) for at in (here, there)] == [401, 401]
            assert [await own[at].status_of(token) for at in (here, there)] == [200, 200]


async def test_revocation(stack: ScaledStack) -> None:
    """Told to one, it ends streams and refuses tokens at both, at once."""
    async with clients(*stack.gateway_urls, token=stack.token) as both:
        streams = [await client.open(await client.issue()) for client in both]
        unused = await both[0].issue()
        await stack.revoke("operator-ui")
        async with asyncio.timeout(5):
            assert all([b"event: revoked\n" in await stream.read() for stream in streams])
        assert [await client.status_of(unused) for client in both] == [401, 401]
        assert await both[1].status_of(await both[0].issue()) == 200, "tokens from now on are good"


async def test_block(stack: ScaledStack) -> None:
    """A principal that is blocked at one is refused at the other."""
    async with clients(*stack.gateway_urls, token=PRINCIPALS["leaver"]) as both:
        assert [(await client.call("GET", "/hermes/events"))[0] for client in both] == [200, 200]
        await stack.revoke("leaver", "--block", "1h")
        assert [(await client.call("GET", "/hermes/events"))[0] for client in both] == [403, 403]


@pytest.mark.parametrize(("method", "path"), [("GET", LIMITED_PATH), ("POST", ISSUE_PATH)])
async def test_limits_count_over_both(method: str, path: str, stack: ScaledStack) -> None:
    """As many calls as one gateway allows pass, spread over both, and then no more at either.

    Gateways tell each other every 100 ms; for so long each knows only of its own.
    """
    allowed = 0
    async with clients(*stack.gateway_urls, token=PRINCIPALS["guest"]) as both:
        refused = set[Client]()
        for client in cycle(both):
            status = (await client.call(method, path))[0]
            assert status in (200, 429)
            allowed += status == 200
            refused.add(client) if status == 429 else refused.discard(client)
            if len(refused) == len(both):
                break
            await asyncio.sleep(0.05)  # calls come one after another, not all within those 100 ms
    assert BURST <= allowed < 1.5 * BURST


async def test_clients_are_known_behind_nginx(stack: ScaledStack) -> None:
    """The gateway's log has the address that nginx saw, and not nginx's own or one that a client made up."""
    made_up = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Request-Id": "made-up"}
    async with (
        aiohttp.ClientSession(headers=made_up) as session,
        session.get(stack.base_url + "/panel/") as answer,
    ):
        request_id = answer.headers["X-Request-Id"]
    (seen,) = (line for line in entries(stack.nginx_log()) if line["id"] == request_id)
    logged = entries(stack.run("logs", "--no-color", *GATEWAYS))
    (told,) = (line for line in logged if line.get("request_id") == request_id)
    assert told["client"] == seen["client"]
    assert told["client"] != f"{stack.environ['VX11_EDGE']}.2"
    assert "198.51.100.7" not in json.dumps(told)


def entries(log: str) -> list[dict[str, Any]]:
    """Return the entries of containers' logs, each line of which may begin with a name."""
    found = [line[line.find("{") :] for line in log.splitlines() if '{"' in line]
    return [json.loads(line) for line in found]


class Calling:
    """Calls at an even rate on kept and on new connections, whatever becomes of those before."""

    def __init__(self, kept: Client, fresh: Client) -> None:
        self.answers = Counter[str]()
        self._clients = (kept, fresh)
        self._under_way = set[asyncio.Task[None]]()

    async def run_until(self, end: asyncio.Event) -> None:
        """Call until the end, and wait for the last answers."""
        calls = cycle([(client, *call) for call in CALLS for client in self._clients])
        while not end.is_set():
            task = asyncio.create_task(self._call(*next(calls)))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            await asyncio.sleep(1 / CALLS_A_SECOND)
        await asyncio.gather(*self._under_way)

    async def _call(self, client: Client, method: str, path: str) -> None:
        try:
            status = str((await client.call(method, path))[0])
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            status = type(fault).__name__
        self.answers[status if status in ("200", "202") else f"{status} {method} {path}"] += 1


async def test_gateway_is_replaced_under_load(stack: ScaledStack) -> None:
    """Each in turn: no call fails, no token is refused, and every panel gets every event once."""
    async with AsyncExitStack() as running:
        enter = running.enter_async_context
        (kept,) = await enter(clients(stack.base_url, token=stack.token))
        (fresh,) = await enter(clients(stack.base_url, token=stack.token, kept=False))
        target = await enter(Target(stack.base_url, stack.token, "gateway"))
        panels = make_panels(target, "load.replaced", PANELS, 0)
        senders, calling, end = (
            make_senders(target, "load.replaced", 5),
            Calling(kept, fresh),
            asyncio.Event(),
        )
        watching = [asyncio.create_task(panel.watch()) for panel in panels]
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(panel.opened.wait() for panel in panels))
            async with asyncio.TaskGroup() as working:
                for work in (calling.run_until(end), *(sender.send_until(end) for sender in senders)):
                    working.create_task(work)
                for gateway in reversed(GATEWAYS):
                    await stack.replace(gateway)
                end.set()
            accepted = set(accepted_by(senders))
            await eventually(lambda: all(accepted <= panel.received.keys for panel in panels), 30)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
    assert set(calling.answers) == {"200", "202"}, calling.answers
    assert [set(seen) for seen in (target.calls, target.tokens, target.streams)] == [
        {"202"},
        {"200"},
        {"200"},
    ]
    figures = figures_of(panels, accepted)
    assert (figures["lost"], figures["repeated"]) == (0, 0)
    assert figures["reconnects"], "streams were moved"
    assert len({line["gateways"] for line in entries(stack.nginx_log())}) > 1, "both had calls"


async def test_no_token_in_the_log_of_nginx(stack: ScaledStack) -> None:
    """Not of good calls, nor of any that nginx itself refuses, nor of those that no gateway answers."""
    token = "11111111-2222-4333-8444-555555555555"
    async with clients(stack.base_url, token=stack.token) as (client,):
        assert await client.status_of(token) == 401
        assert await client.status_of(token + "x" * 40_000) == 414
        assert await client.status_of(await client.issue()) == 200
        await stack.runs("stop", *GATEWAYS)
        assert await client.status_of(token) in (502, 504)
        await stack.runs("start", *GATEWAYS)
    log = stack.nginx_log()
    assert STREAM_PATH in log
    assert (UUID.findall(log), "token=" in log) == ([], False)
    assert not any(secret in log for secret in (stack.token, *PRINCIPALS.values()))
