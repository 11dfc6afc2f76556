"""A load against the running system: its report, its restarts, its end, and its command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.vx11.load import Load, LoadOptions, Say, is_good, main
from examples.vx11.load_target import Target
from tests.examples.vx11.flow_scene import MODES, TOKEN, Flow
from tests.examples.vx11.sse import read_event
from tests.fakes.gates import Gates, soon
from tests.fakes.ports import free_port

# Asks the test, which has the services, to restart one, and waits until it has.
RESTART = (
    "import socket, sys; asked = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
    " asked.sendall(sys.argv[2].encode() + bytes([10])); sys.exit(asked.recv(9) != b'done')"
)


def _base(flow: Flow) -> str:
    return f"http://127.0.0.1:{flow.gateway.port}"


async def _run(options: LoadOptions, say: Say = lambda line: None) -> dict[str, Any]:
    async with Target(options.base_url, TOKEN, options.mode) as target:
        load = Load(target, options, say)
        return await soon(load.run(asyncio.Event()), 60)


def _asking(server: asyncio.Server) -> str:
    return f'{sys.executable} -c "{RESTART}" {server.sockets[0].getsockname()[1]} {{service}}'


async def _restarting(flow: Flow, *names: str) -> asyncio.Server:
    """Restart each of the services when it is asked for the first time."""
    left = set(names)

    async def restart(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        if name in left:
            left.remove(name)
            await flow.take_away(name)
            await flow.bring(name)
        writer.write(b"done")
        writer.close()

    return await asyncio.start_server(restart, "127.0.0.1", 0)


@pytest.mark.parametrize("mode", MODES)
async def test_every_panel_gets_every_event_once(flow: Flow, mode: str) -> None:
    """Panels that are opened anew too; the report says what was done."""
    await flow.say("before")
    report = await _run(
        LoadOptions(base_url=_base(flow), mode=mode, seconds=1, panels=4, commands=30, renew_every=0.4)
    )
    accepted = report["commands_accepted"]
    assert accepted > 10
    assert report["answers"]["calls"] == {"202": accepted}
    tokens, streams = report["answers"]["tokens"], report["answers"]["streams"]
    assert [*tokens] == [*streams] == ["200"]
    # Each of the two panels that are renewed may just have its token when the load ends.
    assert tokens["200"] - streams["200"] in (0, 1, 2)
    assert (report["expected"], report["received_minimum"], report["received_maximum"]) == (accepted,) * 3
    assert (report["lost"], report["repeated"], report["out_of_order"]) == (0, 0, 0)
    assert report["renewals"] > 0
    assert 0 < report["longest_silence_ms"] < 60_000
    assert (report["mode"], report["panels"], report["interrupted"]) == (mode, 4, False)
    assert report["seconds"] >= 1
    assert report["restarts"] == []
    assert is_good(report)


async def test_restarts_lose_and_repeat_nothing(flow: Flow) -> None:
    """Of the services behind the gateway, one after another, while commands are sent."""
    services = ("switch", "hermes", "operator")
    async with await _restarting(flow, *services) as server:
        report = await _run(
            LoadOptions(
                base_url=_base(flow),
                seconds=3,
                panels=3,
                commands=30,
                restart_every=0.1,
                restart=_asking(server),
                services=services,
            )
        )
    assert {(one["service"], one["exit_code"]) for one in report["restarts"]} == {
        (name, 0) for name in services
    }
    assert report["reconnects"] > 0
    assert (report["lost"], report["repeated"], report["out_of_order"]) == (0, 0, 0)
    assert is_good(report)


async def test_the_end_waits_for_what_is_on_its_way(flow: Flow) -> None:
    """For the restart that was begun, and for the events that it held up."""
    gates = Gates()

    async def restart(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await flow.take_away("switch")
        await gates.passed("waiting for the last commands and events")
        await flow.bring("switch")
        writer.write(b"done")
        writer.close()

    async with await asyncio.start_server(restart, "127.0.0.1", 0) as server:
        command = _asking(server)
        report = await _run(
            LoadOptions(
                base_url=_base(flow),
                seconds=1,
                panels=2,
                commands=20,
                restart_every=0.01,
                restart=command,
                services=("switch",),
            ),
            gates.open,
        )
    assert [(one["service"], one["exit_code"]) for one in report["restarts"]] == [("switch", 0)]
    assert report["commands_accepted"] > 0
    assert is_good(report)


async def test_what_never_comes_is_lost(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that are accepted and find no way are told of, when they were waited for long enough."""
    monkeypatch.setattr("examples.vx11.load.QUIET_SECONDS", 0.5)
    await flow.take_away("switch")
    report = await _run(LoadOptions(base_url=_base(flow), seconds=0.2, panels=2, commands=10))
    assert report["commands_accepted"] > 0
    assert report["lost"] == 2 * report["expected"] == 2 * report["commands_accepted"]
    assert not is_good(report)


