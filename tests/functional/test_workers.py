"""Several workers at one address: calls are spread over them, and one that dies takes nobody with it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.fakes.gates import eventually, soon
from tests.fakes.redis_server import RedisServer
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartWorkers
from tests.functional.process import GatewayProcess
from tests.functional.running import GOOD
from tests.functional.tokens import call, reaches, sample, scrape, token_configuration
from tests.functional.workers import WorkersProcess, connections_of, is_running, shared

CLIENTS = 32
REQUESTS = 'tentaculo_requests_total{method="GET",route="api"'
RESTARTS = "tentaculo_worker_restarts_total"


@pytest.fixture
async def workers(
    start_workers: StartWorkers, redis_server: RedisServer, upstream: ScriptedUpstream
) -> WorkersProcess:
    """A gateway of two workers."""
    return await start_workers(shared(upstream.port, redis_server))


async def calls(front: GatewayProcess, count: int) -> list[int]:
    """Make calls at a time, each on a connection of its own; their statuses."""
    return [
        reply.status for reply in await asyncio.gather(*(call(front, "/echo/x", GOOD) for _ in range(count)))
    ]


async def killed(front: WorkersProcess, number: int) -> int:
    """End a worker like `kill -9`; return its process id."""
    pid = front.workers[number]
    os.kill(pid, signal.SIGKILL)
    return pid


async def test_calls_are_spread(workers: WorkersProcess) -> None:
    """Each worker gets a part of the connections, and the metrics count the calls of both."""
    before = {pid: connections_of(pid) for pid in workers.workers.values()}
    clients = [await workers.client() for _ in range(CLIENTS)]
    assert await calls(workers, CLIENTS) == [200] * CLIENTS
    assert all(connections_of(pid) > count for pid, count in before.items())
    await reaches(workers, REQUESTS, CLIENTS)
    assert await sample(workers, "tentaculo_connections_open") == CLIENTS
    assert await sample(workers, "tentaculo_workers ") == 2
    for client in clients:
        client.leave()


async def test_killed_worker_is_replaced(workers: WorkersProcess) -> None:
    """It is logged and counted, no call fails that comes later, and no count goes back."""
    assert await calls(workers, CLIENTS) == [200] * CLIENTS
    await reaches(workers, REQUESTS, CLIENTS)
    pid = await killed(workers, 1)
    ended = await workers.logged("worker.ended", worker=1)
    assert (ended["level"], ended["signal"], ended["pid"]) == ("error", "SIGKILL", pid)
    assert await calls(workers, CLIENTS) == [200] * CLIENTS
    assert await sample(workers, REQUESTS) >= CLIENTS
    await workers.logged("worker.started", worker=1, count=2)
    await reaches(workers, REQUESTS, 2 * CLIENTS)
    assert await sample(workers, RESTARTS) == 1
    assert is_running(workers.workers[1])
    assert workers.workers[1] != pid


async def test_who_waits_is_served_by_the_successor(workers: WorkersProcess) -> None:
    """With no worker left at all, whoever connects is served by those that come."""
    for number in (1, 2):
        await killed(workers, number)
    assert await calls(workers, 8) == [200] * 8
    for number in (1, 2):
        await workers.logged("worker.started", worker=number, count=2)
    assert await sample(workers, RESTARTS) == 2


async def test_worker_told_to_end_is_succeeded(workers: WorkersProcess) -> None:
    """SIGTERM at one worker has it finish what it has, while its successor serves already."""
    clients = [await workers.client() for _ in range(CLIENTS)]
    os.kill(workers.workers[1], signal.SIGTERM)
    await workers.logged("worker.started", worker=1, count=2)
    ended = await workers.logged("worker.ended", worker=1)
    assert (ended["level"], ended["exit_code"]) == ("info", 0)
    assert await calls(workers, CLIENTS) == [200] * CLIENTS
    await reaches(workers, REQUESTS, CLIENTS)
    for client in clients:
        client.leave()


async def test_stuck_worker_is_told(workers: WorkersProcess) -> None:
    """A worker that does nothing any more makes the gateway one that is not live."""
    assert (await scrape(workers, "/live")).status == 200
    pid = workers.workers[2]
    os.kill(pid, signal.SIGSTOP)
    try:
        reply = await scrape(workers, "/live")
        assert (reply.status, reply.body) == (503, b'{"status": "stuck"}')
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await scrape(workers, "/live")).status == 200
    assert (await scrape(workers, "/ready")).body == b'{"status": "ready"}'


async def test_descriptors_do_not_leak(workers: WorkersProcess) -> None:
    """After workers came and went the supervisor has as many descriptors as before."""
    await scrape(workers)

    def open_descriptors() -> int:
        return len(os.listdir(f"/proc/{workers.pid}/fd"))

    before = open_descriptors()
    for count in (2, 3):
        os.kill(workers.workers[1], signal.SIGTERM)
        await workers.logged("worker.started", worker=1, count=count)
        await workers.logged("worker.ended", worker=1, count=count - 1)
        await scrape(workers)
    await eventually(lambda: open_descriptors() <= before)


async def failure(file: Path, text: str) -> tuple[int, str]:
    """Start a gateway that can't; its exit code and what it says."""
    await asyncio.to_thread(file.write_text, text)
    process = await WorkersProcess.launch_workers(file)
    code = await process.ended(20)
    return code, (await soon(process.stderr())).decode()


async def test_memory_store_is_refused(tmp_path: Path) -> None:
    """Several workers can't keep tokens each for itself; the place in the file is named."""
    file = tmp_path / "tentaculo.yaml"
    code, said = await failure(file, token_configuration(9))
    problem, count = said.splitlines()
    assert (code, count) == (2, "1 problem")
    assert problem.startswith(f"{file}:5:14: token_store: memory is for one worker, and 2 were asked for: ")


async def test_taken_port(workers: WorkersProcess, redis_server: RedisServer, tmp_path: Path) -> None:
    """Another gateway is refused where one listens, of several workers or one, and the one goes on."""
    text = shared(9, redis_server).replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{workers.port}")
    said = f"tentaculo: cannot listen on 127.0.0.1:{workers.port}: Address already in use\n"
    assert await failure(tmp_path / "other.yaml", text) == (1, said)
    alone = await GatewayProcess.launch(tmp_path / "other.yaml")
    assert await alone.ended(20) == 1
    assert (await alone.stderr()).decode() == said
    assert await calls(workers, 8) == [200] * 8


async def test_taken_admin_port(workers: WorkersProcess, redis_server: RedisServer, tmp_path: Path) -> None:
    """Nothing is left behind where the admin listener can't be opened."""
    address = f"127.0.0.1:{workers.admin_port}"
    text = shared(9, redis_server).replace("admin: {address: 127.0.0.1:0", f"admin: {{address: '{address}'")
    said = f"tentaculo: cannot listen on {address}: Address already in use\n"
    assert await failure(tmp_path / "other.yaml", text) == (1, said)


async def test_log_that_cannot_be_written(redis_server: RedisServer, tmp_path: Path) -> None:
    """It is said as by one process."""
    text = shared(9, redis_server).replace("format: json", "format: json, file: /proc/gateway.log")
    code, said = await failure(tmp_path / "other.yaml", text)
    reason = "No such file or directory"
    assert (code, said) == (1, f"tentaculo: the log can't be written to /proc/gateway.log: {reason}\n")
