"""A client asks for tokens in a loop: its page finds and limits the principal."""

from __future__ import annotations

import re

from tests.stack.monitored import MonitoredStack
from tests.stack.runbook_callers import Caller, calling
from tests.stack.runbooks import runbook

PAGE = runbook("high-token-request-rate")
GENEROUS = "- name: operator-ui\n    issue_rate: {rate: 1000/s, burst: 1000}\n"


async def test_a_client_that_loops(monitored: MonitoredStack) -> None:
    """The page names the client's principal, and limits it while it goes on; then it is as others are."""
    text = monitored.configuration.read_text(encoding="utf-8")
    monitored.configuration.write_text(text.replace("- name: operator-ui\n", GENEROUS), encoding="utf-8")
    async with calling(monitored, Caller.issue, every=0.01, at_once=4) as caller:
        told = await monitored.follow(PAGE)
        assert re.search(r"^ *\d+ [\d.]+ operator-ui$", told, re.M), told
        assert caller.answers[429] > 0
        assert caller.answers[403] > 0
    assert "rate: 5/s" in monitored.configuration.read_text(encoding="utf-8")
    await monitored.roll_back(PAGE)
    assert monitored.configuration.read_text(encoding="utf-8") == text
