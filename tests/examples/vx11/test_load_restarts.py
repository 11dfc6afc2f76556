"""The restarts of a load: what is run, in turn, and how it is told."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from examples.vx11.load_restarts import SERVICES, Restarts, read_command
from tests.fakes.gates import eventually, soon

NOTE = (
    "import os, sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10)); print('x');"
    " sys.exit(3 if os.getsid(0) == os.getpid() else 4)"
)
HANG = "import time; time.sleep(3600)"


async def test_services_are_restarted_in_turn(tmp_path: Path) -> None:
    """Each with the command, which no shell and no Ctrl-C reaches; its exit code and its time are told."""
    file = tmp_path / "a file; true"
    said: list[str] = []
    command = f"{sys.executable} -c \"{NOTE}\" '{file}' 'x-{{service}}-$HOME;{{service}}'"
    restarts = Restarts(command, ["a", "b"], every=0.001, say=said.append)
    end = asyncio.Event()
    running = asyncio.create_task(restarts.run_until(end))
    await eventually(lambda: len(restarts.done) > 2)
    end.set()
    await soon(running)
    assert file.read_text().splitlines()[:3] == ["x-a-$HOME;a", "x-b-$HOME;b", "x-a-$HOME;a"]
    assert [(restart.service, restart.exit_code) for restart in restarts.done[:3]] == [
        ("a", 3),
        ("b", 3),
        ("a", 3),
    ]
    assert all(restart.seconds > 0 for restart in restarts.done)
    assert said[0] == "restarting a"
    assert said[1].startswith("restarted a in ")
    assert said[1].endswith(" s, exit code 3")


async def test_a_restart_on_its_way_is_waited_for(tmp_path: Path) -> None:
    """The end comes after it."""
    file = tmp_path / "noted"
    said: list[str] = []
    restarts = Restarts(f'{sys.executable} -c "{NOTE}" {file} {{service}}', ["a"], every=0, say=said.append)
    end = asyncio.Event()
    running = asyncio.create_task(restarts.run_until(end))
    await eventually(lambda: bool(said))
    end.set()
    await soon(running)
    assert (len(restarts.done), file.read_text()) == (1, "a\n")


async def test_a_restart_that_hangs_is_killed() -> None:
    """It has no exit code, and the next one follows."""
    command = f'{sys.executable} -c "{HANG}" {{service}}'
    restarts = Restarts(command, ["a"], every=0, say=lambda line: None, longest=0.05)
    end = asyncio.Event()
    running = asyncio.create_task(restarts.run_until(end))
    await eventually(lambda: len(restarts.done) > 1)
    end.set()
    await soon(running)
    assert {restart.exit_code for restart in restarts.done} == {None}


async def test_without_time_for_one_there_is_none() -> None:
    """The end comes at once."""
    end = asyncio.Event()
    restarts = Restarts("true {service}", ["a"], every=3600, say=print)
    running = asyncio.create_task(restarts.run_until(end))
    end.set()
    await soon(running)
    assert restarts.done == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("", "--restart must be a command with {service} in it"),
        ("docker restart", "--restart must be a command with {service} in it"),
        ("{service}", "--restart must be a command with {service} in it"),
        ("docker 'restart {service}", "--restart must be a command with {service} in it"),
        ("no-such-command-anywhere {service}", "The command in --restart can't be found."),
    ],
    ids=["empty", "no-place", "the-service-alone", "cut", "unknown"],
)
def test_a_command_that_can_not_be_run_is_one_sentence(command: str, sentence: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        read_command(command)


def test_the_services_are_those_of_the_stack() -> None:
    """All seven."""
    assert SERVICES.count(",") == 6
