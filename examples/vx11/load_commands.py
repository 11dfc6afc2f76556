"""The commands of a load: senders that post one after another, each until it is accepted.

A command's key is its event's id, so that one whose answer was lost can be repeated.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from examples.vx11.bus_client import BackOff
from examples.vx11.load_target import Target

command_back_off = partial(BackOff, 0.2, 2.0)
"""Makes the pauses between two tries of a command."""


class Sender:
    """Posts a command every `interval` seconds, the first after `delay`.

    While one is not accepted, no other is posted.
    """

    def __init__(
        self,
        target: Target,
        prefix: str,
        *,
        interval: float,
        delay: float = 0.0,
        back_off: Callable[[], BackOff] = command_back_off,
    ) -> None:
        self._target = target
        self._prefix = prefix
        self.interval = interval
        self.delay = delay
        self._back_off = back_off
        self._sent = 0
        self.accepted: list[str] = []

    async def send_until(self, end: asyncio.Event) -> None:
        """Post until the end, and the last one until it is accepted."""
        await pause(end, self.delay)
        while not end.is_set():
            due = asyncio.get_running_loop().time() + self.interval
            await self._send()
            # What was not posted in an outage is not made up for: that would be another load.
            await pause(end, due - asyncio.get_running_loop().time())

    async def _send(self) -> None:
        self._sent += 1
        key = f"{self._prefix}-{self._sent}"
        back_off = self._back_off()
        while not await self._target.command(f"load {self._sent}", key):
            await back_off.pause()
        self.accepted.append(key)


def make_senders(target: Target, run: str, rate: float) -> list[Sender]:
    """Return senders that post `rate` commands a second together, each no more than one a second."""
    count = math.ceil(rate)
    return [
        Sender(target, f"{run}-{number}", interval=count / rate, delay=number / rate)
        for number in range(count)
    ]


def accepted_by(senders: Sequence[Sender]) -> list[str]:
    """Return the keys of what was accepted."""
    return [key for sender in senders for key in sender.accepted]


async def pause(end: asyncio.Event, seconds: float) -> None:
    """Wait for so many seconds, or until the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await end.wait()
