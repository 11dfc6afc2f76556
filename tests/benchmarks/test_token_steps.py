"""Tests of measuring single steps of tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.benchmarks import token_steps
from scripts.benchmarks.token_steps import (
    GRANT,
    ROUTE,
    TERMS,
    count_commands,
    main,
    measured_tokens,
    time_steps,
)
from tentaculo.access.memory_store import MemoryStore
from tests.fakes.ports import free_port
from tests.fakes.redis_server import running_redis


async def test_each_batch_has_a_time() -> None:
    """Both steps take some CPU time in every batch."""
    found = await time_steps(batches=3, steps=200, held=10)
    assert {step: len(times) for step, times in found.items()} == {"issue": 3, "redeem": 3}
    assert min(min(times) for times in found.values()) > 0


async def test_every_step_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tokens are issued as were asked for, those that are only held included."""
    stores: list[MemoryStore] = []

    def make(settings: object) -> MemoryStore:
        stores.append(MemoryStore())
        return stores[-1]

    monkeypatch.setattr(token_steps, "make_store", make)
    await time_steps(batches=2, steps=20, held=7)
    assert [len(store) for store in stores] == [47]


async def test_what_is_measured_are_the_gateways_tokens() -> None:
    """A token that was issued is redeemed for the route that the benchmark asks for."""
    tokens = measured_tokens(MemoryStore())
    token = await tokens.issue(GRANT, TERMS)
    assert (await tokens.redeem(token.encode(), ROUTE, token_steps.CLIENT)).grant == GRANT


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        ([], 0),
        ([(b"1:2", b"EVALSHA"), (b"lua", b"GET"), (b"lua", b"SET")], 1),
        ([(b"1:2", b"EVALSHA"), (b"1:2", b"EVAL"), (b"1:2", b"GET")], 3),
        ([(b"1:2", b"EVALSHA"), (b"1:3", b"PING"), (b"1:4", b"EVALSHA")], 2),
        ([(b"1:3", b"PING")], 0),
    ],
    ids=["nothing", "one", "extra", "ping", "idle"],
)
def test_round_trips_are_what_askers_send(seen: list[tuple[bytes, bytes]], count: int) -> None:
    """Commands inside scripts and those of a subscription are none, and all others of an asker are."""
    assert count_commands(seen) == count


def test_it_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Times of the memory store, and one round trip for each step with a real Redis."""
    port = free_port()
    with running_redis(tmp_path, "--port", str(port)):
        sizes = ["--batches=2", "--steps=50", "--held=5", "--redis-steps=20"]
        assert main([f"--redis-port={port}", *sizes]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["round_trips"] == {"issue": 1.0, "redeem": 1.0}
    assert len(found["microseconds"]["issue"]) == 2
