"""`tentaculo streams`, as its users type it: lists, ends, questions, and what it says when it can't."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from tentaculo.cli import main
from tests.admin.stacks import ADMIN_TOKEN, ROUTES, Stack, answering, running
from tests.fakes.client import RawClient
from tests.fakes.gates import soon
from tests.functional.running import GOOD
from tests.functional.tokens import open_stream
from tests.test_cli_tokens import NAMES, Done, run

STREAMS = f"""{ROUTES}
  - {{name: rooms, path: "/sse/{{name}}", upstream: backend, access: public, stream: {{}}}}"""


async def streams(stack: Stack, *options: str) -> Done:
    """Run the command beside a gateway."""
    return await run("streams", *options, env=environment(stack))


def environment(stack: Stack) -> dict[str, str]:
    """Return what tells commands where the gateway is."""
    return {"TENTACULO_ADMIN_URL": stack.admin_url, "TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}


async def opened(stack: Stack, *paths: str) -> list[RawClient]:
    """Open streams."""
    return [(await open_stream(stack.gateway, path, GOOD)).client for path in paths]


async def on_a_terminal(stack: Stack, *options: str, typed: bytes = b"") -> tuple[int | None, str]:
    """Run the command where it reads from and writes to a terminal of 80 columns."""
    keeper, terminal = pty.openpty()
    env = {**os.environ, **environment(stack), "COLUMNS": "80", "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tentaculo", "streams", *options),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=env,
    )
    os.close(terminal)
    os.write(keeper, typed)
    try:
        code = await soon(process.wait(), 20)
        return code, await asyncio.to_thread(everything, keeper)
    finally:
        os.close(keeper)


def everything(keeper: int) -> str:
    """Return what a terminal shows, whose program is gone."""
    shown = b""
    try:
        while data := os.read(keeper, 65_536):
            shown += data
    except OSError:  # the system's word for its end
        pass
    return shown.decode()


# Lists.


async def test_list() -> None:
    """In a pipe the table is plain and whole, the newest last, and a line says how many there are."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/query", "/sse/a")
        done = await streams(stack)
        ids = [event["request_id"] for event in stack.gateway.logs.named("stream.opened")]
    headings, first, second, total = done.stdout.splitlines()
    assert (done.code, done.stderr, total) == (0, "", "2 open streams")
    assert headings.split()[:5] == ["ID", "AGE", "EVENTS", "BYTES", "ROUTE"]
    assert [line.split()[0] for line in (first, second)] == ids
    assert first.split()[4:7] == ["query", "operator-ui", "127.0.0.1"]
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("options", "total"),
    [
        (["--route", "rooms"], "1 open stream of route rooms"),
        (["--route", "nothing"], "0 open streams of route nothing"),
        (["--principal", "operator-ui"], "1 open stream of principal operator-ui"),
        (["--principal", "operator-ui", "--route", "rooms"], "0 open streams of route rooms"),
    ],
)
async def test_filters(options: list[str], total: str) -> None:
    """Only what is asked for is shown and counted."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/query", "/sse/a")
        done = await streams(stack, *options)
    *lines, last = done.stdout.splitlines()
    assert (done.code, last.startswith(total)) == (0, True)
    assert len(lines) == (2 if total.startswith("1") else 0)


async def test_json() -> None:
    """Programs get all of it."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/query", "/sse/a")
        done = await streams(stack, "--json", "--route", "query")
    body = json.loads(done.stdout)
    (row,) = body["streams"]
    assert (body["total"], row["route"], row["opened_by"]) == (1, "query", "principal_header")
    assert row["age"] < 60


