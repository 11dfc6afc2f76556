"""The whole stack as its user meets it: started, greeted, three commands pasted, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.vx11.__main__ import CONFIG, main
from examples.vx11.panel import NOT_BUILT, PANEL_PATH, is_built
from tests.examples.vx11.sse import read_event
from tests.fakes.gates import soon
from tests.fakes.ports import free_address

TOKEN = "principal-of-the-test"


@pytest.fixture(autouse=True)
def events_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stack keeps its events, unless a test names another place."""
    file = tmp_path / "events" / "vx11.db"
    monkeypatch.setenv("HERMES_DB", str(file))
    return file


def _environment(**changes: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("VX11", "TENTACULO"))},
        "TENTACULO_LISTEN": "127.0.0.1:0",
        "TENTACULO_ADMIN": "127.0.0.1:0",
        "OPERATOR_ADDRESS": free_address(),
        "FRONTEND_ADDRESS": free_address(),
        "MADRE_ADDRESS": free_address(),
        "SWITCH_ADDRESS": free_address(),
        "HERMES_ADDRESS": free_address(),
        **changes,
    }


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its process, what it said, and how a shell of its user answers."""

    process: asyncio.subprocess.Process
    welcome: str
    environ: Mapping[str, str]

    @property
    def commands(self) -> list[str]:
        """The commands that were shown."""
        return [line.strip() for line in self.welcome.splitlines() if line.startswith("  curl ")]

    async def paste(self, command: str) -> asyncio.subprocess.Process:
        """Run a command in a shell, in a process group of its own."""
        return await asyncio.create_subprocess_exec(
            *("sh", "-c", command),
            stdout=asyncio.subprocess.PIPE,
            env=self.environ,
            start_new_session=True,
        )

    async def stop(self, number: signal.Signals = signal.SIGINT) -> list[dict[str, object]]:
        """Stop the stack, and return its log events; fail on anything else that it said."""
        self.process.send_signal(number)
        stdout, stderr = await soon(self.process.communicate(), 20)
        assert (self.process.returncode, stderr) == (0, b"")
        return [json.loads(line) for line in stdout.splitlines()]


@asynccontextmanager
async def _running(*arguments: str, **changes: str) -> AsyncIterator[Stack]:
    environ = _environment(**changes)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.vx11", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ,
    )
    try:
        yield Stack(process, await _read_welcome(process), environ)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _read_welcome(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("  curl -N"):
        lines.append((await soon(process.stderr.readline(), 20)).decode())
        assert lines[-1], "".join(lines)
    await process.stderr.readline()
    return "".join(lines)


async def test_the_three_commands_work_when_pasted_and_nothing_leaks() -> None:
    """A call, a token, a stream that goes on; the log shows each and no token, and Ctrl-C ends all of it."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(_running())
        call, issue, watch = running.commands
        shown = re.search(r"this run: (\S+)", running.welcome)
        assert shown is not None

        output, _ = await soon((await running.paste(call)).communicate(), 20)
        assert json.loads(output)["rss_bytes"] > 0

        output, _ = await soon((await running.paste(issue)).communicate(), 20)
        token = json.loads(output)["sse_token"]
        assert uuid.UUID(token).version == 4

        watching = await running.paste(watch)
        stack.callback(_end_group, watching)
        assert watching.stdout is not None
        first, second = [await read_event(watching.stdout, "figures") for _ in range(2)]
        assert first.field("id") != second.field("id")

        log = await running.stop()
        await soon(watching.communicate())
    text = json.dumps(log)
    assert shown[1] not in text
    assert token not in text
    urls = [str(event["url"]) for event in log if "url" in event]
    assert "/operator/api/status" in urls
    assert "/operator/api/events/sse-token" in urls
    assert "/operator/api/events/stream?token=***" in urls


def _end_group(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)


async def test_events_outlive_the_process() -> None:
    """A command comes back on the stream, and again to whoever was away while the stack was restarted."""
    async with _running(VX11_TOKEN=TOKEN) as running, AsyncExitStack() as stack:
        watching = await running.paste(running.commands[2])
        stack.callback(_end_group, watching)
        assert watching.stdout is not None
        seen = await read_event(watching.stdout, "figures")
        call = running.commands[0].replace("/status", "/commands")
        posted = await running.paste(f"""{call} -H 'X-Correlation-Id: c-1' -d '{{"command": "stay"}}'""")
        answer = json.loads((await soon(posted.communicate(), 20))[0])
        event = await read_event(watching.stdout, "command")
        assert (event.data["event_id"], event.data["correlation_id"]) == (answer["event_id"], "c-1")
        await running.stop()
        await soon(watching.communicate())
    async with _running(VX11_TOKEN=TOKEN) as running, AsyncExitStack() as stack:
        resume = f"{running.commands[2]} -H 'Last-Event-ID: {seen.field('id')}'"
        watching = await running.paste(resume)
        stack.callback(_end_group, watching)
        assert watching.stdout is not None
        assert (await read_event(watching.stdout, "command")).data == event.data
        await running.stop()
        await soon(watching.communicate())


