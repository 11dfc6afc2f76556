"""The runbook of too many valid tokens, followed while a client asks for tokens in a loop."""

from __future__ import annotations

import asyncio
import re

from tests.stack.monitored import MonitoredStack
from tests.stack.runbooks import runbook
from tests.stack.token_users import TokenUser, is_answered, repeated

PAGE = runbook("valid-token-count-anomaly")


async def test_client_that_loops(monitored: MonitoredStack) -> None:
    """The page names who asks; limited and kept out for a while, its tokens get fewer as they expire."""
    before = monitored.configuration.read_text(encoding="utf-8")
    async with TokenUser(monitored, monitored.token) as client:
        async with repeated(client.asks, every=0.01):
            await monitored.turns_bad(PAGE)
        async with repeated(client.asks, every=0.1):
            told = await monitored.section(PAGE, "Check")
            assert re.search(r"^ *\d{3,} issued to operator-ui at [\d.]+$", told, re.MULTILINE), told
            for commands, status in zip(PAGE.blocks["Act"], (429, 403), strict=True):
                await asyncio.to_thread(monitored.block, commands)
                await is_answered(status, client.asks)
            await monitored.turns_good(PAGE, 75)
            await monitored.section(PAGE, "Verify")
    await monitored.roll_back(PAGE)
    assert monitored.configuration.read_text(encoding="utf-8") == before
