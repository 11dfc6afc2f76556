"""The EventsPanel before the whole system: a command's way through every service, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.vx11.panel import PANEL_PATH
from tests.browser.panel_fixtures import panel_dist
from tests.browser.panel_user import PanelUser
from tests.examples.vx11.flow_scene import TOKEN, Flow
from tests.fakes.chromium import Page

__all__ = ["panel_dist"]


class WholeStack:
    """The system in the place of an operator alone."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    @property
    def url(self) -> str:
        """Where the panel is."""
        return f"http://127.0.0.1:{self.flow.gateway.port}{PANEL_PATH}"


@pytest.fixture
async def flow(panel_dist: Path, tmp_path: Path) -> AsyncIterator[Flow]:
    """The running system."""
    flow = Flow(tmp_path, panel_dist)
    await flow.start()
    yield flow
    await flow.stop()


async def _command_comes_back(user: PanelUser, text: str) -> int:
    await user.command(text)
    await user.shows_row(f"command: {text}")
    await user.sees("Its event came back in")
    return int((await user.texts(".command-state"))[0].split()[-2])


async def test_command_comes_back_through_every_service(flow: Flow, page: Page) -> None:
    """It does within a second, and again after hermes and the switch were restarted."""
    user = PanelUser(page, WholeStack(flow))
    await user.connected(TOKEN)
    assert await _command_comes_back(user, "first") < 1_000
    for name in ("hermes", "switch"):
        await flow.take_away(name)
        await flow.bring(name)
        await user.is_in("connected")
        await _command_comes_back(user, f"after {name}")
    await flow.say("during")
    await user.shows_row("something happened")
    commands = [text for text in await user.summaries() if text.startswith("command: ")]
    assert commands == ["command: first", "command: after hermes", "command: after switch"]
