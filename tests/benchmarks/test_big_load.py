"""Tests of the load of big bodies."""

from __future__ import annotations

import pytest

from scripts.benchmarks import big_load
from scripts.benchmarks.big_backend import BUFFER_BYTES
from scripts.benchmarks.big_load import BigPlan, press
from scripts.benchmarks.wrk import LoadFailed
from tests.benchmarks.test_big_backend import backend
from tests.benchmarks.test_paced_load import one_answer
from tests.fakes.gates import soon


def plan(port: int, *, up: bool = False, size: int = 2 * BUFFER_BYTES) -> BigPlan:
    """Return a load of one body on each of two connections."""
    return BigPlan(port=port, size=size, up=up, seconds=0, credential="X-A: made-up", connections=2)


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
async def test_each_connection_carries_a_body(up: bool) -> None:
    """Even a load without time carries one body each, to its end."""
    async with backend() as port:
        load = await soon(press(plan(port, up=up)))
    assert load.bodies == 2
    assert load.seconds > 0


async def test_one_body_follows_the_other() -> None:
    """As long as there is time."""
    async with backend() as port:
        given = BigPlan(port=port, size=100, up=False, seconds=0.1, credential="X-A: b", connections=1)
        assert (await soon(press(given))).bodies > 1


@pytest.mark.parametrize(
    ("up", "reply", "said"),
    [
        (False, b"HTTP/1.1 401 No\r\nContent-Length: 1\r\n\r\nx", "the peer answered 401"),
        (False, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "3 of 9 bytes came down"),
        (False, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "ended within a body"),
        (False, b"HTTP/1.1 200 OK\r\n\r\nabc", "has no length"),
        (False, b"", "ended within a body"),
        (True, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n8", "8 of 9 bytes came up"),
    ],
    ids=["refused", "another size", "cut", "no length", "no answer", "lost on the way up"],
)
async def test_a_body_that_did_not_come_whole(up: bool, reply: bytes, said: str) -> None:
    """It is a fault and no measurement."""
    async with one_answer(reply) as (port, _):
        with pytest.raises(LoadFailed, match=said):
            await soon(press(plan(port, up=up, size=9)))


async def test_a_peer_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without a bound."""
    monkeypatch.setattr(big_load, "END_SECONDS", 0.05)
    async with backend() as port:
        with pytest.raises(LoadFailed, match="still under way"):
            await soon(press(BigPlan(port=port, size=9, up=True, seconds=0, credential="Content-Length: 10")))


def test_a_credential_is_not_shown() -> None:
    """It goes to the process, not into a message."""
    assert "made-up" not in repr(plan(1))
