"""Madre over real connections: publishing, acknowledging, a bus that is away; polls have their own file."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from examples.vx11.bus import BusFull, BusUnavailable, Message, TopicState
from examples.vx11.madre import BODY_LIMIT, build_madre, main, make_bus
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.redis_bus import DURABLE, RedisBus
from tests.examples.vx11.conftest import problem_of
from tests.examples.vx11.madre_bench import ACK, TAKE, WANTED, RunningMadre, running_madre
from tests.fakes.clock import Clock
from tests.fakes.gates import soon
from tests.fakes.redis_server import becomes, running_redis


class FaultyBus(MemoryBus):
    """A bus whose every step fails like this."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self._fault = fault

    async def publish(self, topic: str, body: bytes, correlation_id: str) -> str:
        raise self._fault

    async def take(
        self, group: str, consumer: str, topics: Sequence[str], limit: int, *, resume: bool = False
    ) -> list[Message]:
        raise self._fault

    async def ack(self, group: str, topic: str, message_ids: Sequence[str]) -> int:
        raise self._fault

    async def topics(self) -> list[TopicState]:
        raise self._fault


class DyingBus(MemoryBus):
    """A bus that goes away while it is waited for."""

    async def arrival(self, group: str, topics: Sequence[str], seconds: float) -> None:
        raise BusUnavailable("ConnectionError")


class TestPublish:
    """POST on a topic."""

    async def test_a_message_is_taken_as_it_was_published(self, madre: RunningMadre) -> None:
        """With its correlation id, to the value of each field."""
        body = {"command": "ñ", "n": 1.5, "deep": [{"x": None}]}
        message_id = await madre.publish(body, **{"X-Correlation-Id": "order-66"})
        assert await madre.take() == [
            {
                "topic": "a",
                "message_id": message_id,
                "body": body,
                "correlation_id": "order-66",
                "deliveries": 1,
            }
        ]

    async def test_every_message_has_a_correlation_id(self, madre: RunningMadre) -> None:
        """One that is made, and told to the publisher, where none came."""
        async with madre.post("/madre/topics/a/messages", {}) as response:
            assert response.status == 202
        (message,) = await madre.take()
        assert message["correlation_id"] == response.headers["X-Correlation-Id"] != ""

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b'{"a": ', id="cut"),
            pytest.param(b"[]", id="list"),
            pytest.param(b'"text"', id="text"),
            pytest.param(b'{"a": NaN}', id="not-a-number"),
            pytest.param(b'{"a": "\xff"}', id="not-utf-8"),
            pytest.param(b'{"a": ' + b"[" * 252 + b"]" * 252 + b"}", id="deep"),
        ],
    )
    async def test_what_is_no_object_is_refused(self, madre: RunningMadre, body: bytes) -> None:
        """It is answered 400, and nobody gets it."""
        async with madre.session.post(madre.url("/madre/topics/a/messages"), data=body) as response:
            assert await problem_of(response) == (400, "bad_request")
        assert await madre.take() == []

    async def test_what_may_be_published_may_be_taken(self, madre: RunningMadre) -> None:
        """However deep it is, within what is accepted."""
        body: dict[str, object] = {}
        for _ in range(249):
            body = {"a": body}
        await madre.publish(body)
        assert [message["body"] for message in await madre.take()] == [body]

    @pytest.mark.parametrize(("size", "status"), [(BODY_LIMIT, 202), (BODY_LIMIT + 1, 413)])
    async def test_a_message_is_bounded(self, madre: RunningMadre, size: int, status: int) -> None:
        """64 KiB pass, and no more."""
        body = b"{}".ljust(size)
        async with madre.session.post(madre.url("/madre/topics/a/messages"), data=body) as response:
            assert response.status == status
            if status == 413:
                assert await problem_of(response) == (413, "body_too_large")

    @pytest.mark.parametrize("name", ["-a", "a%2Fb", "a%20b", "%C3%B1", "x" * 65])
    async def test_a_topic_has_a_plain_name(self, madre: RunningMadre, name: str) -> None:
        """Anything else is refused."""
        url = URL(madre.url(f"/madre/topics/{name}/messages"), encoded=True)
        async with madre.session.post(url, json={}) as response:
            assert await problem_of(response) == (400, "bad_request")


