"""The timer of parts of a millisecond, on a real event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import select

import pytest

from tentaculo.upstream.ticker import Ticker
from tests.fakes.descriptors import all_taken, ticks_of
from tests.fakes.gates import soon

PART = 0.0005


class Counted:
    """A ticker, and a wait for so many ticks; at the last it is closed if `closes`."""

    def __init__(self, seconds: float, wanted: int, *, closes: bool = False) -> None:
        self.ticks = 0
        self.wanted = wanted
        self.closes = closes
        self.enough = asyncio.Event()
        self.ticker = Ticker(seconds, self.on_tick, asyncio.get_running_loop())

    def on_tick(self) -> None:
        """Count."""
        self.ticks += 1
        if self.ticks == self.wanted:
            self.enough.set()
            if self.closes:
                self.ticker.close()

    @property
    def descriptor(self) -> int:
        """What it holds."""
        return self.ticker._descriptor


async def test_it_ticks_again_and_again() -> None:
    """Until it is closed, at the interval that it was given."""
    counted = Counted(PART, 5)
    assert ticks_of(counted.descriptor) == PART
    await soon(counted.enough.wait())
    counted.ticker.close()


@pytest.mark.parametrize("seconds", [0.0001, 1.0, 1.25])
async def test_interval(seconds: float) -> None:
    """Parts and whole seconds are told apart."""
    counted = Counted(seconds, 1)
    assert ticks_of(counted.descriptor) == seconds
    counted.ticker.close()


async def test_it_may_be_closed_by_a_tick() -> None:
    """Then no other comes, and its descriptor is free."""
    counted = Counted(PART, 2, closes=True)
    await soon(counted.enough.wait())
    other = Counted(PART, 5)
    assert other.descriptor == counted.descriptor
    await soon(other.enough.wait())
    other.ticker.close()
    assert counted.ticks == 2


async def test_a_tick_is_told_once() -> None:
    """What is served is not there any more, and a call for none does no harm."""
    counted = Counted(0.5, 1)
    await soon(counted.enough.wait())
    assert select.select([counted.descriptor], [], [], 0) == ([], [], [])
    counted.ticker._on_tick()
    counted.ticker.close()


async def test_descriptor() -> None:
    """It is not for programs that are started, nobody waits at it, and it is given back."""
    counted = Counted(1.0, 1)
    assert not os.get_inheritable(counted.descriptor)
    assert not os.get_blocking(counted.descriptor)
    counted.ticker.close()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(counted.descriptor)


async def test_no_descriptor_is_left() -> None:
    """It says so as the system does."""
    with all_taken(), pytest.raises(OSError, match=os.strerror(errno.EMFILE)) as raised:
        Counted(PART, 1)
    assert raised.value.errno == errno.EMFILE
