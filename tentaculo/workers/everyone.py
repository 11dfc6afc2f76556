"""Asks all workers the same and makes one answer of theirs: lists, metrics, whether they live."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from tentaculo.access.store import TokenStoreUnavailable
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.asking import ANSWER_SECONDS, Answer
from tentaculo.workers.crew import Crew
from tentaculo.workers.member import Member
from tentaculo.workers.merging import merge

LIVE_SECONDS = 2.0
METRICS = "/metrics"


class Everyone:
    """The workers of a crew, asked together."""

    def __init__(self, crew: Callable[[], Crew], metrics: Metrics) -> None:
        self._crew = crew
        self._metrics = metrics

    async def ask(
        self, method: str, target: str, *, seconds: float = ANSWER_SECONDS
    ) -> list[tuple[Member, Answer | None]]:
        """Return every worker with what it answered, None where that is nothing."""
        members = self._crew().members
        answers = await asyncio.gather(
            *(member.asking.ask(method, target, seconds=seconds) for member in members)
        )
        return list(zip(members, answers, strict=True))

    async def answers(self, method: str, target: str) -> list[Answer]:
        """Return what was answered."""
        return [answer for _, answer in await self.ask(method, target) if answer is not None]

    async def is_live(self) -> bool:
        """Whether no worker is stuck."""
        asked = await self.ask("GET", "/live", seconds=LIVE_SECONDS)
        return all(answer is not None or member.ended.done() for member, answer in asked)

    async def store_answers(self) -> bool:
        """Whether the token store answers every worker."""
        answers = await self.answers("GET", "/ready")
        return not any(answer.json().get("status") == "degraded" for answer in answers)

    async def revoke(self, principal: str, block: float) -> None:
        """Have one worker revoke a principal: the token store tells all.  Raises TokenStoreUnavailable."""
        target = f"/principals/{quote(principal, safe='')}/tokens"
        if block:
            target += f"?block={round(block * 1000)}ms"
        for member in self._crew().members:
            answer = await member.asking.ask("DELETE", target)
            if answer is not None and answer.status == 200:
                return
        raise TokenStoreUnavailable

    async def streams_by_route(self) -> dict[str, int]:
        """Return how many streams each route has open."""
        found: Counter[str] = Counter()
        for answer in await self.answers("GET", "/configuration"):
            if answer.status == 200:
                found.update(answer.json()["streams"])
        return dict(found)

    async def exposition(self) -> tuple[bytes, str]:
        """Return the metrics of all as one text, and its content type."""
        asked = await self.ask("GET", METRICS)
        for member, answer in asked:
            if answer is not None and answer.status == 200 and not member.ended.done():
                member.exposition = answer.body
        crew = self._crew()
        # From here to the copy nothing else goes on: who has ended is in the past or in the list, not both.
        answered = {member for member, answer in asked if answer is not None}
        now = [member for member in crew.present if member in answered]
        silent = [member.exposition for member in crew.present if member not in answered]
        past, texts = crew.past.copy(), [member.exposition for member in now]
        own, content_type = self._metrics.exposition()
        return await asyncio.to_thread(merge, past, texts, silent, own), content_type