class TestAck:
    """POST of what was dealt with."""

    async def test_it_counts_what_was_pending(self, madre: RunningMadre, clock: Clock) -> None:
        """What was acknowledged never comes again, the rest does."""
        ids = [await madre.publish({"n": number}) for number in range(2)]
        await madre.take()
        async with madre.post(ACK, {"topic": "a", "message_ids": [ids[0], "made-up"]}) as response:
            assert (response.status, await response.json()) == (200, {"acknowledged": 1})
        clock.advance(30)
        assert [message["message_id"] for message in await madre.take()] == ids[1:]

    @pytest.mark.parametrize(
        "asked",
        [
            {"topic": "a"},
            {"topic": "a", "message_ids": []},
            {"topic": "a", "message_ids": "1-1"},
            {"topic": "a", "message_ids": [1]},
            {"topic": "a", "message_ids": ["1"] * 1_001},
            {"message_ids": ["1-1"]},
            {"topic": "a/b", "message_ids": ["1-1"]},
        ],
        ids=["no-ids", "none", "text", "number", "too-many", "no-topic", "bad-topic"],
    )
    async def test_a_bad_list_is_refused(self, madre: RunningMadre, asked: dict[str, object]) -> None:
        """And nothing is acknowledged."""
        async with madre.post(ACK, asked) as response:
            assert await problem_of(response) == (400, "bad_request")


class TestFigures:
    """Health and topics."""

    async def test_health_is_the_processs_own(self, madre: RunningMadre) -> None:
        """Anyone may ask whether it serves."""
        async with madre.session.get(madre.url("/health")) as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})

    async def test_topics_tell_how_far_their_groups_are(self, madre: RunningMadre) -> None:
        """What is kept, what is pending, what is not yet taken, what was let go."""
        for number in range(3):
            await madre.publish({"n": number})
        await madre.take(max=2)
        async with madre.session.get(madre.url("/madre/topics")) as response:
            assert await response.json() == {
                "topics": [
                    {
                        "topic": "a",
                        "messages": 3,
                        "trimmed": 0,
                        "groups": [{"group": "g", "pending": 2, "lag": 1}],
                    }
                ]
            }


STEPS = [
    pytest.param("POST", "/madre/topics/a/messages", {}, id="publish"),
    pytest.param("POST", TAKE, WANTED, id="take"),
    pytest.param("POST", ACK, {"topic": "a", "message_ids": ["1-1"]}, id="ack"),
    pytest.param("GET", "/madre/topics", None, id="topics"),
]


class TestFaults:
    """A bus that fails."""

    @pytest.mark.parametrize("bus", [FaultyBus(BusUnavailable("TimeoutError"))], ids=["away"])
    @pytest.mark.parametrize(("method", "path", "body"), STEPS)
    async def test_a_bus_that_is_away_is_said_so(
        self, madre: RunningMadre, method: str, path: str, body: object
    ) -> None:
        """Come again in a second; the process itself is healthy."""
        async with madre.session.request(method, madre.url(path), json=body) as response:
            assert await problem_of(response) == (503, "bus_unavailable")
            assert response.headers["Retry-After"] == "1"
        async with madre.session.get(madre.url("/health")) as response:
            assert response.status == 200

    @pytest.mark.parametrize("bus", [DyingBus()], ids=["dying"])
    async def test_a_bus_that_goes_away_ends_the_poll(self, madre: RunningMadre) -> None:
        """Whoever waits is told, too."""
        async with madre.post(TAKE, WANTED | {"wait_ms": 30_000}) as response:
            assert await problem_of(response) == (503, "bus_unavailable")

    @pytest.mark.parametrize("bus", [FaultyBus(BusFull())], ids=["full"])
    @pytest.mark.parametrize(("method", "path", "body"), STEPS[:2])
    async def test_a_bus_that_is_full_refuses(
        self, madre: RunningMadre, method: str, path: str, body: object
    ) -> None:
        """A topic or a group too many is no fault that waiting mends."""
        async with madre.session.request(method, madre.url(path), json=body) as response:
            assert await problem_of(response) == (409, "bus_full")

    async def test_after_a_restart_of_redis_it_goes_on_by_itself(self, tmp_path: Path) -> None:
        """What was answered 202 before is there, and what is published then, too."""
        with running_redis(tmp_path, *DURABLE) as redis:
            async with running_madre(RedisBus(redis.url, timeout=5)) as madre:
                await madre.publish({"n": 1})
                redis.kill()
                async with madre.post("/madre/topics/a/messages", {"n": 2}) as response:
                    assert await problem_of(response) == (503, "bus_unavailable")
                await asyncio.to_thread(redis.start)
                await madre.publish({"n": 3})
                assert [message["body"]["n"] for message in await madre.take()] == [1, 3]


