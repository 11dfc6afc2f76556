"""Reloads of all workers; whole ones are in tests/functional/test_workers_together.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace

import pytest

from tentaculo.config.problems import ConfigError, Problem
from tentaculo.config.settings import Address, Settings
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.reloads import Reloads
from tests.workers.parts import ANY, FakeMember, worker_settings
from tests.workers.test_crew import Workers

FIRST = worker_settings()
EDITED = replace(FIRST, health_path="/up")
BAD = ("it is no good",)


class Edits:
    """Reloads of a crew of two fakes."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.loaded: Settings | Exception = EDITED
        self.moves: list[str] = []
        self.reloads = Reloads(
            FIRST,
            load=self._load,
            pack=lambda settings: nullcontext(0),
            move_admin=self._move_admin,
            logs=workers.log.logs,
            metrics=Metrics(version="1"),
        )

    def _load(self) -> Settings:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded

    async def _move_admin(self, address: Address, undo: AsyncExitStack) -> Callable[[], Awaitable[None]]:
        undo.callback(self.moves.append, "undone")

        async def close() -> None:
            self.moves.append("closed")

        return close

    @property
    def members(self) -> list[FakeMember]:
        """The workers."""
        return self.workers.made

    async def reload(self) -> tuple[str, ...]:
        """Reload; the problems."""
        return (await self.reloads.reload(self.workers.crew)).problems


@pytest.fixture
async def edits() -> Edits:
    """Reloads of workers that serve."""
    workers = Workers()
    await workers.start()
    return Edits(workers)


async def test_all_take_it_over(edits: Edits) -> None:
    """It counts for those that start later, and is logged once."""
    assert await edits.reload() == ()
    assert edits.reloads.settings is EDITED
    assert [member.reloads for member in edits.members] == [[[]], [[]]]
    (told,) = edits.workers.log.named("config.reloaded")
    assert told["keys_changed"] == ["health_path"]
    await edits.workers.crew.stop(1.0)


FAULTS = {
    "configuration": (
        ConfigError([Problem("a.yaml", 1, 2, "routes", "is bad")]),
        "a.yaml:1:2: routes: is bad",
    ),
    "fault": (RuntimeError("secret"), "the gateway failed on it: RuntimeError"),
    "address": (
        replace(EDITED, listen=Address("nowhere.invalid", 1)),
        "cannot listen on nowhere.invalid:1: the name does not resolve",
    ),
}


@pytest.mark.parametrize(("loaded", "problem"), FAULTS.values(), ids=FAULTS)
async def test_bad_one(edits: Edits, loaded: Settings | Exception, problem: str) -> None:
    """No worker hears of it."""
    edits.loaded = loaded
    (said,) = await edits.reload()
    assert said.startswith(problem) or "cannot listen on nowhere.invalid:1: " in said
    assert edits.reloads.problems == (said,)
    assert edits.reloads.settings is FIRST
    assert [member.reloads for member in edits.members] == [[], []]
    assert len(edits.workers.log.named("config.rejected")) == 1
    edits.loaded = EDITED
    assert await edits.reload() == ()
    assert not edits.reloads.problems
    await edits.workers.crew.stop(1.0)


async def test_rejected_by_all(edits: Edits) -> None:
    """Nothing has changed then: settings, addresses, sockets."""
    place, before = edits.workers.crew.place, [sockets for _, sockets in edits.workers.crew.staying]
    edits.loaded = replace(EDITED, listen=Address("localhost", 0), admin=Address("localhost", 0))
    for member in edits.members:
        member.problems = BAD
    assert await edits.reload() == BAD
    assert edits.reloads.settings is FIRST
    assert edits.workers.crew.place is place
    assert [sockets for _, sockets in edits.workers.crew.staying] == before
    assert edits.moves == ["undone"]
    assert all(member.replaced == [] for member in edits.members)
    await edits.workers.crew.stop(1.0)


@pytest.mark.parametrize(("answer", "at_once"), [(BAD, False), (None, True)], ids=["rejects", "hangs"])
async def test_one_that_does_not_follow(edits: Edits, answer: tuple[str, ...] | None, at_once: bool) -> None:
    """It is replaced by one that starts with what the others have."""
    edits.members[1].problems = answer
    assert await edits.reload() == ()
    assert [member.replaced for member in edits.members] == [[], [at_once]]
    assert edits.reloads.settings is EDITED
    await edits.workers.crew.stop(1.0)


async def test_move(edits: Edits) -> None:
    """Each worker gets sockets at the new place."""
    old = edits.workers.crew.place
    edits.loaded = replace(EDITED, listen=Address("localhost", 0), admin=replace(ANY, host="localhost"))
    assert await edits.reload() == ()
    one, two = (member.reloads[0] for member in edits.members)
    assert one
    assert two
    assert one != two
    assert edits.workers.crew.place is not old
    assert edits.moves == ["closed"]
    await edits.workers.crew.stop(1.0)
