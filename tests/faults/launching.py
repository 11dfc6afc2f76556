"""Gateway processes that start under conditions of the system's: limits, another clock, a full disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.fakes.gates import soon
from tests.functional.process import GatewayProcess


async def launch(
    file: Path,
    *,
    under: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] = asyncio.subprocess.PIPE,
) -> GatewayProcess:
    """Start a gateway by a command that runs another; it may not have started yet."""
    process = await asyncio.create_subprocess_exec(
        *under,
        *(sys.executable, "-m", "tentaculo", "serve", "--config", str(file)),
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
    )
    return GatewayProcess(process)


async def accepts(process: GatewayProcess, seconds: float = 20.0) -> None:
    """Wait until a gateway whose ports are known takes connections."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                (await process.client(admin=True)).leave()
                (await process.client()).leave()
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                return


def drop_clients(process: GatewayProcess) -> None:
    """Have all clients of a gateway leave."""
    for client in process._clients:
        client.leave()


async def end(process: GatewayProcess) -> None:
    """End a gateway whose standard output is not the test's."""
    drop_clients(process)
    process.signal(signal.SIGKILL)
    await soon(process.stderr())
    await soon(process._process.wait())
