"""A worker process as its supervisor sees it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tentaculo.config.settings import Settings, TlsCertificate
from tentaculo.telemetry.log_turns import make_turns
from tentaculo.workers.handing import in_memory, pack
from tentaculo.workers.member import Member, how_it_ended, start_member
from tentaculo.workers.sockets import Place, close_all
from tests.fakes.gates import soon
from tests.workers.parts import ANY, worker_settings

QUIET = worker_settings()


@pytest.mark.parametrize(
    ("code", "fields"),
    [(0, {"exit_code": 0}), (3, {"exit_code": 3}), (-9, {"signal": "SIGKILL"}), (-99, {"signal": "99"})],
    ids=["good", "failed", "signal", "unknown signal"],
)
def test_how_it_ended(code: int, fields: dict[str, object]) -> None:
    """A signal has a name."""
    assert how_it_ended(code) == fields


async def member_with(settings: Settings) -> Member:
    """Start a worker with a socket of its own."""
    place, turns = Place(ANY), make_turns()
    sockets = place.listen()
    with in_memory(pack(settings)) as packed:
        made = await start_member(packed, turns.descriptor, [each.fileno() for each in sockets], "token")
    close_all(sockets)
    place.close()
    os.close(turns.descriptor)
    return made


async def test_one_that_can_not_start() -> None:
    """It says why, in the sentence that one process would end with."""
    nowhere = TlsCertificate(Path("/nowhere.pem"), Path("/nowhere.key"))
    member = await member_with(replace(QUIET, tls=(nowhere,)))
    assert await soon(member.watch(), 30) == 1
    assert "/nowhere.pem" in (member.started.result() or "")
    assert not member.serves


async def test_life() -> None:
    """It serves, answers, takes settings over, and drains when it is told to."""
    log = Path(os.devnull)
    settings = replace(QUIET, log=replace(QUIET.log, file=log))
    member = await member_with(settings)
    assert await soon(member.started, 30) is None
    assert member.serves
    found = await member.asking.ask("GET", "/live")
    assert found is not None
    assert found.json() == {"status": "live"}
    with in_memory(pack(replace(settings, health_path="/up"))) as packed:
        assert await member.reload(packed, [], 10.0) == ()
    nowhere = TlsCertificate(Path("/nowhere.pem"), Path("/nowhere.key"))
    with in_memory(pack(replace(settings, tls=(nowhere,)))) as packed:
        (problem,) = await member.reload(packed, [], 10.0) or ()
    assert "/nowhere.pem" in problem
    assert member.send({"do": "drain"})
    assert await soon(member.watch(), 30) == 0
    assert b"tentaculo_requests" in member.exposition
    assert await member.reload(0, [], 1.0) == ()
    assert not member.send({"do": "drain"})
    member.replace(at_once=True)


async def test_one_that_is_killed_before_it_serves() -> None:
    """Its first outcome is that it has ended."""
    member = await member_with(QUIET)
    member.replace(at_once=True)
    assert await soon(member.watch(), 30) == -9
    assert member.started.result() == ""
    assert member.gone.is_set()
