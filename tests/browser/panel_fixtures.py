"""What tests of the panel start: a build of it for the session, a stack and a user for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.panel_stack import PanelStack, build
from tests.browser.panel_user import PanelUser
from tests.fakes.chromium import Page

__all__ = ["panel_dist", "stack", "user"]


@pytest.fixture(scope="session")
def panel_dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The panel, built from its sources."""
    return build(tmp_path_factory.mktemp("panel"))


@pytest.fixture
async def stack(panel_dist: Path) -> AsyncIterator[PanelStack]:
    """A stack; the test starts it."""
    stack = PanelStack(panel_dist)
    yield stack
    await stack.stop()
    stack.gateway.check_log()


@pytest.fixture
async def user(stack: PanelStack, page: Page) -> PanelUser:
    """A user of the panel."""
    return PanelUser(page, stack)
