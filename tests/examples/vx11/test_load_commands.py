"""The commands of a load: their keys, their pace, and that each is repeated until it is accepted."""

from __future__ import annotations

import asyncio

import pytest

from examples.vx11.load_commands import Sender, accepted_by, command_back_off, make_senders, pause
from examples.vx11.load_target import Target
from tests.examples.vx11.load_scene import FakeGateway, faked, hardly
from tests.fakes.gates import eventually, soon


async def test_a_command_is_repeated_until_it_is_accepted() -> None:
    """Under the same key, and before the next one."""
    gateway = FakeGateway(refusals=[503, 502, 202, 503])
    end = asyncio.Event()
    async with faked(gateway) as target:
        sender = Sender(target, "r-0", interval=0.001, back_off=hardly)
        sending = asyncio.create_task(sender.send_until(end))
        await eventually(lambda: len(sender.accepted) > 1)
        end.set()
        await soon(sending)
    assert gateway.headers("Idempotency-Key")[:5] == ["r-0-1"] * 3 + ["r-0-2"] * 2
    assert sender.accepted[:2] == accepted_by([sender])[:2] == ["r-0-1", "r-0-2"]
    assert gateway.bodies[4] == b'{"command": "load 2"}'


async def test_the_last_command_is_seen_through() -> None:
    """After the end none is begun, but what was begun is accepted."""
    gateway = FakeGateway(refusals=[503] * 3)
    end = asyncio.Event()
    async with faked(gateway) as target:
        sender = Sender(target, "r-0", interval=3600, back_off=hardly)
        sending = asyncio.create_task(sender.send_until(end))
        await eventually(lambda: target.calls["503"] > 0)
        end.set()
        await soon(sending)
        late = Sender(target, "r-1", interval=3600, delay=3600)
        await soon(late.send_until(end))
    assert accepted_by([sender, late]) == ["r-0-1"]


@pytest.mark.parametrize(
    ("rate", "intervals", "delays"),
    [
        pytest.param(0.5, [2.0], [0.0], id="slow"),
        pytest.param(2.0, [1.0, 1.0], [0.0, 0.5], id="two"),
        pytest.param(2.5, [1.2] * 3, [0.0, 0.4, 0.8], id="between"),
    ],
)
def test_senders_share_the_rate(rate: float, intervals: list[float], delays: list[float]) -> None:
    """Each sends about once a second, and they begin one after another."""
    senders = make_senders(Target("http://127.0.0.1:1", "planted", "gateway"), "r", rate)
    assert [sender.interval for sender in senders] == pytest.approx(intervals)
    assert [sender.delay for sender in senders] == pytest.approx(delays)


async def test_a_pause_ends_with_its_time_or_with_the_end() -> None:
    """Whichever comes first; one that is over already takes none."""
    end = asyncio.Event()
    await soon(pause(end, 0.01))
    await soon(pause(end, -1.0))
    end.set()
    await soon(pause(end, 3600))


async def test_tries_are_made_every_two_seconds_at_the_least() -> None:
    """A stack that is back is soon found."""
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    back_off = command_back_off(sleep=sleep, chance=lambda: 1.0)
    for _ in range(6):
        await back_off.pause()
    assert (paused[0], paused[-1]) == (0.2, 2)
