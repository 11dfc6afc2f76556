"""The load of a soak: clients that call, hold streams, and issue, redeem and revoke tokens, all at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import aiohttp

from scripts.soaking.configuration import CHURNERS, Plan, churner_token
from scripts.soaking.outcomes import Outcomes

HEADER = "X-VX11-Token"
CALLERS = 8
RELAYED = 20
SHARED = 20
PAUSE_SECONDS = 0.02
AGAIN_SECONDS = 0.25
ROUND_SECONDS = 0.2  # a token that ended is remembered for a minute
PATIENCE_SECONDS = 10.0
BODY = b"x" * 2000
Work = Callable[[aiohttp.ClientSession, int], Awaitable[None]]


class NotAsExpected(Exception):
    """An answer that is not the right one."""


FAULTS = (aiohttp.ClientError, NotAsExpected, TimeoutError, ConnectionError)


class Load:
    """All clients of one soak; they work until `stop`, each finishing what it has in hand."""

    def __init__(self, plan: Plan, outcomes: Outcomes, seed: int = 0) -> None:
        self._plan = plan
        self._outcomes = outcomes
        self._chance = random.Random(seed)
        self._stopping = asyncio.Event()
        self._base = f"http://127.0.0.1:{plan.port}"
        self._caller = {HEADER: plan.token}

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(self._base, timeout=timeout, connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            kinds: list[tuple[str, Work, int]] = [
                ("calls", self._call, CALLERS),
                ("relayed streams", self._relayed, RELAYED),
                ("shared streams", self._shared, SHARED),
                ("token rounds", self._churn, CHURNERS),
            ]
            for kind, work, count in kinds:
                for number in range(count):
                    tasks.create_task(self._repeat(kind, work, session, number))

    async def _repeat(self, kind: str, work: Work, session: aiohttp.ClientSession, number: int) -> None:
        while not self._stopping.is_set():
            began = self._outcomes.clock()
            try:
                await work(session, number)
            except FAULTS as fault:
                self._outcomes.fell_through(kind, began, f"{type(fault).__name__}: {fault}")
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self._outcomes.succeeded(kind)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _call(self, session: aiohttp.ClientSession, number: int) -> None:
        """Call once, with a body or without."""
        body = BODY if self._chance.random() < 0.5 else None
        method = "POST" if body else "GET"
        path = self._chance.choice(("/api/things", "/edited/thing"))
        async with session.request(method, path, data=body, headers=self._caller) as answer:
            _expect(200, answer)
            if await answer.text() != f"{len(body or b'')} bytes\n":
                raise NotAsExpected("another answer's body")

    async def _relayed(self, session: aiohttp.ClientSession, number: int) -> None:
        await self._watch(session, "/events/relayed", self._caller, self._chance.uniform(0.5, 4))

    async def _shared(self, session: aiohttp.ClientSession, number: int) -> None:
        await self._watch(session, "/events/shared", self._caller, self._chance.uniform(0.5, 4))

    async def _watch(
        self, session: aiohttp.ClientSession, path: str, fields: dict[str, str], seconds: float
    ) -> None:
        """Hold a stream for a while, and leave; it may not end before."""
        until = self._outcomes.clock() + seconds
        async with session.get(path, headers=fields) as answer:
            _expect(200, answer)
            while self._outcomes.clock() < until and not self._stopping.is_set():
                if not await answer.content.readany():
                    raise NotAsExpected("the stream ended")

    async def _churn(self, session: aiohttp.ClientSession, number: int) -> None:
        """Issue two tokens, open a stream with one, revoke both, and see that they are good for nothing."""
        fields = {HEADER: churner_token(self._plan, number)}
        used, unused = await self._issue(session, fields), await self._issue(session, fields)
        async with session.get("/events/minted", params={"token": used}) as stream:
            _expect(200, stream)
            await stream.content.readany()
            await self._revoke(session, f"churner-{number}")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await stream.content.readany():
                    pass
        async with session.get("/events/minted", params={"token": unused}) as refused:
            _expect(401, refused)
        await self._issue(session, fields)  # and leave it to expire
        await asyncio.sleep(ROUND_SECONDS)

    async def _issue(self, session: aiohttp.ClientSession, fields: dict[str, str]) -> str:
        async with session.post("/tokens/minted", headers=fields) as answer:
            _expect(200, answer)
            return str((await answer.json())["sse_token"])

    async def _revoke(self, session: aiohttp.ClientSession, principal: str) -> None:
        url = f"http://127.0.0.1:{self._plan.admin_port}/principals/{principal}/tokens"
        fields = {"Authorization": f"Bearer {self._plan.admin_token}"}
        async with session.delete(url, headers=fields) as answer:
            if answer.status >= 300:
                raise NotAsExpected(f"revoking: {answer.status}")


def _expect(status: int, answer: aiohttp.ClientResponse) -> None:
    if answer.status != status:
        raise NotAsExpected(f"{answer.status} instead of {status}")
