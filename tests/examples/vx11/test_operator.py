"""The operator backend over real connections: issuing, commands, figures; the stream has its own file."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import uuid
from pathlib import Path

import aiohttp
import pytest

from examples.vx11.admission import CREDENTIAL_HEADER
from examples.vx11.operator import (
    COMMANDS_PATH,
    HEALTH_PATH,
    IDEMPOTENCY_HEADER,
    ISSUE_PATH,
    SHORT_ISSUE_PATH,
    STREAM_PATH,
    OperatorOptions,
    main,
)
from tentaculo.access.memory_store import MemoryStore
from tentaculo.access.store import KEPT_SECONDS
from tests.examples.vx11.conftest import CREDENTIAL, FIGURES, TOKEN, AwayStore, RunningOperator, problem_of
from tests.examples.vx11.sse import read_block, read_event
from tests.fakes.gates import soon


async def _command(operator: RunningOperator, command: str, key: str | None) -> tuple[int, str]:
    headers = {} if key is None else {IDEMPOTENCY_HEADER: key}
    body = {"command": command}
    async with operator.session.post(operator.url(COMMANDS_PATH), json=body, headers=headers) as response:
        return response.status, (await response.json())["event_id"]


class TestIssue:
    """POST on the issue path."""

    async def test_the_principal_gets_a_token(self, operator: RunningOperator) -> None:
        """The answer is a UUID, its seconds and the path to use it on, and is never cached."""
        async with operator.session.post(operator.url(ISSUE_PATH), headers=CREDENTIAL) as response:
            body = await response.json()
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert uuid.UUID(body.pop("sse_token")).version == 4
        assert body == {"ttl_sec": 60, "endpoint": "/operator/api/events/stream"}

    @pytest.mark.parametrize(
        ("headers", "outcome"),
        [
            pytest.param([], (401, "unauthorized"), id="none"),
            pytest.param([(CREDENTIAL_HEADER, "")], (401, "unauthorized"), id="empty"),
            pytest.param([(CREDENTIAL_HEADER, "made-up-principal")], (401, "unauthorized"), id="made-up"),
            pytest.param([(CREDENTIAL_HEADER, "ñandú")], (401, "unauthorized"), id="not-ascii"),
            pytest.param([("Authorization", f"Bearer {TOKEN}")], (401, "unauthorized"), id="elsewhere"),
            pytest.param([(CREDENTIAL_HEADER, TOKEN)] * 2, (400, "ambiguous_credential"), id="two"),
        ],
    )
    async def test_nobody_else_gets_one(
        self, operator: RunningOperator, headers: list[tuple[str, str]], outcome: tuple[int, str]
    ) -> None:
        """Without exactly the principal token there is no token, and no store entry."""
        async with operator.session.post(operator.url(ISSUE_PATH), headers=headers) as response:
            assert await problem_of(response) == outcome
        assert (await operator.status())["ephemeral_tokens"] == 0

    async def test_an_ephemeral_token_issues_none(self, operator: RunningOperator) -> None:
        """A token for streams is no principal."""
        headers = {CREDENTIAL_HEADER: await operator.issue()}
        async with operator.session.post(operator.url(ISSUE_PATH), headers=headers) as response:
            assert response.status == 401

    @pytest.mark.parametrize("store", [AwayStore(), MemoryStore(max_tokens=0)], ids=["away", "full"])
    async def test_a_failed_store_is_an_error(self, operator: RunningOperator) -> None:
        """A store that can't keep a token yields 503 and not a dead token."""
        async with operator.session.post(operator.url(ISSUE_PATH), headers=CREDENTIAL) as response:
            assert await problem_of(response) == (503, "token_store_unavailable")
            assert response.headers["Retry-After"] == "1"


