"""The page of token rotation, followed on the stack."""

from __future__ import annotations

import asyncio

from tests.documents.pages import blocks
from tests.fakes.gates import soon
from tests.stack.monitored import MonitoredStack
from tests.stack.token_users import DELEGATED, TokenUser, is_answered


async def test_tokens_overlap(monitored: MonitoredStack) -> None:
    """Both tokens are good until the old one is taken away, and then what that has open ends."""
    before = monitored.configuration.read_text(encoding="utf-8")
    add, show, take_away = blocks("token-rotation", "sh")
    old_token = monitored.token
    await asyncio.to_thread(monitored.block, add)
    new_token = (await asyncio.to_thread(monitored.block, show)).strip()
    assert new_token != old_token
    async with (
        TokenUser(monitored, old_token) as old,
        TokenUser(monitored, new_token) as new,
        TokenUser(monitored, new_token, way=DELEGATED) as panel,
    ):
        await monitored.becomes_healthy()
        for user in (old, new, panel):
            await is_answered(200, user.reconnects)
        opened = asyncio.Event()
        stream = asyncio.create_task(old.holds(opened))
        await soon(opened.wait())
        await asyncio.to_thread(monitored.block, take_away)
        await soon(stream, 20)
        assert [await user.status() for user in (old, new)] == [401, 200]
        for user in (new, panel):
            await is_answered(200, user.reconnects)
    assert monitored.configuration.read_text(encoding="utf-8") == before
