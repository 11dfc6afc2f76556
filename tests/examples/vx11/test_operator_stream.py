"""The operator backend's event stream over real connections: who opens it, what it carries, how it ends."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Mapping

import pytest

from examples.vx11.admission import CREDENTIAL_HEADER
from examples.vx11.operator import STREAM_PATH, OperatorOptions
from tests.examples.vx11.conftest import CREDENTIAL, FIGURES, TOKEN, AwayStore, RunningOperator, problem_of
from tests.examples.vx11.sse import read_block, read_event
from tests.fakes.gates import eventually, soon


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
            assert await problem_of(refused) == (401, "unauthorized")

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
            assert await problem_of(response) == outcome

    async def test_a_token_opens_it_until_it_expires(self, operator: RunningOperator) -> None:
        """It is good just before its sixty seconds are over, and not after."""
        token = await operator.issue()
        operator.clock.advance(59.9)
        async with await operator.open(token) as stream:
            assert stream.status == 200
        operator.clock.advance(0.1)
        async with await operator.open(token) as refused:
            assert await problem_of(refused) == (401, "unauthorized")

    @pytest.mark.parametrize("store", [AwayStore()], ids=["away"])
    async def test_a_failed_store_refuses_nobody_for_good(self, operator: RunningOperator) -> None:
        """A store that can't answer yields 503 and not 401."""
        async with await operator.open(str(uuid.uuid4())) as response:
            assert await problem_of(response) == (503, "token_store_unavailable")

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
        await operator.backend.sample()
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
        await operator.backend.sample()
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