class TestAlone:
    """`python -m examples.vx11.madre`."""

    async def test_it_runs_alone_until_a_signal(self) -> None:
        """It says that nothing is kept, names its address, serves and exits 0, whoever is waiting."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.vx11.madre", "--port", "0"),
            env={**os.environ, "MADRE_REDIS_URL": "", "MADRE_REDIS_URL_FILE": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        assert b"Messages are kept in memory" in await soon(process.stderr.readline(), 20)
        address = (await soon(process.stderr.readline(), 20)).decode().split()[-1].rstrip(".")
        async with aiohttp.ClientSession() as session:
            async with session.post(f"http://{address}{TAKE}", json=WANTED) as response:
                assert await response.json() == {"messages": []}
            late = f"http://{address}/madre/groups/late/take"
            poll = asyncio.create_task(session.post(late, json=WANTED | {"wait_ms": 30_000}))

            async def waits() -> bool:
                async with session.get(f"http://{address}/madre/topics") as response:
                    return "late" in await response.text()

            await becomes(waits)
            process.send_signal(signal.SIGTERM)
            stdout, stderr = await soon(process.communicate(), 20)
            (await soon(poll)).close()
        assert (process.returncode, stdout, stderr) == (0, b"", b"")

    def test_a_port_in_use_is_one_sentence(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It says that the address is in use and exits 1."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert main(["--port", port], {"MADRE_REDIS_URL": "redis://127.0.0.1:1"}) == 1
        error = capsys.readouterr().err
        assert error.startswith("Madre can't listen: ")
        assert "address already in use" in error
        assert error.count("\n") == 1

    def test_a_bad_url_is_one_sentence_without_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It may hold a password."""
        assert main([], {"MADRE_REDIS_URL": "rdis://:planted@host"}) == 2
        error = capsys.readouterr().err
        assert error.startswith("The URL in MADRE_REDIS_URL must begin with one of redis://")
        assert "planted" not in error

    def test_a_file_that_cannot_be_read_is_one_sentence(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """It says why and exits 1."""
        assert main([], {"MADRE_REDIS_URL_FILE": str(tmp_path / "none")}) == 1
        error = "The file in MADRE_REDIS_URL_FILE can't be read: No such file or directory.\n"
        assert capsys.readouterr().err == error

    async def test_the_bus_is_the_one_that_is_asked_for(self, tmp_path: Path) -> None:
        """Redis by a URL or by a file that holds one, else memory; each madre has its own."""
        assert isinstance(build_madre().app(), web.Application)
        file = tmp_path / "url"
        file.write_text("redis://:planted@127.0.0.1:1\n")
        assert isinstance(make_bus({}), MemoryBus)
        for environ in ({"MADRE_REDIS_URL": "redis://127.0.0.1:1"}, {"MADRE_REDIS_URL_FILE": str(file)}):
            bus = make_bus(environ)
            assert isinstance(bus, RedisBus)
            await bus.close()
