"""What the checklists show of a stack that is well."""

from __future__ import annotations

from tentaculo import __version__
from tests.documents.pages import blocks
from tests.stack.monitored import MonitoredStack


async def test_stack_that_is_well(monitored: MonitoredStack) -> None:
    """Nothing fires, nothing asks for a rollback, the version is the checkout's, and the log is good."""
    before, during, after = (monitored.block(block).strip() for block in blocks("checklists", "sh"))
    assert before.startswith("{} => 0 ")
    assert during == ""
    assert f'version="{__version__}"' in after
    assert after.endswith("\nNothing")
