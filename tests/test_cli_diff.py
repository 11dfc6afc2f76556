"""`tentaculo check --diff`, as operators type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.admin.stacks import ADMIN_TOKEN, Stack, running
from tests.fakes.client import request
from tests.functional.running import GOOD
from tests.test_cli_tokens import Done, run

ENV = {"TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An edited file."""
    return tmp_path / "stack.yaml"


def _edit(file: Path, text: str) -> None:
    file.write_text(text)


async def _diff(stack: Stack, file: Path, *arguments: str) -> Done:
    return await run("check", file, "--diff", "--admin", stack.admin_url, *arguments, env=ENV)


async def test_diff(file: Path) -> None:
    """It says what would change, and how many streams would end; nothing has changed by that."""
    async with running() as stack:
        client = await stack.gateway.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
        _edit(file, stack.text)
        assert await _diff(stack, file) == Done(0, "nothing would change\n", "")
        _edit(file, stack.text.replace("stream: {}", "stream: {retry: 1s}"))
        assert await _diff(stack, file) == Done(
            0,
            "~ route query (ends 1 stream)\nwould end 1 stream of removed and changed routes\n",
            "",
        )
        assert len(stack.gateway.logs.named("stream.ended")) == 0


async def test_bad_file(file: Path) -> None:
    """Its problems are told, and no gateway is asked."""
    _edit(file, "nonsense")
    done = await run("check", file, "--diff", "--admin", "http://127.0.0.1:9", env=ENV)
    assert (done.code, done.stdout) == (2, "")
    assert f"{file}:1:1: " in done.stderr


async def test_no_gateway(file: Path) -> None:
    """Who can't be asked is named."""
    async with running() as stack:
        _edit(file, stack.text)
        url = stack.admin_url
    done = await run("check", file, "--diff", "--admin", url, env=ENV)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr == f"tentaculo: {url} can't be reached: Connection refused.\n"


async def test_wrong_use(file: Path) -> None:
    """Without a token, or with a URL that is none, nobody is asked."""
    async with running() as stack:
        _edit(file, stack.text)
        assert (await run("check", file, "--diff", "--admin", stack.admin_url)).code == 2
        assert (await _diff(stack, file, "--admin", "nonsense")).code == 2
