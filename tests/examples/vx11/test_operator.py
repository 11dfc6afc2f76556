"""The operator backend over real connections: tokens, the stream, commands, figures."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from examples.vx11.operator import (
    COMMANDS_PATH,
    CREDENTIAL_HEADER,
    HEALTH_PATH,
    ISSUE_PATH,
    STREAM_PATH,
    OperatorOptions,
    main,
)
from examples.vx11.tokens import EphemeralTokens, TokenStoreUnavailable
from tests.examples.vx11.conftest import CREDENTIAL, TOKEN, RunningOperator
from tests.examples.vx11.sse import read_block, read_event
from tests.fakes.gates import eventually, soon

FIGURES = {"cpu_seconds", "rss_bytes", "uptime_seconds", "open_streams", "events", "ephemeral_tokens"}


class BrokenTokens(EphemeralTokens):
    """A store that is away."""

    def issue(self) -> str:
        raise TokenStoreUnavailable

    def redeem(self, token: str) -> bool:
        raise TokenStoreUnavailable


async def _problem(response: aiohttp.ClientResponse) -> tuple[int, str]:
    assert response.content_type == "application/problem+json"
    body = json.loads(await response.text())
    assert body["status"] == response.status
    return response.status, body["code"]


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
            assert await _problem(response) == outcome
        assert (await operator.status())["ephemeral_tokens"] == 0

    async def test_an_ephemeral_token_issues_none(self, operator: RunningOperator) -> None:
        """A token for streams is no principal."""
        headers = {CREDENTIAL_HEADER: await operator.issue()}
        async with operator.session.post(operator.url(ISSUE_PATH), headers=headers) as response:
            assert response.status == 401

    @pytest.mark.parametrize("tokens", [BrokenTokens(), EphemeralTokens(limit=0)], ids=["away", "full"])
    async def test_a_failed_store_is_an_error(self, operator: RunningOperator) -> None:
        """A store that can't keep a token yields 503 and not a dead token."""
        async with operator.session.post(operator.url(ISSUE_PATH), headers=CREDENTIAL) as response:
            assert await _problem(response) == (503, "token_store_unavailable")
            assert response.headers["Retry-After"] == "1"


class TestStreamAccess:
    """Who may open the stream."""

    async def test_an_issued_token_opens_it(self, operator: RunningOperator) -> None:
        """The answer is an event stream that nobody may cache or buffer."""
        stream = await operator.open(await operator.issue())
        assert stream.status == 200
        assert stream.content_type == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert "X-Correlation-Id" in stream.headers

    async def test_the_principal_token_opens_it_in_the_header_only(self, operator: RunningOperator) -> None:
        """The header is good; the same token in the URL is not."""
        async with operator.session.get(operator.url(STREAM_PATH), headers=CREDENTIAL) as stream:
            assert stream.status == 200
        async with await operator.open(TOKEN) as refused:
            assert await _problem(refused) == (401, "unauthorized")

    @pytest.mark.parametrize(
        ("query", "headers", "outcome"),
        [
            pytest.param("", {}, (401, "unauthorized"), id="none"),
            pytest.param("?token=", {}, (401, "unauthorized"), id="empty"),
            pytest.param(f"?token={uuid.uuid4()}", {}, (401, "unauthorized"), id="made-up"),
            pytest.param("?token=%ff%00", {}, (401, "unauthorized"), id="not-utf-8"),
            pytest.param("?Token={token}", {}, (401, "unauthorized"), id="another-name"),
            pytest.param("", {CREDENTIAL_HEADER: "{token}"}, (401, "unauthorized"), id="in-the-header"),
            pytest.param("?token={token}&token={token}", {}, (400, "ambiguous_credential"), id="twice"),
            pytest.param("?token={token}", CREDENTIAL, (400, "ambiguous_credential"), id="both-ways"),
        ],
    )
    async def test_nothing_else_opens_it(
        self, operator: RunningOperator, query: str, headers: Mapping[str, str], outcome: tuple[int, str]
    ) -> None:
        """Exactly one credential, in its own place, or a refusal."""
        token = await operator.issue()
        url = operator.url(STREAM_PATH) + query.format(token=token)
        fields = {name: value.format(token=token) for name, value in headers.items()}
        async with operator.session.get(url, headers=fields) as response:
            assert await _problem(response) == outcome

    async def test_a_token_opens_it_until_it_expires(self, operator: RunningOperator) -> None:
        """It is good just before its sixty seconds are over, and not after."""
        token = await operator.issue()
        operator.clock.advance(59.9)
        async with await operator.open(token) as stream:
            assert stream.status == 200
        operator.clock.advance(0.1)
        async with await operator.open(token) as refused:
            assert await _problem(refused) == (401, "unauthorized")

    @pytest.mark.parametrize("tokens", [BrokenTokens()], ids=["away"])
    async def test_a_failed_store_refuses_nobody_for_good(self, operator: RunningOperator) -> None:
        """A store that can't answer yields 503 and not 401."""
        async with await operator.open(str(uuid.uuid4())) as response:
            assert await _problem(response) == (503, "token_store_unavailable")

    @pytest.mark.parametrize("method", ["HEAD", "POST"])
    async def test_only_get_opens_it(self, operator: RunningOperator, method: str) -> None:
        """Another method is refused, with the one that is taken."""
        async with operator.session.request(
            method, operator.url(STREAM_PATH), headers=CREDENTIAL
        ) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "GET"


