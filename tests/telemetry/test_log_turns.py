"""Several processes that write to one pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from tentaculo.telemetry.log_turns import FileTurns, make_turns

WRITERS = 4
BATCHES = 40
LINES = 50
WIDTH = 400
WRITE = f"""
import sys
from tentaculo.telemetry.log_turns import FileTurns
from tentaculo.telemetry.log_writer import LogWriter
writer = LogWriter(1, flush_interval=0.01, turns=FileTurns(int(sys.argv[1])))
for number in range({BATCHES * LINES}):
    writer.write(sys.argv[2].encode() * {WIDTH} + b"\\n")
print("queued", file=sys.stderr, flush=True)
writer.close(60)
sys.exit(writer.dropped)
"""


def test_lines_stay_whole() -> None:
    """Batches longer than what a pipe takes at once are not mixed."""
    turns = make_turns()
    reading, writing = os.pipe()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(turns.descriptor), name],
            stdout=writing,
            stderr=subprocess.PIPE,
            pass_fds=[turns.descriptor],
        )
        for name in "abcd"
    ]
    os.close(writing)
    for writer in writers:  # by then the pipe is full, and each waits for room or for its turn
        assert writer.stderr is not None
        with writer.stderr:
            assert writer.stderr.readline() == b"queued\n"
    with open(reading, "rb") as pipe:
        found = Counter(pipe.read().splitlines())
    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    os.close(turns.descriptor)
    assert found == {name.encode() * WIDTH: BATCHES * LINES for name in "abcd"}


def test_without_a_lock() -> None:
    """A descriptor that can't be locked keeps nobody from writing."""
    turns = make_turns()
    os.close(turns.descriptor)
    with FileTurns(turns.descriptor):
        pass