class TestCommands:
    """POST on the commands path."""

    async def test_a_command_becomes_an_event(self, operator: RunningOperator) -> None:
        """It is accepted, and the stream shows it whole, under the same ids."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        command = {"command": "restart ñ", "target": {"service": "hermes"}}
        headers = {"X-Correlation-Id": "order-66"}
        async with operator.session.post(
            operator.url(COMMANDS_PATH), json=command, headers=headers
        ) as response:
            body = await response.json()
        assert (response.status, response.headers["X-Correlation-Id"]) == (202, "order-66")
        event = (await read_event(stream.content, "command")).data
        created_at = event.pop("created_at")
        assert created_at.endswith("Z")
        assert event == {
            "event_id": body["event_id"],
            "event_type": "command",
            "summary": "command: restart ñ",
            "module": "operator",
            "severity": "info",
            "correlation_id": "order-66",
            "payload": command,
        }

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b'{"command": "x"', id="cut"),
            pytest.param(b'{"command": "x", "n": NaN}', id="not-a-number"),
            pytest.param(b'{"command": "\xff"}', id="not-utf-8"),
            pytest.param(b'{"command": "\\ud800"}', id="half-a-surrogate"),
            pytest.param(b'{"command": "x", "n": ' + b"[" * 300 + b"]" * 300 + b"}", id="deep"),
            pytest.param(b'{"command": "x", "n": ' + b"[" * 30_000, id="very-deep"),
            pytest.param(b'["command"]', id="list"),
            pytest.param(b"{}", id="no-command"),
            pytest.param(b'{"command": 1}', id="number"),
            pytest.param(b'{"command": ""}', id="empty-command"),
            pytest.param(b'{"command": "' + b"x" * 201 + b'"}', id="long-command"),
        ],
    )
    async def test_a_bad_body_is_refused(self, operator: RunningOperator, body: bytes) -> None:
        """It is answered 400 and becomes no event."""
        before = operator.feed.event_count
        async with operator.session.post(operator.url(COMMANDS_PATH), data=body) as response:
            assert await problem_of(response) == (400, "bad_request")
        assert operator.feed.event_count == before

    @pytest.mark.parametrize("key", ["k", '!~"{};,=', "x" * 128], ids=["short", "signs", "long"])
    async def test_a_repeated_call_is_one_command(self, operator: RunningOperator, key: str) -> None:
        """Under the same key there is one event, whose id is the key; without one, each call is its own."""
        stream = await operator.open(await operator.issue())
        answers = [await _command(operator, command, key) for command in "aab"]
        assert answers == [(202, key)] * 3
        _, other = await _command(operator, "c", None)
        events = [(await read_event(stream.content, "command")).data for _ in range(2)]
        assert [(event["event_id"], event["summary"]) for event in events] == [
            (key, "command: a"),
            (other, "command: c"),
        ]

    @pytest.mark.parametrize(
        "keys",
        [[""], ["a b"], ["x" * 129], ["\xf1"], ["a", "b"]],
        ids=["empty", "space", "long", "byte", "two"],
    )
    async def test_a_bad_key_is_refused(self, operator: RunningOperator, keys: list[str]) -> None:
        """It is answered 400 and no event."""
        before = operator.feed.event_count
        headers = [(IDEMPOTENCY_HEADER, key) for key in keys]
        async with operator.session.post(
            operator.url(COMMANDS_PATH), json={"command": "x"}, headers=headers
        ) as response:
            assert await problem_of(response) == (400, "bad_request")
        assert operator.feed.event_count == before

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=3600, body_limit=100)], ids=["small"])
    @pytest.mark.parametrize(("size", "status"), [(100, 202), (101, 413)], ids=["at-the-bound", "above"])
    async def test_the_body_is_bounded(self, operator: RunningOperator, size: int, status: int) -> None:
        """A body at the bound passes and one above it does not."""
        body = b'{"command": "x"}'.ljust(size)
        async with operator.session.post(operator.url(COMMANDS_PATH), data=body) as response:
            assert response.status == status
            if status == 413:
                assert await problem_of(response) == (413, "body_too_large")


class TestFigures:
    """Health and status."""

    async def test_health_needs_no_token(self, operator: RunningOperator) -> None:
        """Anyone may ask whether it serves."""
        async with operator.session.get(operator.url(HEALTH_PATH)) as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})

    async def test_status_counts_what_there_is(self, operator: RunningOperator) -> None:
        """Streams, events, tokens and uptime are those of this moment."""
        before = await operator.status()
        assert before.keys() == FIGURES
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        operator.feed.publish("test", "", {})
        operator.clock.advance(5)
        after = await operator.status()
        assert [after[name] - before[name] for name in ("open_streams", "events", "ephemeral_tokens")] == [
            1,
            1,
            1,
        ]
        assert after["uptime_seconds"] == 5

    async def test_sampling_lets_expired_tokens_go(
        self, operator: RunningOperator, store: MemoryStore
    ) -> None:
        """Tokens that nobody reads leave the store by time."""
        await operator.issue()
        operator.clock.advance(60 + KEPT_SECONDS)
        assert len(store) == 1
        await operator.backend.sample()
        assert len(store) == 0

    async def test_an_expired_token_counts_no_more(self, operator: RunningOperator) -> None:
        """Status tells the tokens that can still open the stream."""
        await operator.issue()
        operator.clock.advance(59.9)
        assert (await operator.status())["ephemeral_tokens"] == 1
        operator.clock.advance(0.1)
        assert (await operator.status())["ephemeral_tokens"] == 0

    @pytest.mark.parametrize("store", [AwayStore()], ids=["away"])
    async def test_figures_come_without_a_store(self, operator: RunningOperator) -> None:
        """A store that can't count leaves its figure out, and sampling goes on."""
        before = await operator.status()
        assert before["ephemeral_tokens"] is None
        await operator.backend.sample()
        assert (await operator.status())["events"] == before["events"] + 1


