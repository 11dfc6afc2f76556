"""Several workers as one gateway: what is told to it reaches all of them, and what they have shows as one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.fakes.client import Fields, request
from tests.fakes.gates import eventually
from tests.fakes.messages import Message
from tests.fakes.ports import free_port
from tests.fakes.redis_server import RedisServer
from tests.fakes.stopwatch import within
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartWorkers
from tests.functional.running import GOOD
from tests.functional.test_instances import listeners
from tests.functional.tokens import (
    ADMIN,
    Stream,
    call,
    issue,
    open_stream,
    reaches,
    refusal,
    revoke,
    sample,
    scrape,
)
from tests.functional.workers import WorkersProcess, shared

STREAMS = 12
CALLS = 16
RELOADS = "tentaculo_config_reloads_total"
NEW = "  - {name: new, path: /echo/new, upstream: backend, access: public}\n"


@pytest.fixture
async def workers(
    start_workers: StartWorkers, redis_server: RedisServer, upstream: ScriptedUpstream
) -> WorkersProcess:
    """A gateway of two workers that hear of revocations."""
    started = await start_workers(shared(upstream.port, redis_server))
    await eventually(lambda: listeners(redis_server) == 2)
    return started


async def admin(front: WorkersProcess, method: str, target: str) -> Message:
    """Call the admin API."""
    client = await front.client(admin=True)
    await client.send(request(method, target, [*ADMIN, ("Connection", "close")]))
    reply = await client.reply(method)
    await client.aclose()
    return reply


async def statuses(front: WorkersProcess, target: str, fields: Fields = ()) -> set[int]:
    """Call on connections enough for every worker; which statuses came."""
    calls = (call(front, target, fields) for _ in range(CALLS))
    return {reply.status for reply in await asyncio.gather(*calls)}


async def streams_of(front: WorkersProcess) -> list[Stream]:
    """Open streams, more than one worker would get, with one token that all of them take."""
    issued = await issue(front, "often")
    return [await open_stream(front, issued.target) for _ in range(STREAMS)]


@pytest.mark.parametrize("how", ["edit", "signal", "api"])
async def test_reload(workers: WorkersProcess, how: str) -> None:
    """An edit is in effect in all workers, and counted and logged once."""
    text = workers.file.read_text()
    assert await statuses(workers, "/echo/new") == {401}
    workers.edit(text + NEW)
    if how == "signal":
        workers.signal(signal.SIGHUP)
    elif how == "api":
        reply = await admin(workers, "POST", "/reload")
        assert json.loads(reply.body)["reloaded"] is True
    told = await workers.logged("config.reloaded")
    assert told["routes_added"] == ["new"]
    assert await statuses(workers, "/echo/new") == {200}
    added = [event for event in workers.events if event.get("routes_added")]
    assert len(added) == 1


async def test_rejected_edit(workers: WorkersProcess, redis_server: RedisServer) -> None:
    """It changes nothing in any worker, and one that is started later has the good one too."""
    workers.edit(workers.file.read_text().replace(f"url: '{redis_server.url}'", "url: memory"))
    told = await workers.logged("config.rejected")
    (problem,) = told["problems"]
    assert "token_store: memory is for one worker" in problem
    assert b'"config": "rejected"' in (await scrape(workers, "/ready")).body
    assert await sample(workers, "tentaculo_config_rejected") == 1
    assert await sample(workers, f'{RELOADS}{{outcome="rejected"}}') == 1
    os.kill(workers.workers[1], signal.SIGKILL)
    await workers.logged("worker.started", worker=1, count=2)
    assert (await call(workers, "/echo/x", GOOD)).status == 200
    await issue(workers)
    reply = await admin(workers, "POST", "/reload")
    assert (reply.status, json.loads(reply.body)["problems"]) == (422, [problem])


async def test_moving(workers: WorkersProcess) -> None:
    """Both listeners go where an edit says, for all workers, and for those that come later."""
    old, listen, other = workers.port, free_port(), free_port()
    text = workers.file.read_text()
    moved = text.replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{listen}")
    stream = await open_stream(workers, "/sse/events", GOOD)
    workers.edit(moved.replace("admin: {address: 127.0.0.1:0", f"admin: {{address: '127.0.0.1:{other}'"))
    await workers.logged("config.reloaded")
    workers.port, workers.admin_port = listen, other
    assert await statuses(workers, "/health") == {200}
    workers.port = old
    with pytest.raises(ConnectionError):
        await call(workers, "/health")
    workers.port = listen
    os.kill(workers.workers[1], signal.SIGKILL)
    await workers.logged("worker.started", worker=1, count=2)
    assert await statuses(workers, "/health") == {200}
    assert await sample(workers, "tentaculo_workers ") == 2
    stream.client.leave()


async def test_move_that_fails(workers: WorkersProcess) -> None:
    """Where the new address is taken all workers stay."""
    text = workers.file.read_text()
    workers.edit(text.replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{workers.admin_port}"))
    told = await workers.logged("config.rejected")
    assert told["problems"] == [f"cannot listen on 127.0.0.1:{workers.admin_port}: Address already in use"]
    assert await statuses(workers, "/health") == {200}
    workers.edit(text + NEW)
    await workers.logged("config.reloaded")
    assert await statuses(workers, "/echo/new") == {200}


async def test_revoked_in_all(workers: WorkersProcess) -> None:
    """Streams of a revoked principal end in every worker, and its tokens open nothing in any."""
    issued = await issue(workers)
    streams = await streams_of(workers)
    assert (await revoke(workers, "operator-ui")).status == 200
    for stream in streams:
        assert b"event: revoked\n" in await stream.last()
    for _ in range(CALLS):
        assert await refusal(workers, issued.target) == (401, "unauthorized")
    reply = await revoke(workers, "operator-ui", query="?block=1h")
    assert (reply.status, json.loads(reply.body)["blocked_for"]) == (200, 3600.0)
    async with within(1):
        while await statuses(workers, "/echo/x", GOOD) != {403}:  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.01)
    unknown = await revoke(workers, "nobody")
    assert unknown.status == 404


async def test_streams_of_all(workers: WorkersProcess) -> None:
    """Lists have what all workers have, and streams are ended wherever they are."""
    streams = await streams_of(workers)
    await reaches(workers, "tentaculo_streams_open", STREAMS)
    listed = json.loads((await admin(workers, "GET", "/streams?route=often")).body)
    assert listed["total"] == len(listed["streams"]) == STREAMS
    ages = [row["age"] for row in listed["streams"]]
    assert ages == sorted(ages, reverse=True)
    few = json.loads((await admin(workers, "GET", "/streams?limit=3")).body)
    assert (few["total"], len(few["streams"])) == (STREAMS, 3)
    routes = json.loads((await admin(workers, "GET", "/routes")).body)["routes"]
    assert {row["name"]: row["open_streams"] for row in routes}["often"] == STREAMS
    outline = json.loads((await admin(workers, "GET", "/configuration")).body)
    assert outline["streams"] == {"often": STREAMS}
    one = listed["streams"][0]["id"]
    assert (await admin(workers, "DELETE", f"/streams/{one}")).body == b'{"ended":1}'
    assert (await admin(workers, "DELETE", f"/streams/{one}")).status == 404
    assert (await admin(workers, "DELETE", "/streams")).status == 400
    assert (await admin(workers, "GET", "/streams?limit=none")).status == 400
    ended = json.loads((await admin(workers, "DELETE", "/streams?route=often")).body)
    assert ended == {"ended": STREAMS - 1}
    for stream in streams:
        assert b"event: revoked\n" in await stream.last()


async def test_upstreams_of_all(workers: WorkersProcess) -> None:
    """What the workers have open to a server is added up."""
    assert await statuses(workers, "/health") == {200}
    streams = await streams_of(workers)
    (row,) = json.loads((await admin(workers, "GET", "/upstreams")).body)["upstreams"]
    assert (row["name"], row["exchanges"], row["servers"][0]["exchanges"]) == ("backend", STREAMS, STREAMS)
    for stream in streams:
        stream.client.leave()


async def test_admin_token(workers: WorkersProcess) -> None:
    """Every call needs it, as that of one process does."""
    for target in ("/streams", "/routes", "/configuration"):
        assert (await workers.call(target, admin=True)).status == 401


async def test_console(workers: WorkersProcess) -> None:
    """It shows the figures of all workers, and what any of them logs."""
    issued = json.loads((await admin(workers, "POST", "/console/token")).body)
    client = await workers.client(admin=True)
    await client.send(
        request("GET", issued["endpoint"], [("Authorization", f"Bearer {issued['sse_token']}")])
    )
    await client.until(b"event: figures\n")
    streams = await streams_of(workers)
    await client.until(b'"open_streams":%d' % STREAMS)
    for number in range(6):
        await call(workers, f"/echo/call-{number}", GOOD)
        await client.until(b"/echo/call-%d" % number)
    workers.edit(workers.file.read_text() + NEW)
    await client.until(b"event: reloaded\n")
    assert len([event for event in workers.events if event["event"] == "console.opened"]) <= 1
    for stream in streams:
        stream.client.leave()


async def test_log_file_is_rotated(
    redis_server: RedisServer, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """After SIGUSR1 every process writes to the new file, and no line is broken or lost."""
    file, moved, configuration = (tmp_path / name for name in ("log", "log.1", "tentaculo.yaml"))
    text = shared(upstream.port, redis_server)
    configuration.write_text(text.replace("format: json", f"format: json, file: {file}"))
    workers = await WorkersProcess.launch_workers(configuration)
    try:
        await eventually(lambda: file.exists() and b"gateway.started" in file.read_bytes())
        workers.lines = file.read_bytes().splitlines()
        workers.port = int(workers.events[-1]["address"].rpartition(":")[2])
        file.rename(moved)
        workers.signal(signal.SIGUSR1)
        await eventually(file.exists)
        assert await statuses(workers, "/echo/x") == {401}
        workers.signal(signal.SIGTERM)
        assert await workers.ended() == 0
        workers.lines = [*moved.read_bytes().splitlines(), *file.read_bytes().splitlines()]
        finished = [event for event in workers.events if event["event"] == "request.finished"]
        assert (len(finished), workers.events[-1]["event"]) == (CALLS, "gateway.stopped")
    finally:
        await workers.kill()