async def test_without_a_token_the_gateway_says_401() -> None:
    """The example's calls are behind the gateway's own check, and health is not."""
    async with _running() as running:
        unproved = re.sub(r'-H "[^"]*"', "", running.commands[0])
        output, _ = await soon((await running.paste(unproved)).communicate(), 20)
        assert json.loads(output)["status"] == 401
        health = re.sub(r"/operator/\S*", "/health", unproved)
        output, _ = await soon(
            (await running.paste(f"{health} -w '%{{http_code}}' -o /dev/null")).communicate(), 20
        )
        assert output == b"200"
        await running.stop(signal.SIGTERM)


async def test_the_panel_is_behind_the_gateway() -> None:
    """Its page comes from there, or word of how to build it; its URL is told where it is built."""
    async with _running() as running:
        shown = re.search(r"principal token: (http\S+)", running.welcome)
        assert (shown is not None) == is_built()
        url = re.sub(r"/operator/\S*", PANEL_PATH, running.commands[0]).split()[-1]
        assert shown is None or shown[1] == url
        output, _ = await soon((await running.paste(f"curl -s {url}")).communicate(), 20)
        assert (b"<title>Events" if is_built() else NOT_BUILT.encode()) in output
        await running.stop()


async def test_another_file_needs_no_panel(tmp_path: Path) -> None:
    """A configuration without an upstream `frontend` is served all the same."""
    text = CONFIG.read_text(encoding="utf-8")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("  frontend:"))
    file = tmp_path / "without.yaml"
    file.write_text(text.partition("  # The EventsPanel's files")[0])
    async with _running(str(file)) as running:
        assert "in a browser" not in running.welcome
        await running.stop()


async def test_a_token_of_the_users_own_is_not_shown() -> None:
    """The commands name the variable, and work where it is set."""
    async with _running(VX11_TOKEN=TOKEN) as running:
        assert TOKEN not in running.welcome
        output, _ = await soon((await running.paste(running.commands[0])).communicate(), 20)
        assert json.loads(output)["rss_bytes"] > 0
        await running.stop()


async def test_a_token_from_a_file_works_too(tmp_path: Path) -> None:
    """The commands read the file."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    async with _running(VX11_TOKEN_FILE=str(file)) as running:
        assert TOKEN not in running.welcome
        output, _ = await soon((await running.paste(running.commands[1])).communicate(), 20)
        assert json.loads(output)["ttl_sec"] == 60
        await running.stop()


@pytest.mark.parametrize(
    "name",
    [
        "TENTACULO_LISTEN",
        "TENTACULO_ADMIN",
        "MADRE_ADDRESS",
        "SWITCH_ADDRESS",
        "HERMES_ADDRESS",
        "OPERATOR_ADDRESS",
        "FRONTEND_ADDRESS",
    ],
)
def test_an_address_in_use_is_one_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the address and the variable to change, and the exit code is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(_environment(**{name: address})) == 1
    assert capsys.readouterr().err == f"{address} is already in use; set {name} to another address.\n"


def test_an_address_of_another_machine_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """An address that can't be had for another reason says which."""
    assert main(_environment(TENTACULO_LISTEN="192.0.2.1:8000")) == 1
    error = capsys.readouterr().err
    assert error.startswith("192.0.2.1:8000 can't be listened on (")
    assert error.count("\n") == 1


def test_one_address_for_two_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What only shows when the second listener starts stops the first one and exits 1."""
    address = free_address()
    assert main(_environment(TENTACULO_LISTEN=address, OPERATOR_ADDRESS=address)) == 1
    error = capsys.readouterr().err
    assert "The stack can't start: " in error
    assert "address already in use" in error.lower()
    assert error.count("\n") == 1


def test_a_token_that_is_too_short_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration's problem is shown without the token, and the exit code is 2."""
    assert main(_environment(VX11_TOKEN="sh0rt")) == 2
    error = capsys.readouterr().err
    assert "tentaculo.yaml" in error
    assert "sh0rt" not in error


def test_a_bad_option_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The variable is named, and the exit code is 2."""
    assert main(_environment(OPERATOR_SHORT_TOKENS="x")) == 2
    assert capsys.readouterr().err == "OPERATOR_SHORT_TOKENS must be a whole number of seconds, 1 to 60.\n"


def test_an_events_file_that_can_not_be_used_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, what had started is stopped, and the exit code is 1."""
    file = tmp_path / "notes.txt"
    file.write_text("no database" * 100)
    assert main(_environment(HERMES_DB=str(file))) == 1
    assert capsys.readouterr().err == f"The events' file {file} can't be used: file is not a database.\n"


def test_a_bad_address_of_a_service_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The variable is named, and the exit code is 2."""
    assert main(_environment(MADRE_ADDRESS="madre")) == 2
    assert capsys.readouterr().err.startswith("MADRE_ADDRESS must be an address with a port")


def test_another_file_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its problems are told instead of the default file's."""
    file = tmp_path / "other.yaml"
    file.write_text("routes: []")
    assert main(_environment(), [str(file)]) == 2
    assert str(file) in capsys.readouterr().err


def test_a_token_file_that_is_missing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what can't be read, and the exit code is 1."""
    assert main(_environment(VX11_TOKEN_FILE=str(tmp_path / "missing"))) == 1
    expected = "The file in VX11_TOKEN_FILE can't be read: No such file or directory.\n"
    assert capsys.readouterr().err == expected
