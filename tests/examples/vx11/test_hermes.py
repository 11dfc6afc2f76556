"""hermes over real connections: from the bus into its file, and from there to streams and lists."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from examples.vx11.event_store import open_store
from examples.vx11.hermes import DATABASE, EVENTS_PATH, REPLAYED, STREAM_PATH, HermesOptions, main
from tests.examples.vx11.conftest import problem_of
from tests.examples.vx11.hermes_scene import Scene
from tests.examples.vx11.services import NOW, fields, make_event
from tests.examples.vx11.sse import Block, read_block, read_event
from tests.fakes.gates import eventually, soon


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Both services, running."""
    scene = Scene(tmp_path)
    await scene.start()
    yield scene
    await scene.stop()


async def _ids(stream: aiohttp.ClientResponse, count: int) -> list[str]:
    return [(await read_event(stream.content)).data["event_id"] for _ in range(count)]


async def _head(stream: aiohttp.ClientResponse) -> Block:
    block = await read_block(stream.content)
    assert block is not None
    return block


class TestStream:
    """GET on the stream's path."""

    async def test_messages_become_events(self, scene: Scene) -> None:
        """What is published arrives with the store's number as its id, and the fields as they were."""
        stream = await scene.open()
        assert (await _head(stream)).lines == ["retry: 3000", "id: 0"]
        await scene.say("a", "b")
        first, second = await read_event(stream.content), await read_event(stream.content)
        assert [first.field("id"), second.field("id")] == ["1", "2"]
        assert first.data == fields("a")

    async def test_it_is_an_event_stream_of_this_system(self, scene: Scene) -> None:
        """Its head has the type, forbids buffers and caches, and keeps the correlation id."""
        stream = await scene.open(**{"X-Correlation-Id": "order-66"})
        assert (stream.status, stream.content_type) == (200, "text/event-stream")
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["X-Correlation-Id"] == "order-66"

    async def test_a_new_stream_begins_with_what_comes(self, scene: Scene) -> None:
        """What was before is left out, and the head says after what the stream begins."""
        await scene.say("a", "b")
        await scene.kept(2)
        stream = await scene.open()
        assert (await _head(stream)).field("id") == "2"
        await scene.say("c")
        assert await _ids(stream, 1) == ["c"]

    @pytest.mark.parametrize(
        ("last", "replayed"),
        [
            pytest.param("0", "abcd", id="from-the-beginning"),
            pytest.param("2", "cd", id="in-the-middle"),
            pytest.param("4", "", id="the-newest"),
            pytest.param("5", "abcd", id="of-another-file"),
            pytest.param("3e8f-2", "abcd", id="of-another-service"),
            pytest.param("9" * 400, "abcd", id="huge"),
            pytest.param("-1", "abcd", id="negative"),
            pytest.param("\xb2", "abcd", id="a-digit-of-another-kind"),
        ],
    )
    async def test_it_resumes_after_the_last_event(self, scene: Scene, last: str, replayed: str) -> None:
        """What was missed comes first, once and in order, then what is new."""
        await scene.say(*"abcd")
        await scene.kept(4)
        stream = await scene.open(**{"Last-Event-ID": last})
        await scene.say("new")
        assert await _ids(stream, len(replayed) + 1) == [*replayed, "new"]

    async def test_an_unknown_id_replays_a_bounded_number(self, scene: Scene) -> None:
        """Who comes from elsewhere gets the newest thousand; who was here gets all that was missed."""
        await scene.take_away()
        async with open_store(scene.options.database) as store:
            await store.add([make_event(f"e-{number}") for number in range(REPLAYED + 250)])
        await scene.bring()
        stranger = await scene.open(**{"Last-Event-ID": "unknown"})
        assert await _ids(stranger, REPLAYED) == [f"e-{number}" for number in range(250, REPLAYED + 250)]
        known = await scene.open(**{"Last-Event-ID": "10"})
        assert await _ids(known, REPLAYED + 240) == [f"e-{number}" for number in range(10, REPLAYED + 250)]

    async def test_an_idle_stream_beats(self, scene: Scene) -> None:
        """Comments come when nothing else does."""
        await scene.take_away()
        scene.options = HermesOptions(database=scene.options.database, heartbeat=0.01)
        await scene.bring()
        stream = await scene.open()
        await _head(stream)
        assert [(await _head(stream)).lines[0][0] for _ in range(2)] == [":", ":"]

    def test_the_defaults_are_those_of_the_system(self) -> None:
        """A heartbeat every 15 seconds, reconnection after 3, events under data/runtime."""
        options = HermesOptions()
        assert (options.heartbeat, options.retry_ms) == (15, 3_000)
        assert DATABASE.parts[-3:] == ("data", "runtime", "vx11.db")

    async def test_stopping_ends_it_cleanly(self, scene: Scene) -> None:
        """The stream ends after a whole event, with all that was kept."""
        stream = await scene.open()
        await scene.say(*"ab")
        await scene.kept(2)
        await soon(scene.take_away())
        assert await _ids(stream, 2) == ["a", "b"]
        assert await read_block(stream.content) is None

    @pytest.mark.parametrize("method", ["HEAD", "POST"])
    async def test_only_get_opens_it(self, scene: Scene, method: str) -> None:
        """Another method is refused, with the one that is taken."""
        async with scene.session.request(method, scene.url + STREAM_PATH) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET")


