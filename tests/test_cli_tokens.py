"""`tentaculo issue` and `tentaculo revoke`, as their users type them."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tentaculo.cli import main
from tests.admin.stacks import ADMIN_TOKEN, configuration, running
from tests.fakes.client import request
from tests.fakes.gates import soon
from tests.functional.running import GOOD, TOKEN

NAMES = ("TENTACULO_TOKEN", "TENTACULO_ADMIN_TOKEN", "TENTACULO_ADMIN_URL", "TENTACULO_CONFIG")


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int | None
    stdout: str
    stderr: str


async def run(*arguments: str | Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
    """Run a command as a process, with nothing in its environment but what the test says."""
    environ = {name: value for name, value in os.environ.items() if name not in NAMES}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tentaculo", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environ, **(env or {})},
    )
    stdout, stderr = await soon(process.communicate(stdin.encode()), 20)
    assert "Traceback" not in stderr.decode()
    return Done(process.returncode, stdout.decode(), stderr.decode())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file that the gateway runs on, as far as commands read it."""
    path = tmp_path / "stack.yaml"
    path.write_text(configuration(1))
    return path


@pytest.mark.parametrize("way", ["stdin", "environment"])
async def test_issue_prints_a_line_that_opens_the_stream(file: Path, way: str) -> None:
    """The line is all of stdout, the token in it a new one, and the principal's is nowhere."""
    stdin, env = (f"{TOKEN}\n", {}) if way == "stdin" else ("", {"TENTACULO_TOKEN": TOKEN})
    async with running() as stack:
        done = await run("issue", "query", file, "--gateway", stack.url, stdin=stdin, env=env)
        assert (done.code, done.stderr) == (0, "Opens query within 60 seconds.\n")
        *words, url = shlex.split(done.stdout)
        token = url.removeprefix(f"{stack.url}/sse/query?token=")
        assert (words, uuid.UUID(token).version) == (["curl", "--no-buffer"], 4)
        client = await stack.gateway.client()
        await client.send(request("GET", f"/sse/query?token={token}", [("User-Agent", "curl")]))
        assert (await client.head()).status == 200
    assert TOKEN not in done.stdout + done.stderr


async def test_issue_asks_the_gateway_that_the_file_names(tmp_path: Path) -> None:
    """Without --gateway it is the address that the file listens on."""
    path = tmp_path / "stack.yaml"
    async with running() as stack:
        listen = f"listen: 0.0.0.0:{stack.gateway.port}"
        path.write_text(stack.text.replace("listen: 127.0.0.1:0", listen))
        done = await run("issue", "query", stdin=TOKEN, env={"TENTACULO_CONFIG": str(path)})
        assert (done.code, f"{stack.url}/sse/query?token=" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "sentence"),
    [
        (["query", "--gateway", "{url}"], "another-principal", 1, "The gateway refuses this token."),
        (["query", "--gateway", "http://127.0.0.1:1"], TOKEN, 1, "http://127.0.0.1:1 can't be reached: "),
        (["query", "--gateway", "{url}"], "short", 2, "This must be a token of at least 12 characters."),
        (["nothing", "--gateway", "{url}"], TOKEN, 2, "There is no route nothing."),
        (["query", "--gateway", "{url}/x"], TOKEN, 2, "The URL must be "),
        (["query", "--token", TOKEN], TOKEN, 2, "No such option"),
    ],
    ids=["refused", "unreachable", "short", "route", "url", "argument"],
)
async def test_issue_fails_with_one_sentence(
    file: Path, arguments: list[str], stdin: str, code: int, sentence: str
) -> None:
    """Nothing is printed to stdout, and no token anywhere."""
    async with running() as stack:
        words = [word.format(url=stack.url) for word in arguments]
        done = await run("issue", words[0], file, *words[1:], stdin=stdin)
    assert (done.code, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert stdin not in done.stderr


def test_issue_tells_the_problems_of_the_file(tmp_path: Path) -> None:
    """A file that can't be used is told as by the other commands."""
    result = CliRunner().invoke(main, ["issue", "query", str(tmp_path / "absent.yaml")], input=TOKEN)
    assert result.exit_code == 2
    assert result.stderr.endswith("1 problem\n")


@pytest.mark.parametrize("way", ["file", "environment"])
async def test_revoke_says_what_was_done(tmp_path: Path, way: str) -> None:
    """The stream ends, the principal is refused, stdout has the sentence, and no token is shown."""
    admin_file = tmp_path / "admin"
    admin_file.write_text(f"{ADMIN_TOKEN}\n")
    async with running() as stack:
        client = await stack.gateway.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
        if way == "file":
            given: list[str | Path] = ["--admin", stack.admin_url, "--admin-token-file", admin_file]
            done = await run("revoke", "operator-ui", "--block", "1h", *given)
        else:
            env = {"TENTACULO_ADMIN_URL": stack.admin_url, "TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}
            done = await run("revoke", "operator-ui", "--block", "1h", env=env)
        await client.until(b"0\r\n\r\n")
        assert (await stack.gateway.call("/sse/query")).status == 403
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("Revoked operator-ui: ")
    assert done.stdout.endswith("its own token is refused for 1h.\n")


@pytest.mark.parametrize(
    ("arguments", "token", "code", "sentence"),
    [
        (["operator-ui"], "Another-admin-token", 1, "refuses the admin token."),
        (["nobody"], ADMIN_TOKEN, 1, "knows no principal nobody."),
        (["operator-ui", "--admin", "http://127.0.0.1:1"], ADMIN_TOKEN, 1, "can't be reached: "),
        (["operator-ui"], "", 2, "Name the admin token's file with --admin-token-file FILE."),
        (["operator-ui"], "short", 2, "This must be a token of at least 12 characters."),
        (
            ["operator-ui", "--block", "1 hour"],
            ADMIN_TOKEN,
            2,
            "--block must be a duration with its unit, such as",
        ),
        (["operator-ui", "--block", "9000h"], ADMIN_TOKEN, 2, "--block must be a duration between"),
        (["operator-ui", "--block", "721h"], ADMIN_TOKEN, 2, "it is 720h at most."),
        (
            ["operator-ui", "--admin-token-file", "/absent"],
            ADMIN_TOKEN,
            2,
            "--admin-token-file names a file that",
        ),
        (["operator-ui", "--admin-token", ADMIN_TOKEN], "", 2, "No such option"),
        ([], ADMIN_TOKEN, 2, "Missing argument"),
    ],
)
async def test_revoke_fails_with_one_sentence(
    arguments: list[str], token: str, code: int, sentence: str
) -> None:
    """Failure and wrong use have codes of their own, and no token is shown."""
    async with running() as stack:
        env = {"TENTACULO_ADMIN_URL": stack.admin_url, "TENTACULO_ADMIN_TOKEN": token}
        done = await run("revoke", *arguments, env=env)
    assert (done.code, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert not token or token not in done.stderr
