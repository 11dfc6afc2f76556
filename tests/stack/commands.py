"""Commands at a steady rate, each with a text of its own, and repeated until it is accepted."""

from __future__ import annotations

import asyncio
import uuid

import aiohttp

from tests.stack.stack import TOKEN_HEADER, Stack

COMMANDS = "/operator/api/commands"
PAUSE = 0.25


async def post_commands(
    stack: Stack, texts: list[str], prefix: str, *, rate: int, most: int, until: asyncio.Event
) -> None:
    """Post `rate` commands a second until the event, noting each in `texts`; return once all are accepted."""
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as posting:
        while not until.is_set() and len(texts) < most:
            texts.append(f"{prefix} {len(texts)}")
            posting.create_task(_post(session, stack, texts[-1]))
            await asyncio.sleep(1 / rate)


async def _post(session: aiohttp.ClientSession, stack: Stack, text: str) -> None:
    # The same key each time: what was taken in though its answer was lost makes no second event.
    headers = {TOKEN_HEADER: stack.token, "Idempotency-Key": str(uuid.uuid4())}
    url = stack.base_url + COMMANDS
    while not await _is_accepted(session, url, headers, text):  # noqa: ASYNC110 - a client's back-off
        await asyncio.sleep(PAUSE)


async def _is_accepted(session: aiohttp.ClientSession, url: str, headers: dict[str, str], text: str) -> bool:
    try:
        async with session.post(url, headers=headers, json={"command": text}) as answer:
            return answer.status == 202
    except (aiohttp.ClientError, TimeoutError):
        return False
