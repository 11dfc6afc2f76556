"""Old clients open streams with a principal token in the URL: their page finds them, and closes the door."""

from __future__ import annotations

import re

from tests.stack.monitored import MonitoredStack
from tests.stack.runbook_callers import Caller, calling
from tests.stack.runbooks import runbook

PAGE = runbook("principal-token-fallback-use")


async def test_old_clients(monitored: MonitoredStack) -> None:
    """The page names client, route and principal; old clients are refused until it is taken back."""
    async with calling(monitored, Caller.old_stream, Caller.stream, every=0.2) as caller:
        told = await monitored.follow(PAGE)
        assert re.search(r"^ *\d+ [\d.]+ events operator-ui principal_query$", told, re.M), told
        await caller.comes_to(401, Caller.old_stream)
        await caller.comes_to(200, Caller.stream)
        await monitored.section(PAGE, "Roll back")
        await monitored.turns_bad(PAGE)
    await monitored.is_well()
