"""Health, waited for and judged; where a published port is."""

from __future__ import annotations

import pytest

from scripts.deploying.commands import Deadline, Interruption
from scripts.deploying.outcomes import StepFailed
from scripts.deploying.verification import Verification, url_of
from tests.scripts.deploying.engine import Engine, container


def test_healthy(engine: Engine) -> None:
    """All seven are."""
    verification = Verification(engine.stack(), Interruption())
    assert verification.all_healthy() == "7 of 7 services are healthy"


@pytest.mark.parametrize("health", ["unhealthy", "gone"])
def test_not_healthy(health: str, engine: Engine) -> None:
    """One that is not is told at once, with its last words where somebody waited for it."""
    engine.containers[0] = container("hermes", health=health)
    stack = engine.stack()
    verification = Verification(stack, Interruption())
    with pytest.raises(StepFailed, match=f"^hermes is {health}$"):
        verification.all_healthy()
    told = f"vx11_hermes_1 is {health}\nvx11_hermes_1 said: its last words"
    with pytest.raises(StepFailed, match=told):
        verification.becomes_healthy(list(stack.own().values()), Deadline(60))


def test_starting(engine: Engine) -> None:
    """One that never comes that far is told when the time is over."""
    engine.containers[0] = container("hermes", health="starting")
    stack = engine.stack()
    with pytest.raises(StepFailed, match="vx11_hermes_1 is starting"):
        Verification(stack, Interruption()).becomes_healthy([stack.container("hermes")], Deadline(0))


@pytest.mark.parametrize(
    ("published", "url"),
    [
        ([("127.0.0.1", 8000)], "http://127.0.0.1:8000"),
        ([("0.0.0.0", 8000), ("::", 8000)], "http://127.0.0.1:8000"),
        ([("::1", 8000)], "http://[::1]:8000"),
    ],
)
def test_url(published: list[tuple[str, int]], url: str) -> None:
    """A port that is published everywhere is asked at the loopback."""
    assert url_of(published) == url


def test_not_published() -> None:
    """One that is not published can't be asked."""
    with pytest.raises(StepFailed, match="not published"):
        url_of([])