class TestTaking:
    """From the bus into the file."""

    async def test_a_restart_loses_and_repeats_nothing(self, scene: Scene) -> None:
        """What was published while it was away is taken in, and what was kept is still there."""
        await scene.say("a", "b")
        await scene.kept(2)
        await scene.take_away()
        await scene.say("c", "b")
        await scene.bring()
        await scene.say("d")
        found = await scene.kept(4)
        assert [one["event"]["event_id"] for one in found] == ["a", "b", "c", "d"]

    async def test_what_comes_again_is_kept_once(self, scene: Scene) -> None:
        """An event published three times, as at-least-once delivery may, is one."""
        await scene.say("a", "a", "b", "a", "c")
        found = await scene.kept(3)
        assert [one["event"]["event_id"] for one in found] == ["a", "b", "c"]

    async def test_what_was_kept_is_acknowledged(self, scene: Scene) -> None:
        """The bus gives it to nobody again."""
        await scene.say("a", "b")
        await scene.kept(2)
        await scene.acknowledged()
        assert (await scene.bus.topics())[0].groups[0].group == "hermes"

    async def test_what_a_killed_hermes_had_taken_comes_again(self, scene: Scene) -> None:
        """At once, before what is new, and kept once."""
        await scene.take_away()
        await scene.say("a", "b", "c")
        await scene.bus.take("hermes", "hermes-1", ["events"], 2)
        await scene.bring()
        assert [one["event"]["event_id"] for one in await scene.kept(3)] == ["a", "b", "c"]

    async def test_stopping_leaves_nothing_half_taken(self, scene: Scene) -> None:
        """A batch on its way is kept and acknowledged first: the next hermes need not wait for it."""
        taking = asyncio.create_task(scene.say(*(f"e-{number}" for number in range(100))))
        await scene.kept(10)
        await scene.take_away()
        await taking
        assert [group.pending for group in (await scene.bus.topics())[0].groups] == [0]
        await scene.bring()
        assert len(await scene.kept(100)) == 100

    @pytest.mark.parametrize(
        "hostile",
        [
            pytest.param({}, id="empty"),
            pytest.param({"summary": "no id", "event_type": "test", "module": "test"}, id="no-event-id"),
            pytest.param({"n": [1, None, {"ñ": "\0"}]}, id="not-an-event"),
            pytest.param({"event_id": {"event_id": "x"}}, id="id-of-objects"),
            pytest.param({**fields("big"), "payload": {"text": "x" * 60 * 1024}}, id="sixty-kib"),
            pytest.param({"text": "\x01" * 10_000}, id="sixty-kib-escaped"),
            pytest.param({**fields("big"), "payload": {"n": 2**64 - 1}}, id="large-number"),
            pytest.param({**fields("x\ndata: y"), "event_type": "a\n\nid: 7"}, id="lines"),
        ],
    )
    async def test_hostile_messages_stop_nothing(self, scene: Scene, hostile: dict[str, Any]) -> None:
        """Each becomes one event that can be read, and the next message is taken in as ever."""
        stream = await scene.open()
        await scene.publisher.publish("events", hostile, "c-hostile")
        await scene.say("after")
        one, after = await read_event(stream.content), await read_event(stream.content)
        assert one.data.keys() == fields("x").keys()
        assert (one.field("id"), after.field("id")) == ("1", "2")
        assert after.data["event_id"] == "after"

    async def test_time_is_told_where_a_message_tells_none(self, scene: Scene) -> None:
        """An event without a time was made when it came."""
        scene.clock.now = 1_700_000_000.25
        event = fields("a")
        del event["created_at"]
        await scene.publisher.publish("events", event)
        (found,) = await scene.kept(1)
        assert found["event"]["created_at"] == "2023-11-14T22:13:20.250Z"

    async def test_a_file_that_fails_is_tried_again(
        self, scene: Scene, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing is acknowledged or lost meanwhile, and the fault is told."""
        _run(scene, "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        stream = await scene.open()
        await scene.say("a")
        await eventually(lambda: "disk full" in caplog.text)
        assert await scene.listed() == []
        _run(scene, "DROP TRIGGER full")
        assert await _ids(stream, 1) == ["a"]

    async def test_it_serves_while_madre_is_away(self, scene: Scene) -> None:
        """What is kept can still be read."""
        await scene.say("a")
        await scene.kept(1)
        await scene.take_away()
        scene.madre = "http://127.0.0.1:1"
        await scene.bring()
        stream = await scene.open(**{"Last-Event-ID": "0"})
        assert await _ids(stream, 1) == ["a"]


def _run(scene: Scene, statement: str) -> None:
    with closing(sqlite3.connect(scene.options.database)) as other:
        other.execute(statement)


class TestList:
    """GET on the events' path, and health."""

    async def test_events_are_listed_in_pages(self, scene: Scene) -> None:
        """After a number, as many as asked for, each with its id."""
        await scene.say(*"abcde")
        await scene.kept(5)
        assert [one["id"] for one in await scene.listed()] == ["1", "2", "3", "4", "5"]
        page = await scene.listed(after="1", limit="2")
        assert [(one["id"], one["event"]["event_id"]) for one in page] == [("2", "b"), ("3", "c")]
        assert page[0]["event"]["created_at"] == NOW
        assert await scene.listed(after="5") == []

    @pytest.mark.parametrize(
        "query", ["after=-1", "after=x", "after=", "limit=1001", "limit=1e3", f"after={'9' * 30}"]
    )
    async def test_a_bad_number_is_refused(self, scene: Scene, query: str) -> None:
        """It is answered 400 with a problem."""
        async with scene.session.get(f"{scene.url}{EVENTS_PATH}?{query}") as response:
            assert await problem_of(response) == (400, "bad_request")

    async def test_health_tells_that_events_can_be_read(self, scene: Scene) -> None:
        """It is 200 with the newest number, and 503 where the file no longer holds a table of events."""
        await scene.say("a")
        await scene.kept(1)
        async with scene.session.get(f"{scene.url}/health") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok", "last_id": "1"})
        _run(scene, "DROP TABLE events")
        async with scene.session.get(f"{scene.url}/health") as response:
            assert await problem_of(response) == (503, "event_store_unavailable")


class TestAlone:
    """`python -m examples.vx11.hermes`."""

    async def test_it_runs_alone_until_a_signal(self, tmp_path: Path) -> None:
        """It makes its file, names its address, serves while madre is away, and exits 0."""
        file = tmp_path / "folder" / "events.db"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.vx11.hermes", "--port", "0"),
            env={**os.environ, "HERMES_DB": str(file), "MADRE_URL": "http://127.0.0.1:1"},
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        line = (await soon(process.stderr.readline(), 20)).decode()
        while not line.startswith("hermes listens on "):
            line = (await soon(process.stderr.readline(), 20)).decode()
        url = f"http://{line.split()[-1].rstrip('.')}{STREAM_PATH}"
        async with aiohttp.ClientSession() as session, session.get(url) as stream:
            assert (await _head(stream)).field("id") == "0"
            process.send_signal(signal.SIGTERM)
            assert await read_block(stream.content) is None
        await soon(process.communicate(), 20)
        assert process.returncode == 0
        with closing(sqlite3.connect(file)) as kept:
            assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda path: path.write_text("x" * 5_000), id="no-database"),
            pytest.param(lambda path: path.mkdir(), id="folder"),
        ],
    )
    def test_a_file_that_can_not_be_used_is_one_sentence(
        self, make: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It is named, and the exit code is 1."""
        make(tmp_path / "events.db")
        assert main(["--port", "0"], {"HERMES_DB": str(tmp_path / "events.db")}) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"The events' file {tmp_path / 'events.db'} can't be used: ")
        assert error.count("\n") == 1

    def test_a_port_in_use_is_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """It says that the address is in use and exits 1."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            assert main(["--port", port], {"HERMES_DB": str(tmp_path / "events.db")}) == 1
        error = capsys.readouterr().err
        assert error.startswith("hermes can't listen: ")
        assert error.count("\n") == 1
