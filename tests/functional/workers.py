"""A gateway of several worker processes, started for one test and ended with it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.fakes.gates import eventually
from tests.fakes.redis_server import RedisServer
from tests.functional.process import GatewayProcess
from tests.functional.tokens import PRINCIPALS, stream_route, token_configuration

ROUTES = (
    stream_route(),
    stream_route("often", terms="reuse: ttl"),
    "  - {name: slow, path: /slow-head, upstream: backend}\n",
)
DRAIN = "drain: {time: 500ms, hard_cap: 5s}"


def shared(port: int, redis_server: RedisServer, *, extra: str = DRAIN, principals: str = PRINCIPALS) -> str:
    """Write a file for several workers."""
    store = f"{{url: '{redis_server.url}', timeout: 400ms}}"
    return token_configuration(port, *ROUTES, store=store, level="info", extra=extra, principals=principals)


class WorkersProcess(GatewayProcess):
    """A supervisor with its workers."""

    file: Path

    @classmethod
    async def launch_workers(cls, file: Path, count: int = 2) -> Self:
        """Start it, without waiting for anything."""
        process = await cls.launch(file, "--workers", str(count))
        assert isinstance(process, cls)
        process.file = file
        return process

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log events that were read so far."""
        return [json.loads(line) for line in self.lines]

    @property
    def workers(self) -> dict[int, int]:
        """The process ids by the numbers of the workers, as the log last told them."""
        return {event["worker"]: event["pid"] for event in self.events if event["event"] == "worker.started"}

    def edit(self, text: str) -> None:
        """Change the configuration, as editors do that write a new file."""
        draft = self.file.with_suffix(".new")
        draft.write_text(text)
        draft.rename(self.file)

    async def kill(self) -> None:
        """End it whatever it does, its workers too."""
        pids = self.workers.values()
        await super().kill()
        for pid in (*pids, *self.workers.values()):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def connections_of(pid: int) -> int:
    """Count the sockets that a process has."""
    count = 0
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            count += os.readlink(each).startswith("socket:")
    return count


async def all_gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    await eventually(lambda: not any(map(is_running, pids)))
