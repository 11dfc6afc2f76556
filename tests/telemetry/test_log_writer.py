"""The log writer on real pipes: order, stalls, drops, broken pipes and the end."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tentaculo.telemetry.log_writer import LogWriter

PATIENCE = 10.0


class Pipe:
    """A pipe whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.source, self.sink = os.pipe()

    def read_line(self) -> bytes:
        """Read up to the end of a line."""
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
        return line

    def read(self, size: int) -> bytes:
        """Read something, or nothing at the end; fail when nothing comes."""
        assert select.select([self.source], [], [], PATIENCE)[0], "nothing was written"
        return os.read(self.source, size)

    def read_all(self) -> bytes:
        """Read to the end; the sink has to be closed."""
        self.close_sink()
        return b"".join(iter(lambda: self.read(65536), b""))

    def close_sink(self) -> None:
        """Close the writing end."""
        with suppress(OSError):
            os.close(self.sink)

    def close_source(self) -> None:
        """Close the reading end."""
        with suppress(OSError):
            os.close(self.source)


class Drops:
    """Counts what it is told, and can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __call__(self, count: int) -> None:
        with self._changed:
            self.count += count
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many were dropped."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, PATIENCE)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Return a pipe, and close what is left of it."""
    pipe = Pipe()
    yield pipe
    pipe.close_sink()
    pipe.close_source()


def stall(pipe: Pipe, writer: LogWriter) -> bytes:
    """Make the writer's thread wait in a write: one line that no pipe holds, and its first byte read."""
    line = b"x" * 200_000 + b"\n"
    writer.write(line)
    return pipe.read(1)


def test_order_is_kept(pipe: Pipe) -> None:
    """Lines come out whole and in the order they were written, before close returns."""
    writer = LogWriter(pipe.sink, flush_interval=0)
    lines = [b"line %d\n" % number for number in range(5000)]
    for line in lines:
        writer.write(line)
    writer.close(PATIENCE)
    assert pipe.read_all() == b"".join(lines)
    assert writer.dropped == 0


def test_wakes_up_again(pipe: Pipe) -> None:
    """A writer that had nothing to do writes the next line as well."""
    writer = LogWriter(pipe.sink)
    for number in range(3):
        writer.write(b"line %d\n" % number)
        assert pipe.read_line() == b"line %d\n" % number
    writer.close(PATIENCE)


def test_enough_lines_do_not_wait(pipe: Pipe) -> None:
    """Lines go out as soon as they are worth a write, and the last ones at the end, whatever the interval."""
    writer = LogWriter(pipe.sink, flush_interval=3600)
    line = b"x" * 1023 + b"\n"
    for _ in range(31):
        writer.write(line)
    assert not select.select([pipe.source], [], [], 0)[0]
    writer.write(line)
    assert b"".join(pipe.read_line() for _ in range(32)) == line * 32
    assert (writer._gathered, writer._calls.empty()) == (0, True)  # the next ones wait again
    writer.write(b"last\n")
    writer.close(PATIENCE)
    assert pipe.read_all() == b"last\n"


