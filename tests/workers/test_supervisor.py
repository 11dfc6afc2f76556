"""The process of a supervisor; what it does with its workers is in tests/functional/test_workers*.py."""

from __future__ import annotations

import subprocess
import sys

from tests.workers.parts import ANY

FAILING = """
import sys
from pathlib import Path
from dataclasses import replace
from tentaculo.listening import StartError
from tentaculo.config.settings import TlsCertificate
from tentaculo.workers.supervisor import run
from tests.workers.parts import worker_settings
nowhere = TlsCertificate(Path("/nowhere.pem"), Path("/nowhere.key"))
settings = replace(worker_settings(), tls=(nowhere,))
try:
    run(settings, lambda: settings, 2)
except StartError as fault:
    sys.exit(f"sentence: {fault}")
"""


def test_workers_that_can_not_start() -> None:
    """Their sentence is the supervisor's, which ends, and starts none of them again."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("sentence: ")]
    assert "/nowhere.pem" in said
    assert "worker.started" not in done.stdout
    assert done.stdout.count("worker.ended") == 2
    assert ANY.port == 0
