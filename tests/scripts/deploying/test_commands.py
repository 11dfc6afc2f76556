"""Commands: to their end and within a time, apart from signals, which are noted."""

from __future__ import annotations

import os
import select
import signal

import pytest

from scripts.deploying.commands import ROOT, Deadline, Interruption, attempt, run, wait_until
from scripts.deploying.outcomes import StepFailed, hold


def test_run() -> None:
    """A command runs in the project's folder, with what it is given on its input."""
    assert (
        run("sh", "-c", "pwd; cat; printf %s $MORE", given=b"in\n", extra={"MORE": "x"}) == f"{ROOT}\nin\nx"
    )


def test_failure() -> None:
    """One that fails is told with its last lines."""
    with pytest.raises(StepFailed, match=r"(?s)`sh -c .*` failed:\nout\nerr"):
        run("sh", "-c", "echo out; echo err >&2; exit 3")


def test_too_long() -> None:
    """One that takes too long is ended."""
    done = attempt("sleep", "60", seconds=0.1)
    assert (done.code, done.errors) == (None, "it took longer than 0 s")


def test_too_long_with_others() -> None:
    """So is all that it started, which would go on in its place."""
    done = attempt("sh", "-c", "sleep 60 & echo $!; wait", seconds=1)
    assert done.code is None
    assert ends(int(done.text))


def ends(number: int) -> bool:
    """Tell whether a process has ended, or does so soon."""
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 5)[0])
    finally:
        os.close(process)


def test_no_such_command() -> None:
    """One that is not there is told too."""
    with pytest.raises(StepFailed, match="no-such-command can't be run"):
        run("no-such-command")


def test_deadline() -> None:
    """It tells what is left, at most what is asked for, and never less than nothing."""
    now = 10.0
    deadline = Deadline(5, lambda: now)
    assert (deadline.left(), deadline.left(2)) == (5, 2)
    now = 20.0
    assert deadline.left() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption(number: signal.Signals) -> None:
    """A signal is noted, counts at the next check, and does nothing afterwards."""
    interruption, before = Interruption(), signal.getsignal(number)
    with interruption.noted():
        interruption.check()
        os.kill(os.getpid(), number)
        with pytest.raises(StepFailed, match=f"interrupted by {number.name}"):
            interruption.check()
        interruption.ignored = True
        interruption.check()
    assert signal.getsignal(number) == before


def test_waiting() -> None:
    """It ends when it holds, when the time is over, and when there was a signal."""
    interruption, answers = Interruption(), iter([False, True])
    assert wait_until(lambda: next(answers), Deadline(10), interruption)
    assert not wait_until(lambda: False, Deadline(0), interruption)
    with interruption.noted():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StepFailed):
            wait_until(lambda: False, Deadline(10), interruption)


def test_hold() -> None:
    """Faults are told a line each; without one nothing is."""
    hold([])
    with pytest.raises(StepFailed, match=r"^one\ntwo$"):
        hold(["one", "two"])
