"""The panels of a load: clients that keep the event stream open as the EventsPanel does, and what they got.

Each connection has a fresh ephemeral token and goes on after the last event; other runs' events do not count.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import orjson

from examples.vx11.bus_client import BackOff
from examples.vx11.load_target import Target

RENEWED_SHARE = 3
"""One panel of so many is closed and opened anew now and then."""


panel_back_off = partial(BackOff, 1.0, 30.0)
"""Makes the pauses of a panel between two connections."""


@dataclass(slots=True)
class Received:
    """Which of a run's events came, under keys `<run>-<sender>-<number>`, and when the last of them did."""

    run: str
    keys: set[str] = field(default_factory=set)
    repeated: int = 0
    out_of_order: int = 0
    silence: float = 0.0
    _newest: dict[str, int] = field(default_factory=dict)
    _last_at: float | None = None

    def note(self, key: str, at: float) -> None:
        """Take note of an event that came at a moment in seconds; another run's is none."""
        run, _, place = key.partition("-")
        sender, _, number = place.partition("-")
        if run != self.run or not number.isdecimal():
            return
        if self._last_at is not None:
            self.silence = max(self.silence, at - self._last_at)
        self._last_at = at
        if key in self.keys:
            self.repeated += 1
            return
        self.keys.add(key)
        # A sender waits for each answer: its own commands have an order.
        self.out_of_order += int(number) < self._newest.get(sender, 0)
        self._newest[sender] = max(int(number), self._newest.get(sender, 0))


class Panel:
    """One client; `renew_every` seconds, more or less, after it opened its stream it opens a new one."""

    def __init__(
        self,
        target: Target,
        run: str,
        *,
        renew_every: float | None = None,
        back_off: Callable[[], BackOff] = panel_back_off,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._target = target
        self._renew_every = renew_every
        self._chance = chance
        self._back_off = back_off()
        self._last_event_id = ""
        self.received = Received(run)
        self.opened = asyncio.Event()
        self.opened_count = 0
        self.renewed_count = 0

    @property
    def is_renewed(self) -> bool:
        """Whether it opens a new stream now and then."""
        return self._renew_every is not None

    async def watch(self) -> None:
        """Keep the stream open until this is cancelled."""
        while True:
            token = await self._target.issue()
            if token is not None and await self._read_stream(token):
                self.renewed_count += 1
            else:
                await self._back_off.pause()

    async def _read_stream(self, token: str) -> bool:
        async with self._target.open(token, self._last_event_id) as blocks:
            if blocks is None:
                return False
            try:
                async with asyncio.timeout(self._lifetime()), aclosing(blocks):
                    await self._read(blocks)
            except TimeoutError:
                return True
        return False

    async def _read(self, blocks: AsyncGenerator[bytes, None]) -> None:
        self.opened_count += 1
        async for block in blocks:
            self.opened.set()
            self._take(block)

    def _take(self, block: bytes) -> None:
        data = b""
        for line in block.split(b"\n"):
            name, _, value = line.partition(b": ")
            if name == b"id":
                self._last_event_id = value.decode("latin-1")
            elif name == b"data":
                data = value
        if data:
            self._back_off.reset()
            self.received.note(_event_id(data), asyncio.get_running_loop().time())

    def _lifetime(self) -> float | None:
        return None if self._renew_every is None else self._renew_every * (0.5 + self._chance())


def make_panels(target: Target, run: str, count: int, renew_every: float) -> list[Panel]:
    """Return so many panels, of which one in RENEWED_SHARE opens a new stream about every so many seconds."""
    return [
        Panel(target, run, renew_every=renew_every if renew_every and not number % RENEWED_SHARE else None)
        for number in range(count)
    ]


def figures_of(panels: Sequence[Panel], expected: Collection[str]) -> dict[str, object]:
    """Return what the panels got of the expected events, summed over all of them where it says no other."""
    received = [panel.received for panel in panels]
    counts = [len(one.keys) for one in received]
    renewals = sum(panel.renewed_count for panel in panels)
    return {
        "expected": len(expected),
        "received_minimum": min(counts, default=0),
        "received_maximum": max(counts, default=0),
        "lost": sum(len(set(expected) - one.keys) for one in received),
        "repeated": sum(one.repeated for one in received),
        "out_of_order": sum(one.out_of_order for one in received),
        "reconnects": sum(max(0, panel.opened_count - 1) for panel in panels) - renewals,
        "renewals": renewals,
        "longest_silence_ms": round(max((one.silence for one in received), default=0.0) * 1000),
    }


def _event_id(data: bytes) -> str:
    try:
        return str(orjson.loads(data)["event_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