async def test_on_a_terminal() -> None:
    """There it fits into 80 columns, with headings that stand out."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/query")
        code, shown = await on_a_terminal(stack)
    headings, row, total = shown.splitlines()
    assert (code, total) == (0, "1 open stream")
    assert headings.startswith("\x1b[1m")
    assert len(row.split()[0]) == 8
    assert len(row) <= 80


async def test_what_a_gateway_says_is_not_obeyed() -> None:
    """No answer brings a control character to the terminal, from a list or from an end."""
    row = {"id": "a\x1b]0;y\x07\x9b2J", "route": "\x1b]0;x\x07"}
    body = json.dumps({"streams": [row], "total": 1, "ended": 1}).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    async with answering(reply) as (port, _):
        env = {"TENTACULO_ADMIN_URL": f"http://127.0.0.1:{port}", "TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN}
        for options in ([], ["--json"], ["--end", "a"]):
            done = await run("streams", *options, env=env)
            assert done.code == 0
            assert all(line.isprintable() for line in done.stdout.splitlines()), options


# Ends.


async def test_end_one() -> None:
    """The stream of this id ends, and no other."""
    async with running(STREAMS) as stack:
        client, _ = await opened(stack, "/sse/a", "/sse/b")
        request_id = stack.gateway.logs.named("stream.opened")[0]["request_id"]
        done = await streams(stack, "--end", request_id[:16])
        assert (done.code, done.stdout) == (0, f"Ended {request_id}.\n")
        assert b"revoked" in await client.until(b"0\r\n\r\n")
        again = await streams(stack, "--end", request_id)
        assert (again.code, again.stdout) == (1, "")
        assert again.stderr.endswith("has no open stream of this id.\n")
        assert (await streams(stack)).stdout.endswith("1 open stream\n")


@pytest.mark.parametrize("options", [[], ["--yes"]], ids=["unasked", "yes"])
async def test_end_all_from_a_script(options: list[str]) -> None:
    """Without a terminal nobody is asked."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/a", "/sse/query", "/sse/b")
        done = await streams(stack, "--end-all", "--route", "rooms", *options)
        assert (done.code, done.stdout, done.stderr) == (0, "Ended 2 streams of route rooms.\n", "")
        assert (await streams(stack)).stdout.endswith("1 open stream\n")


@pytest.mark.parametrize(
    ("options", "typed", "code", "left"),
    [([], b"y\n", 0, 0), ([], b"n\n", 1, 2), ([], b"\n", 1, 2), (["--yes"], b"", 0, 0)],
    ids=["yes", "no", "nothing", "not asked"],
)
async def test_end_all_on_a_terminal(options: list[str], typed: bytes, code: int, left: int) -> None:
    """There it is asked first, with how many they are, and only a yes ends them."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/a", "/sse/b")
        found, shown = await on_a_terminal(stack, "--end-all", "--route", "rooms", *options, typed=typed)
        assert found == code
        assert ("End 2 streams of route rooms? [y/N]" in shown) == (not options)
        assert ("Ended 2 streams of route rooms." in shown) == (left == 0)
        assert len(json.loads((await streams(stack, "--json")).stdout)["streams"]) == left


# What goes wrong.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--end-all"], "--end-all needs a --route or a --principal."),
        (["--end-all", "--yes"], "--end-all needs a --route or a --principal."),
        (["--end-all", "--route", ""], "take no empty text"),
        (["--end-all", "--route", "a", "--principal", ""], "take no empty text"),
        (["--end", ""], "take no empty text"),
        (["--end", "a", "--end-all", "--route", "a"], "--end takes no"),
        (["--end", "a", "--principal", "b"], "--end takes no"),
        (["--end", "a", "--json"], "--json is for the list"),
        (["--end-all", "--route", "a", "--json"], "--json is for the list"),
        (["--admin", "http://127.0.0.1:1/x"], "The URL must be"),
        (["a"], "unexpected extra argument"),
    ],
)
def test_wrong_usage(options: list[str], words: str) -> None:
    """Nothing is asked for where it is not clear what was meant; the exit code is 2."""
    env: Mapping[str, str] = {
        "TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN,
        "TENTACULO_ADMIN_URL": "http://127.0.0.1:1",
    }
    result = CliRunner().invoke(main, ["streams", *options], env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_without_a_token() -> None:
    """It is said how to name one."""
    result = CliRunner().invoke(main, ["streams"], env=dict.fromkeys(NAMES))
    assert result.exit_code == 2
    assert "--admin-token-file FILE" in result.stderr


async def test_failures(tmp_path: Path) -> None:
    """Each is a sentence with exit code 1, without a token in it."""
    file = tmp_path / "token"
    file.write_text("Another-admin-token\n")
    async with running(STREAMS) as stack:
        done = await streams(stack, "--admin-token-file", str(file))
        assert (done.code, done.stdout) == (1, "")
        assert done.stderr == f"tentaculo: The admin API at {stack.admin_url} refuses the admin token.\n"
    async with running(STREAMS, admin_token="") as stack:
        off = await streams(stack)
        assert (off.code, "There is no admin API at" in off.stderr) == (1, True)
    gone = await run("streams", "--admin", "http://127.0.0.1:1", env={"TENTACULO_ADMIN_TOKEN": ADMIN_TOKEN})
    assert (gone.code, "can't be reached" in gone.stderr) == (1, True)
