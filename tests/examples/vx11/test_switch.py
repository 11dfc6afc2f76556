"""The switch over a real madre: where messages go, and that none is lost on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.vx11.madre import BODY_LIMIT
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.rules import Rules
from examples.vx11.service import Service
from examples.vx11.switch import build_switch, main
from tests.examples.vx11.madre_bench import RunningMadre
from tests.examples.vx11.switch_bench import RULES, arrived, running_switch, settled
from tests.fakes.gates import soon


@pytest.fixture
async def switch(madre: RunningMadre, rules: Rules) -> AsyncIterator[str]:
    """A running switch; this is its URL."""
    async with running_switch(rules, madre) as url:
        yield url


async def _get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        return await response.json()


class TestRouting:
    """Where messages go."""

    async def test_a_message_goes_where_its_rule_says(
        self, madre: RunningMadre, bus: MemoryBus, switch: str
    ) -> None:
        """With the fields that the rule sets; its event id and its correlation id stay."""
        body = {"event_id": "e-1", "kind": "plain", "n": [1]}
        await madre.publish(body, **{"X-Correlation-Id": "order-66"})
        (message,) = await arrived(madre, "b")
        assert message["body"] == body | {"module": "switch", "kind": "set"}
        assert message["correlation_id"] == "order-66"
        await settled(bus)

    async def test_a_message_may_go_to_several_topics(self, madre: RunningMadre, switch: str) -> None:
        """As the same event."""
        await madre.publish({"event_id": "e-1", "kind": "both"})
        for topic in ("b", "c"):
            (message,) = await arrived(madre, topic)
            assert message["body"] == {"event_id": "e-1", "kind": "both"}

    @pytest.mark.parametrize(
        "body", [{}, {"event_id": ""}, {"event_id": None}], ids=["none", "empty", "null"]
    )
    async def test_a_message_without_an_id_gets_its_own(
        self, madre: RunningMadre, switch: str, body: dict[str, object]
    ) -> None:
        """The one that it would get again."""
        message_id = await madre.publish({"kind": "both", **body})
        ids = [(await arrived(madre, topic))[0]["body"]["event_id"] for topic in ("b", "c")]
        assert ids == [f"a:{message_id}"] * 2

    async def test_order_is_kept(self, madre: RunningMadre, switch: str) -> None:
        """Messages of one topic arrive as they were published."""
        for number in range(50):
            await madre.publish({"kind": "plain", "n": number})
        numbers: list[int] = []
        while len(numbers) < 50:
            numbers += [message["body"]["n"] for message in await arrived(madre, "b")]
        assert numbers == list(range(50))

    async def test_what_no_rule_fits_is_a_dead_letter(
        self, madre: RunningMadre, bus: MemoryBus, switch: str
    ) -> None:
        """Whole, with the reason and where it came from; it is acknowledged like any other."""
        message_id = await madre.publish({"event_id": "e-1", "kind": "other"}, **{"X-Correlation-Id": "c-1"})
        (letter,) = await arrived(madre, "dead-letter")
        assert letter["body"] == {
            "event_id": "e-1",
            "reason": "no rule fits it",
            "topic": "a",
            "message_id": message_id,
            "body": {"event_id": "e-1", "kind": "other"},
        }
        assert letter["correlation_id"] == "c-1"
        await settled(bus)

    async def test_what_madre_refuses_is_a_dead_letter(
        self, madre: RunningMadre, bus: MemoryBus, switch: str
    ) -> None:
        """Without its body where that made it too large; those behind it are not held up."""
        large = {"event_id": "e-1", "kind": "plain", "text": ""}
        large["text"] = "x" * (BODY_LIMIT - len(json.dumps(large)))
        await madre.publish(large)
        await madre.publish({"kind": "plain"})
        (letter,) = await arrived(madre, "dead-letter")
        assert letter["body"]["reason"] == "madre refused it: 413 body_too_large"
        assert (letter["body"]["event_id"], letter["body"].keys() & {"body"}) == ("e-1", set())
        assert len(await arrived(madre, "b")) == 1
        await settled(bus)
        counts = await _get(f"{switch}/switch/counts")
        assert [counts[kind] for kind in ("taken", "routed", "refused", "lost")] == [2, 1, 1, 0]


class TestFigures:
    """Health, rules and counts."""

    async def test_health_is_the_processs_own(self, switch: str) -> None:
        """Anyone may ask whether it serves."""
        assert await _get(f"{switch}/health") == {"status": "ok"}

    async def test_the_rules_are_shown_as_they_are_in_force(self, switch: str) -> None:
        """With what was left out."""
        rules = await _get(f"{switch}/switch/rules")
        assert rules == {
            "all": False,
            "rules": [
                {
                    "from": "a",
                    "when": {"kind": ["plain"]},
                    "to": ["b"],
                    "set": {"module": "switch", "kind": "set"},
                },
                {"from": "a", "when": {"kind": ["both"]}, "to": ["b", "c"], "set": {}},
            ],
        }

    async def test_what_was_done_is_counted(self, madre: RunningMadre, bus: MemoryBus, switch: str) -> None:
        """By kind, by rule and by target."""
        for kind in ("both", "other", "plain", "both"):
            await madre.publish({"kind": kind})
        await settled(bus)
        assert await _get(f"{switch}/switch/counts") == {
            "taken": 4,
            "routed": 3,
            "unroutable": 1,
            "refused": 0,
            "lost": 0,
            "rules": [1, 2],
            "topics": {"b": 3, "c": 2, "dead-letter": 1},
        }


class TestAlone:
    """`python -m examples.vx11.switch`."""

    async def test_it_runs_alone_until_a_signal(self, madre: RunningMadre, tmp_path: Path) -> None:
        """It finds madre and its rules, routes, serves and exits 0."""
        file = tmp_path / "rules.yaml"
        file.write_text(RULES)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.vx11.switch", "--port", "0"),
            env={**os.environ, "MADRE_URL": madre.base, "SWITCH_RULES": str(file)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        address = (await soon(process.stderr.readline(), 20)).decode().split()[-1].rstrip(".")
        await madre.publish({"event_id": "e-1", "kind": "plain"})
        assert [message["body"]["event_id"] for message in await arrived(madre, "b")] == ["e-1"]
        assert await _get(f"http://{address}/health") == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        stdout, stderr = await soon(process.communicate(), 20)
        assert (process.returncode, stdout, stderr) == (0, b"", b"")

    async def test_commands_and_figures_become_events(self, madre: RunningMadre) -> None:
        """By the rules that the switch has by itself."""
        service = Service(build_switch(madre.base).app(), "127.0.0.1", 0)
        await service.start()
        types = []
        for topic in ("operator.commands", "operator.figures"):
            await madre.publish({"event_id": topic, "payload": {"command": "x"}}, topic=topic)
            (message,) = await arrived(madre, "events")
            types.append((message["body"]["event_id"], message["body"]["event_type"]))
            assert (message["body"]["module"], message["body"]["payload"]) == ("operator", {"command": "x"})
        assert types == [("operator.commands", "command"), ("operator.figures", "figures")]
        await service.stop()

    def test_bad_rules_are_told_all_at_once(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """A sentence each, and the exit code is 2."""
        file = tmp_path / "rules.yaml"
        file.write_text("rules: [{from: 1, to: b}, 2]")
        assert main([], {"SWITCH_RULES": str(file)}) == 2
        assert capsys.readouterr().err.splitlines() == [
            "rules.yaml: rules[0].from: this must be the name of a topic other than dead-letter",
            "rules.yaml: rules[1]: this must be a mapping",
        ]

    def test_rules_that_cannot_be_read_are_one_sentence(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """It says why and exits 1."""
        assert main([], {"SWITCH_RULES": str(tmp_path / "none")}) == 1
        error = "The file in SWITCH_RULES can't be read: No such file or directory.\n"
        assert capsys.readouterr().err == error

    def test_a_port_in_use_is_one_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It says that the address is in use and exits 1."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert main(["--port", str(taken.getsockname()[1])], {"MADRE_URL": "http://127.0.0.1:1"}) == 1
        error = capsys.readouterr().err
        assert error.startswith("The switch can't listen: ")
        assert "address already in use" in error