class TestShortTokens:
    """The issue path whose tokens soon expire."""

    async def test_it_is_off_by_default(self, operator: RunningOperator) -> None:
        """Nobody gets a token there unless the backend was told to."""
        async with operator.session.post(operator.url(SHORT_ISSUE_PATH), headers=CREDENTIAL) as response:
            assert await problem_of(response) == (404, "not_found")

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=3600, short_lifetime=1)], ids=["on"])
    async def test_its_tokens_live_as_long_as_they_say(self, operator: RunningOperator) -> None:
        """They open the stream within their second, and not after; the other path's go on."""
        async with operator.session.post(operator.url(SHORT_ISSUE_PATH), headers=CREDENTIAL) as response:
            body = await response.json()
        long = await operator.issue()
        assert (body["ttl_sec"], body["endpoint"]) == (1, STREAM_PATH)
        operator.clock.advance(0.9)
        async with await operator.open(body["sse_token"]) as stream:
            assert stream.status == 200
        operator.clock.advance(0.1)
        async with await operator.open(body["sse_token"]) as refused:
            assert await problem_of(refused) == (401, "unauthorized")
        async with await operator.open(long) as stream:
            assert stream.status == 200

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=3600, short_lifetime=1)], ids=["on"])
    async def test_it_demands_the_principal_too(self, operator: RunningOperator) -> None:
        """It is no way around the principal token."""
        async with operator.session.post(operator.url(SHORT_ISSUE_PATH)) as response:
            assert await problem_of(response) == (401, "unauthorized")

    @pytest.mark.parametrize("text", ["0", "61", "1.5", "-1", "x"])
    def test_a_bad_life_is_one_sentence(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        """It says which numbers there may be, and the exit code is 2."""
        assert main([], {"VX11_TOKEN": TOKEN, "OPERATOR_SHORT_TOKENS": text}) == 2
        error = capsys.readouterr().err
        assert error == "OPERATOR_SHORT_TOKENS must be a whole number of seconds, 1 to 60.\n"


class TestAlone:
    """`python -m examples.vx11.operator`."""

    async def test_it_runs_alone_until_a_signal(self, tmp_path: Path) -> None:
        """It takes its token from a file, names its address, serves, shows no secret and exits 0."""
        file = tmp_path / "token"
        file.write_text(TOKEN)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.vx11.operator", "--port", "0"),
            env={**os.environ, "VX11_TOKEN": "", "VX11_TOKEN_FILE": str(file)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        line = (await soon(process.stderr.readline(), 20)).decode()
        address = line.split()[-1].rstrip(".")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"http://{address}{ISSUE_PATH}", headers=CREDENTIAL) as response:
                token = (await response.json())["sse_token"]
            url, headers = f"http://{address}{STREAM_PATH}?token={token}", {"Last-Event-ID": "unknown"}
            async with session.get(url, headers=headers) as stream:
                await read_event(stream.content, "figures")
                process.send_signal(signal.SIGINT)
                stdout, stderr = await soon(process.communicate(), 20)
        assert process.returncode == 0
        assert (stdout, stderr) == (b"", b"")

    def test_it_needs_a_principal_token(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Without one it says what to set and exits 2."""
        assert main([], {}) == 2
        assert "VX11_TOKEN" in capsys.readouterr().err

    def test_a_port_in_use_is_one_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It says that the address is in use and exits 1."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert main(["--port", str(taken.getsockname()[1])], {"VX11_TOKEN": TOKEN}) == 1
        error = capsys.readouterr().err
        assert "address already in use" in error
        assert error.count("\n") == 1