def test_the_event_loop_goes_first(pipe: Pipe) -> None:
    """The thread's priority is lower than that of the others, which keep theirs."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    writer = LogWriter(pipe.sink)
    writer.write(b"line\n")
    assert pipe.read_line() == b"line\n"
    thread = writer._thread.native_id
    assert thread is not None
    assert os.getpriority(os.PRIO_PROCESS, thread) == min(own + 10, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
    writer.close(PATIENCE)


def test_stalled_reader(pipe: Pipe) -> None:
    """Past the bound lines are dropped at once and counted exactly; one line says so when there is room."""
    drops = Drops()
    writer = LogWriter(pipe.sink, max_bytes=210_000, flush_interval=0, on_dropped=drops)
    begun = stall(pipe, writer)
    kept = [b"%08d\n" % number for number in range(5000)]
    for line in kept:
        writer.write(line)
    fits = (210_000 - 200_001) // 9
    assert writer.dropped == 5000 - fits
    assert drops.count == 5000 - fits
    lines = [(begun + pipe.read_line())[:3]] + [pipe.read_line() for _ in range(fits + 1)]
    assert lines[0] == b"xxx"
    notices = [json.loads(line) for line in lines if b"dropped" in line]
    assert notices == [{"event": "log.dropped", "level": "warning", "dropped": 5000 - fits}]
    assert [line for line in lines[1:] if b"dropped" not in line] == kept[:fits]
    writer.write(b"after\n")
    assert pipe.read_line() == b"after\n"
    writer.close(PATIENCE)
    assert pipe.read_all() == b""
    assert writer.dropped == 5000 - fits


def test_line_larger_than_the_queue(pipe: Pipe) -> None:
    """A line that never fits is dropped and told of without another one."""
    writer = LogWriter(pipe.sink, max_bytes=10, notice=lambda count: b"lost %d\n" % count)
    writer.write(b"x" * 11)
    assert pipe.read_line() == b"lost 1\n"
    writer.close(PATIENCE)


def test_broken_pipe(pipe: Pipe) -> None:
    """Without a reader every line is dropped and counted, and nothing raises."""
    drops = Drops()
    pipe.close_source()
    writer = LogWriter(pipe.sink, flush_interval=0, on_dropped=drops)
    for number in range(3):
        writer.write(b"a\n")
        writer.write(b"b\n")
        drops.wait_for(2 * number + 2)
    writer.close(PATIENCE)
    assert writer.dropped == drops.count == 6


def test_closed_descriptor() -> None:
    """A descriptor that is none drops, too."""
    pipe = Pipe()
    pipe.close_source()
    pipe.close_sink()
    writer = LogWriter(pipe.sink)
    writer.write(b"a\n")
    writer.close(PATIENCE)
    assert writer.dropped == 1


def test_reader_leaves_in_the_middle(pipe: Pipe) -> None:
    """Lines that went out whole are not counted as dropped when the reader leaves; the torn one is."""
    writer = LogWriter(pipe.sink, flush_interval=0.05)
    for size in (1000, 200_000, 10):
        writer.write(b"x" * size + b"\n")
    assert pipe.read_line() == b"x" * 1000 + b"\n"
    pipe.close_source()
    writer.close(PATIENCE)
    assert writer.dropped == 2


def test_non_blocking_descriptor(pipe: Pipe) -> None:
    """A descriptor that someone made non-blocking is waited for."""
    os.set_blocking(pipe.sink, False)
    writer = LogWriter(pipe.sink, flush_interval=0)
    line = b"x" * 300_000 + b"\n"
    writer.write(line)
    assert pipe.read_line() == line
    writer.close(PATIENCE)
    assert writer.dropped == 0


def test_close_gives_up_on_a_non_blocking_one(pipe: Pipe) -> None:
    """Closing waits no longer than told, and what did not go out is counted."""
    os.set_blocking(pipe.sink, False)
    writer = LogWriter(pipe.sink, flush_interval=0)
    stall(pipe, writer)
    writer.write(b"a\n")
    writer.close(0.1)
    assert writer.dropped == 2


def test_close_gives_up_on_a_blocking_one(pipe: Pipe) -> None:
    """A thread that is stuck in a write does not hold up the end."""
    writer = LogWriter(pipe.sink, flush_interval=0)
    stall(pipe, writer)
    writer.write(b"a\n")
    writer.close(0.05)
    assert writer.dropped == 2
    writer.write(b"too late\n")
    assert writer.dropped == 3
    pipe.close_source()


def test_torn_line_is_ended(pipe: Pipe) -> None:
    """After a line that went out in part the next one begins on a line of its own."""
    os.set_blocking(pipe.sink, False)
    drops = Drops()
    writer = LogWriter(
        pipe.sink, flush_interval=0, on_dropped=drops, notice=lambda count: b"lost %d\n" % count
    )
    stall(pipe, writer)
    pipe.close_source()
    drops.wait_for(1)
    fresh = Pipe()
    os.dup2(fresh.sink, pipe.sink)
    writer.write(b"next\n")
    assert fresh.read_line() == b"\n"
    # The notice of the torn line may still have been on its way.
    assert sorted([fresh.read_line(), fresh.read_line()]) == [b"lost 1\n", b"next\n"]
    writer.close(PATIENCE)
    fresh.close_sink()
    fresh.close_source()
