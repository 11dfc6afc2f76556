"""What is asked of a gateway's admin API from beside it, and what is said where it does not tell."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from scripts.forensics import outline
from tests.admin.stacks import ADMIN_TOKEN, running

SCRIPT = Path(outline.__file__)


async def _asked(environ: dict[str, str]) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IS", SCRIPT),
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, said = await process.communicate()
    return process.returncode, told.decode(), said.decode()


async def test_outline(tmp_path: Path) -> None:
    """The outline of what is in effect comes, by a token in the environment or in a file, past any proxy."""
    (tmp_path / "token").write_text(f"{ADMIN_TOKEN}\n")
    tokens = ({"TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}, {"TENTACULO_ADMIN_TOKEN_FILE": str(tmp_path / "token")})
    async with running() as stack:
        for token in tokens:
            where = {"TENTACULO_ADMIN": f"0.0.0.0:{stack.gateway.admin_port}"}
            code, told, _ = await _asked({**where, **token})
            assert code == 0
            assert list(json.loads(told)["routes"]) == ["query"]


async def test_without_a_token() -> None:
    """There is nothing to ask, which is no failure."""
    code, told, said = await _asked({"TENTACULO_ADMIN_TOKEN": ""})
    assert (code, told, said) == (3, "", "the gateway has no admin token, so its admin API is off\n")


async def test_wrong_token() -> None:
    """A refusal is a failure, and is said without the token."""
    async with running() as stack:
        environ = {
            "TENTACULO_ADMIN": f":{stack.gateway.admin_port}",
            "TENTACULO_ADMIN_TOKEN": "wrong-token-of-it",
        }
        code, told, said = await _asked(environ)
    assert (code, told) == (1, "")
    assert "401" in said
    assert "wrong-token" not in said


async def test_no_file() -> None:
    """A token file that can't be read is a failure."""
    assert (await _asked({"TENTACULO_ADMIN_TOKEN_FILE": "/nowhere"}))[0] == 1
