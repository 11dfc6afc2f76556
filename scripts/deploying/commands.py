"""Runs commands: each to its end, within a time, and apart from the terminal's Ctrl-C.

A replacement that is cut in its middle would leave a service stopped; so a signal is noted, and acted upon
between two commands.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.deploying.outcomes import StepFailed

ROOT = Path(__file__).parents[2]
SHOWN = 12
PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command; None for `code` where it took too long and was ended."""

    code: int | None
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """What it printed."""
        return self.output.decode(errors="replace")


def attempt(
    *command: str | Path,
    seconds: float = 60.0,
    given: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> Done:
    """Run a command in the project's folder, `given` on its standard input; return how it ended.

    One that takes too long is ended with all that it started: a compose that went on alone would work
    against the way back.  Raises StepFailed where it can't be started.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(extra or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as fault:
        raise StepFailed(f"{command[0]} can't be run: {fault.strerror}") from None
    with process:
        try:
            output, errors = process.communicate(given, max(0.1, seconds))
        except subprocess.TimeoutExpired as fault:
            _end(process)
            return Done(None, fault.stdout or b"", f"it took longer than {seconds:.0f} s")
        except BaseException:
            _end(process)
            raise
    return Done(process.returncode, output, errors.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(
    *command: str | Path,
    seconds: float = 60.0,
    given: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> str:
    """Run a command and return what it printed.  Raises StepFailed with its last lines where it fails."""
    done = attempt(*command, seconds=seconds, given=given, extra=extra)
    if done.code != 0:
        said = "\n".join((done.text + done.errors).strip().splitlines()[-SHOWN:])
        raise StepFailed(f"`{' '.join(map(str, command))}` failed:\n{said}")
    return done.text


class Deadline:
    """So many seconds from now; what waits asks how many are left."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + seconds

    def left(self, most: float = float("inf")) -> float:
        """Return the seconds that are left, `most` of them at most."""
        return max(0.0, min(most, self._until - self._clock()))


class Interruption:
    """Notes SIGINT, SIGTERM and SIGHUP; `check` raises StepFailed once one came, unless `ignored`."""

    def __init__(self) -> None:
        self._name = ""
        self.ignored = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note them for as long as the block."""
        before = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise StepFailed if there was a signal."""
        if self._name and not self.ignored:
            raise StepFailed(f"it was interrupted by {self._name}")

    def _note(self, number: int, frame: object) -> None:
        self._name = signal.Signals(number).name


def wait_until(holds: Callable[[], bool], deadline: Deadline, interruption: Interruption) -> bool:
    """Ask again and again; return whether it held in time."""
    while not holds():
        interruption.check()
        if not deadline.left():
            return False
        time.sleep(PAUSE_SECONDS)
    return True
