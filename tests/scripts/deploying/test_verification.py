"""Health, waited for and judged; where a published port is."""

from __future__ import annotations

import json

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
    with pytest.raises(StepFailed, match=told) as fault:
        verification.becomes_healthy(list(stack.own().values()), Deadline(60))
    assert "of-the-test" not in str(fault.value)


def test_starting(engine: Engine) -> None:
    """One that never comes that far is told when the time is over."""
    engine.containers[0] = container("hermes", health="starting")
    stack = engine.stack()
    with pytest.raises(StepFailed, match="vx11_hermes_1 is starting"):
        Verification(stack, Interruption()).becomes_healthy([stack.container("hermes")], Deadline(0))


def upstreams(state: str) -> str:
    """What a gateway tells of an upstream in a state."""
    servers = [{"address": "http://operator-backend:8011", "state": state}]
    return json.dumps({"upstreams": [{"name": "operator", "servers": servers}]})


class Check:
    """A check that fails so many times."""

    def __init__(self, faults: int) -> None:
        self.faults = faults
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self.faults:
            raise StepFailed("no")
        return "yes"


def test_held_back(engine: Engine) -> None:
    """While a gateway refuses calls by itself nothing is judged, nor by what its trials came to."""
    states = ("ejected", "down", "half_open", "half_open", "up")
    engine.answers = {"/upstreams": [upstreams(state) for state in states]}
    check = Check(2)
    assert Verification(engine.stack(), Interruption()).once_settled(check) == "yes"
    assert check.made == 3
    assert engine.unasked == []


def test_store_down(engine: Engine) -> None:
    """Nor while it knows its token store to be down."""
    engine.answers = {"/metrics": [f"tentaculo_token_store_up {up}" for up in ("0.0", "0.0", "1.0")]}
    check = Check(0)
    assert Verification(engine.stack(), Interruption()).once_settled(check) == "yes"
    assert (check.made, engine.unasked) == (1, [])


@pytest.mark.parametrize(
    ("state", "seconds"),
    [pytest.param("up", 60, id="nothing is held back"), pytest.param("ejected", 0, id="for too long")],
)
def test_verdict(state: str, seconds: float, engine: Engine) -> None:
    """A failure counts where nothing is held back, and when it was waited for long enough."""
    engine.answers = {"/upstreams": [upstreams(state)]}
    check = Check(1)
    with pytest.raises(StepFailed, match=r"^no$"):
        Verification(engine.stack(), Interruption()).once_settled(check, Deadline(seconds))
    assert check.made == 1


def test_gateway_that_is_silent(engine: Engine) -> None:
    """One that does not tell is judged by the check itself."""
    engine.faults = ["/upstreams"]
    assert Verification(engine.stack(), Interruption()).once_settled(Check(0)) == "yes"


def test_nobody_asks(engine: Engine) -> None:
    """Without a gateway services can't be asked, which is a fault like others."""
    engine.containers = [one for one in engine.containers if "tentaculo_link" not in one["Name"]]
    stack = engine.stack()
    with pytest.raises(StepFailed, match="no tentaculo_link runs"):
        Verification(stack, Interruption()).answers([stack.container("madre")])


def test_token_that_is_not_told(engine: Engine) -> None:
    """A failure to read the principal token holds nothing of what was printed."""
    engine.faults = ["VX11_TOKEN_FILE"]
    with pytest.raises(StepFailed, match=r"^operator-backend does not tell a secret that is needed$"):
        Verification(engine.stack(), Interruption()).principal_token()


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