@pytest.mark.parametrize(
    ("changes", "good"),
    [({}, True), ({"lost": 1}, False), ({"repeated": 1}, False), ({"commands_accepted": 0}, False)],
    ids=["all-came", "lost", "repeated", "nothing-sent"],
)
def test_a_run_is_good_where_all_came_once(changes: dict[str, int], good: bool) -> None:
    """And something was sent at all."""
    assert is_good({"commands_accepted": 1, "lost": 0, "repeated": 0} | changes) is good


class TestCommandLine:
    """`python -m examples.vx11.load`."""

    async def test_an_interrupt_ends_it_with_the_report_so_far(self, flow: Flow, tmp_path: Path) -> None:
        """One JSON object on stdout, progress on stderr, and the token nowhere."""
        file = tmp_path / "token"
        file.write_text(TOKEN)
        environ = {name: value for name, value in os.environ.items() if name != "VX11_TOKEN"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.vx11.load", "--base-url", _base(flow)),
            *("--seconds", "3600", "--commands", "20", "--panels", "2"),
            env={**environ, "VX11_TOKEN_FILE": str(file)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        stream = await flow.open("gateway")
        first = await soon(process.stderr.readline(), 30)
        await read_event(stream.content, "command")
        process.send_signal(signal.SIGINT)
        stdout, stderr = await soon(process.communicate(), 30)
        report = json.loads(stdout)
        assert first == b"2 of 2 panels are open\n"
        assert report["interrupted"]
        assert report["commands_accepted"] > 0
        assert process.returncode == (0 if is_good(report) else 1)
        assert TOKEN.encode() not in stdout + first + stderr

    def test_a_load_that_reaches_nothing_fails(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says so in its report, and exits 1."""
        monkeypatch.setattr("examples.vx11.load.OPENING_SECONDS", 0.1)
        monkeypatch.setattr("examples.vx11.load.QUIET_SECONDS", 0.1)
        base = f"http://127.0.0.1:{free_port()}"
        assert main(["--base-url", base, "--seconds", "0.1"], {"VX11_TOKEN": TOKEN}) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["commands_accepted"] == 0
        assert report["answers"]["calls"].keys() == report["answers"]["tokens"].keys() == {"failed"}

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.org",
            "http://192.0.2.1:8000",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:8000",
            "ftp://127.0.0.1",
            "http://user:planted@127.0.0.1:8000",
            "http://127.0.0.1:8000/?token=planted",
            "http://127.0.0.1:x",
            "127.0.0.1:8000",
            "",
        ],
    )
    def test_only_this_machine_is_loaded(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Another address is refused with a sentence that does not quote it."""
        assert main(["--base-url", url], {"VX11_TOKEN": TOKEN}) == 2
        output = capsys.readouterr()
        assert output.err == "--base-url must be of this machine, such as http://127.0.0.1:8000.\n"
        assert output.out == ""

    @pytest.mark.parametrize("url", ["http://localhost:1", "https://127.0.0.2", "http://[::1]:8000/"])
    def test_each_address_of_this_machine_may_be(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        """By whatever name; here it is the token that is missing."""
        assert main(["--base-url", url], {}) == 2
        assert capsys.readouterr().err == "Set VX11_TOKEN or VX11_TOKEN_FILE to the principal token.\n"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--seconds", "0"], "--seconds must be more than 0 to 86400."),
            (["--seconds", "nan"], "--seconds must be more than 0 to 86400."),
            (["--panels", "1001"], "--panels must be more than 0 to 1000."),
            (["--commands", "-1"], "--commands must be more than 0 to 1000."),
            (["--renew-every", "-1"], "--renew-every must be 0 to 86400."),
            (["--restart-every", "inf"], "--restart-every must be 0 to 86400."),
            (["--restart-every", "1"], "--restart must be a command with {service} in it"),
            (
                ["--restart-every", "1", "--restart", "true {service}", "--services", ","],
                "--services must name a service.",
            ),
        ],
    )
    def test_a_bad_option_is_one_sentence(
        self, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And the exit code is 2."""
        assert main(arguments, {"VX11_TOKEN": TOKEN}) == 2
        error = capsys.readouterr().err
        assert error.startswith(sentence)
        assert error.count("\n") == 1

    def test_a_token_file_that_can_not_be_read_is_one_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It says why."""
        assert main([], {"VX11_TOKEN_FILE": str(tmp_path / "none")}) == 2
        error = "The file in VX11_TOKEN_FILE can't be read: No such file or directory.\n"
        assert capsys.readouterr().err == error
