"""What the gateway does to its process: limits of the system, standard descriptors, signals."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import tentaculo
from tentaculo import serving
from tentaculo.config.loader import load_text
from tentaculo.serving import report
from tests.functional.configuration import configuration
from tests.functional.process import GatewayProcess

PREPARE = """
import resource, sys
from dataclasses import replace
from tentaculo.config.settings import Limits, Settings
from tentaculo.serving import prepare_process
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
limits = Limits(connections=connections)
prepare_process(Settings(principals=(), upstreams=(), routes=(), limits=limits))
print(*resource.getrlimit(resource.RLIMIT_NOFILE), *resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "expected"),
    [(256, 1024, 100, 364), (256, 1024, 10_000, 1024), (512, 1024, 100, 512)],
    ids=["raised", "as-far-as-it-goes", "enough"],
)
def test_prepare_process(soft: int, hard: int, connections: int, expected: int) -> None:
    """There are descriptors for both sides of connections and more, where the system lets; no core dumps."""
    arguments = [str(number) for number in (soft, hard, connections)]
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.split() == [str(expected), str(hard), "0", "0"]


@pytest.mark.parametrize(
    ("fault", "logged"), [(socket.gaierror("no such name"), 0), (OSError("broken"), 1)], ids=["name", "other"]
)
async def test_uncaught_faults(fault: OSError, logged: int, caplog: pytest.LogCaptureFixture) -> None:
    """They are logged, but not a name that was looked up in vain for somebody who had given up."""
    report(
        asyncio.get_running_loop(), {"message": "Future exception was never retrieved", "exception": fault}
    )
    assert len(caplog.records) == logged


CLOSED = """
import os
from tentaculo.config.settings import Settings
from tentaculo.serving import prepare_process
shown = os.dup(1)
for descriptor in (0, 1, 2):
    os.close(descriptor)
prepare_process(Settings(principals=(), upstreams=(), routes=()))
names = [os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in (0, 1, 2)]
os.write(shown, " ".join(names).encode())
"""


def test_closed_standard_descriptors() -> None:
    """No socket gets the number of a standard descriptor, where a stray print would reach a client."""
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, check=True, timeout=20)
    assert done.stdout.split() == [b"/dev/null"] * 3


HEAP = """
import ctypes
from tentaculo.serving import keep_heap
libc = ctypes.CDLL(None)
class Heap(ctypes.Structure):  # glibc's mallinfo2(3)
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]
libc.mallinfo2.restype = Heap
keep_heap()
buffers = [bytes(100_000) for _ in range(80)]
del buffers
print(libc.mallinfo2().keepcost)
"""


def test_freed_buffers_stay_for_the_next() -> None:
    """The end of the heap is not given back to the system, to be asked for again at the next read."""
    done = subprocess.run([sys.executable, "-c", HEAP], capture_output=True, check=True, timeout=20)
    assert int(done.stdout) > 4_000_000


def test_descriptors_without_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no bound of its own, the limits alone decide; a refusal is no fault."""
    asked: list[tuple[int, tuple[int, int]]] = []

    def refuse(what: int, limits: tuple[int, int]) -> None:
        asked.append((what, limits))
        if what == resource.RLIMIT_NOFILE:
            raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda what: (100, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    settings = load_text(configuration(9), source=Path("tentaculo.yaml"), environ={})
    serving.prepare_process(settings)
    assert asked == [
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NOFILE, (20_164, resource.RLIM_INFINITY)),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_runs_until_it_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """As a process it serves until a signal, and then ends well."""
    path = tmp_path / "tentaculo.yaml"
    path.write_text(configuration(9))
    process = await GatewayProcess.launch(path)
    try:
        await process.started()
        assert (await process.call("/health")).status == 200
        process.signal(number)
        assert await process.ended() == 0
        assert json.loads(process.lines[-1])["event"] == "gateway.stopped"
    finally:
        await process.kill()


def test_installation_that_lacks_a_file(tmp_path: Path) -> None:
    """It does not start without what it has to serve, and one sentence names that."""
    shutil.copytree(
        Path(tentaculo.__file__).parent, tmp_path / "tentaculo", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "tentaculo" / "browser" / "react.js").unlink()
    (tmp_path / "tentaculo.yaml").write_text(configuration(9))
    command = (sys.executable, "-m", "tentaculo", "serve", "--config", "tentaculo.yaml")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    missing = tmp_path / "tentaculo" / "browser" / "react.js"
    said = f"tentaculo: the installation is not whole: {missing} can't be read\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
