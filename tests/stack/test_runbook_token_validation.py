"""The runbook of refused tokens, followed while somebody makes tokens up, and after an edit."""

from __future__ import annotations

import asyncio
import uuid

from tests.fakes.gates import soon
from tests.stack.monitored import MonitoredStack
from tests.stack.runbooks import runbook
from tests.stack.token_users import TokenUser, is_answered, repeated

PAGE = runbook("token-validation-failures")


async def test_tokens_that_are_made_up(monitored: MonitoredStack) -> None:
    """The page tells of whom, and closes the route to everyone until it is opened again."""
    before = monitored.configuration.read_text(encoding="utf-8")
    async with TokenUser(monitored, "nobody's") as stranger, TokenUser(monitored, monitored.token) as user:
        opened = asyncio.Event()
        stream = asyncio.create_task(user.holds(opened))
        await soon(opened.wait())
        async with repeated(lambda: stranger.opens(str(uuid.uuid4())), every=0.02) as answers:
            told = await monitored.follow(PAGE)
            assert "token_unknown events " in told
            assert {401, 429} <= answers.statuses
            assert 200 not in answers.statuses
            assert await user.status() == 200
        await soon(stream, 20)
        await monitored.roll_back(PAGE)
        await is_answered(200, user.reconnects)
    assert monitored.configuration.read_text(encoding="utf-8") == before


async def test_edit_that_spends_tokens(monitored: MonitoredStack) -> None:
    """Where an edit let tokens open once, clients reconnect again when the page has taken it back."""
    text = monitored.configuration.read_text(encoding="utf-8")
    issued = "      issue_path: /events/sse-token\n"
    assert issued in text
    monitored.configuration.write_text(text.replace(issued, f"{issued}      reuse: once\n"), encoding="utf-8")
    async with TokenUser(monitored, monitored.token) as user:
        async with repeated(user.reconnects, every=0.02, at_once=2):
            assert "token_used events " in await monitored.follow(PAGE)
        await monitored.roll_back(PAGE)
        await is_answered(200, user.reconnects)
    monitored.configuration.write_text(text, encoding="utf-8")
