"""A reader who types what the first page says gets a stream from their own backend."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.documents.pages import ROOT, blocks, typed
from tests.fakes.gates import soon
from tests.fakes.ports import free_ports
from tests.faults.launching import accepts, launch

TOKEN = "a-token-of-the-reader"
STARTS = ("python3 backend.py", "scripts/setup run", "scripts/run gateway.yaml", "export ")
PYTHON = f"{sys.executable} -m tentaculo"


class Reader:
    """Types lines into a shell, in a folder and on ports of the test's own."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder = folder
        self.ports = ports

    def own(self, text: str) -> str:
        """Return a text of the page with its own ports."""
        for said, port in self.ports.items():
            text = text.replace(said, str(port))
        return text

    def save(self, name: str, language: str) -> Path:
        """Save the page's only block in a language, and return its path."""
        (text,) = blocks("getting-started", language)
        path = self.folder / name
        path.write_text(self.own(text), encoding="utf-8")
        return path

    async def types(self, line: str) -> asyncio.subprocess.Process:
        """Type a line; what it prints can be read."""
        line = self.own(line).replace(".venv/bin/tentaculo", PYTHON)
        return await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self.folder,
            env={**os.environ, "APP_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    async def reads(self, line: str) -> str:
        """Type a line that ends, and return what it prints."""
        process = await self.types(line)
        shown, _ = await soon(process.communicate(), 20)
        return shown.decode()


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    """A reader whose backend runs, and whose gateway does."""
    port, admin_port, backend_port = free_ports(3)
    reader = Reader(tmp_path, {"8000": port, "8080": backend_port})
    backend = await asyncio.create_subprocess_exec(
        *(sys.executable, str(reader.save("backend.py", "python"))), stderr=asyncio.subprocess.DEVNULL
    )
    file = reader.save("gateway.yaml", "yaml")
    with file.open("a", encoding="utf-8") as text:
        text.write(f"admin: 127.0.0.1:{admin_port}\nlog: {{format: json}}\n")
    gateway = await launch(file, environ={"APP_TOKEN": TOKEN})
    gateway.port, gateway.admin_port = port, admin_port
    await accepts(gateway)
    await _backend_accepts(backend_port)
    yield reader
    await gateway.kill()
    backend.kill()
    await backend.wait()


async def _backend_accepts(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def test_reader_gets_a_stream(reader: Reader) -> None:
    """Each line prints what the page says, and the last one begins to print events."""
    lines = [line for line in typed("getting-started") if not line.startswith(STARTS)]
    check, refused, granted, opened = lines
    shown = "\n".join(blocks("getting-started", "console"))
    assert (await reader.reads(check)) in shown
    answer = await reader.reads(refused)
    assert answer.partition('"request_id":"')[0] in shown
    assert '"code":"unauthorized"' in answer
    assert (await reader.reads(granted)) == '{"things": []}\n'
    stream = await reader.types(opened)
    assert stream.stdout is not None
    assert await soon(stream.stdout.readline(), 20) == b"data: hello\n"
    os.killpg(stream.pid, 9)
    await soon(stream.communicate())
