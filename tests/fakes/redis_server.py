"""Real Redis servers for tests, each in a folder of its own, ended by its own process id."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class RedisServer:
    """One server on a Unix socket, and on a port of 127.0.0.1 where it is asked for one.

    `arguments` are options of redis-server as they stand on its command line.
    """

    def __init__(self, folder: Path, *arguments: str, password: str | None = None) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self._arguments = arguments
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the URL of its Unix socket, without the password."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {
            "port": "0",
            "unixsocket": self.socket,
            "dir": self.folder,
            "save": "",
            "bind": "127.0.0.1",
        }
        command = [
            *_with_its_parent(),
            redis_program(),
            *(str(part) for name in options for part in (f"--{name}", options[name])),
        ]
        if self._password is not None:
            command += ["--requirepass", self._password]
        log = (self.folder / "redis.log").open("ab")
        with log:
            self._process = subprocess.Popen([*command, *self._arguments], stdout=log, stderr=log)
        _until(self._answers, f"redis-server does not answer: {self.folder}/redis.log says why")

    def kill(self) -> None:
        """End it like `kill -9`; its data is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Let it neither answer nor close anything."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def command(self, *parts: str | bytes | int) -> Any:
        """Run a command of the test's own and return the answer, text as bytes."""
        link = redis.Redis(
            unix_socket_path=str(self.socket),
            password=self._password,
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )
        with link as client:
            client.response_callbacks.clear()
            return client.execute_command(*parts)

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING") == b"PONG")
        except redis.RedisError:
            return False


@contextmanager
def running_redis(folder: Path, *arguments: str, password: str | None = None) -> Iterator[RedisServer]:
    """Run a server for as long as the block."""
    server = RedisServer(folder, *arguments, password=password)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def redis_program(name: str = "redis-server") -> str:
    """Return where a program of Redis is, installing it where that can be done; else the test fails."""
    path = shutil.which(name)
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        packages = ["redis-server", "redis-sentinel"]
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(install, capture_output=True, check=False)
        path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: install it with `sudo apt-get install redis-server redis-sentinel`")
    return path


async def becomes(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Ask until it holds; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.01)


def _with_its_parent() -> list[str]:
    """A test run that is killed takes the server with it, where util-linux has the tool for that."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL"]


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.01)