class TestStream:
    """What an open stream carries, and how it ends."""

    async def test_it_begins_with_the_retry_time(self, operator: RunningOperator) -> None:
        """The first block comes at once and tells the client when to come back."""
        stream = await operator.open(await operator.issue())
        block = await read_block(stream.content)
        assert block is not None
        assert block.lines == ["retry: 10000"]

    async def test_it_carries_the_process_figures(self, operator: RunningOperator) -> None:
        """A sample arrives as an event with an id and real figures."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        operator.backend.sample()
        event = await read_event(stream.content)
        assert event.field("id") == event.data["event_id"]
        assert (event.data["event_type"], event.data["severity"]) == ("figures", "info")
        assert event.data["payload"].keys() == FIGURES
        assert event.data["payload"]["open_streams"] == 1
        assert event.data["payload"]["rss_bytes"] > 1024 * 1024

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=0.01)], ids=["often"])
    async def test_figures_come_by_themselves(self, operator: RunningOperator) -> None:
        """Sampling goes on for as long as the backend runs."""
        stream = await operator.open(await operator.issue())
        async with asyncio.timeout(3):  # the default would take four
            counts = [(await read_event(stream.content)).data["payload"]["events"] for _ in range(3)]
        assert counts == list(range(counts[0], counts[0] + 3))

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=3600, heartbeat=0.01)], ids=["often"])
    async def test_heartbeats_come_when_nothing_else_does(self, operator: RunningOperator) -> None:
        """An idle stream beats with comments."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        beats = [await read_block(stream.content) for _ in range(2)]
        assert [beat.lines[0][0] for beat in beats if beat] == [":", ":"]

    def test_the_defaults_are_those_of_the_system(self) -> None:
        """Heartbeats every 15 seconds, figures every 2, reconnection after 10."""
        options = OperatorOptions()
        assert (options.heartbeat, options.sample_every, options.retry_ms) == (15, 2, 10_000)

    async def test_it_resumes_after_the_last_event(self, operator: RunningOperator) -> None:
        """A client that comes back with its last id gets what it missed, once and in order."""
        token = await operator.issue()
        ids = [operator.feed.publish("test", str(number), {}).event_id for number in range(4)]
        stream = await operator.open(token, **{"Last-Event-ID": ids[1]})
        operator.feed.publish("test", "new", {})
        events = [await read_event(stream.content) for _ in range(3)]
        assert [event.data["summary"] for event in events] == ["2", "3", "new"]

    async def test_it_outlives_its_token(self, operator: RunningOperator) -> None:
        """The token's life is not the stream's."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        operator.clock.advance(61)
        operator.backend.sample()
        assert (await read_event(stream.content)).data["payload"]["ephemeral_tokens"] == 0

    async def test_a_client_that_leaves_is_let_go(self, operator: RunningOperator) -> None:
        """Its stream no longer counts and is no longer fed."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        assert (await operator.status())["open_streams"] == 1
        stream.close()
        await eventually(lambda: operator.feed.stream_count == 0)

    async def test_a_slow_client_is_ended_and_a_fast_one_is_not(self, operator: RunningOperator) -> None:
        """Past its bounded queue the stream of a client that does not read is cut."""
        fast = await operator.open(await operator.issue())
        await read_block(fast.content)
        slow = socket.create_connection(operator.service.address)
        slow.setblocking(False)
        target = f"{STREAM_PATH}?token={await operator.issue()}"
        slow.send(f"GET {target} HTTP/1.1\r\nHost: operator\r\n\r\n".encode())
        await eventually(lambda: operator.feed.stream_count == 2)
        sent = 0
        while operator.feed.stream_count == 2 and sent < 10_000:
            operator.feed.publish("bulk", str(sent), {"text": "x" * 60_000})
            assert (await read_event(fast.content)).data["summary"] == str(sent)
            sent += 1
        assert operator.feed.stream_count == 1
        assert await soon(_read_to_the_end(slow)) < sent * 60_000

    async def test_stopping_ends_it_cleanly(self, operator: RunningOperator) -> None:
        """When the backend stops, the stream ends after a whole event."""
        stream = await operator.open(await operator.issue())
        await read_block(stream.content)
        operator.feed.publish("test", "last", {})
        await soon(operator.service.stop())
        assert (await read_event(stream.content)).data["summary"] == "last"
        assert await read_block(stream.content) is None


async def _read_to_the_end(connection: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    total = 0
    with connection:
        try:
            while data := await loop.sock_recv(connection, 1 << 20):
                total += len(data)
        except ConnectionResetError:
            pass
    return total


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
            assert await _problem(response) == (400, "bad_request")
        assert operator.feed.event_count == before

    @pytest.mark.parametrize("options", [OperatorOptions(sample_every=3600, body_limit=100)], ids=["small"])
    @pytest.mark.parametrize(("size", "status"), [(100, 202), (101, 413)], ids=["at-the-bound", "above"])
    async def test_the_body_is_bounded(self, operator: RunningOperator, size: int, status: int) -> None:
        """A body at the bound passes and one above it does not."""
        body = b'{"command": "x"}'.ljust(size)
        async with operator.session.post(operator.url(COMMANDS_PATH), data=body) as response:
            assert response.status == status
            if status == 413:
                assert await _problem(response) == (413, "body_too_large")


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

    async def test_sampling_lets_expired_tokens_go(self, operator: RunningOperator) -> None:
        """Tokens that nobody reads leave the store by time."""
        await operator.issue()
        operator.clock.advance(60)
        assert (await operator.status())["ephemeral_tokens"] == 1
        operator.backend.sample()
        assert (await operator.status())["ephemeral_tokens"] == 0


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
