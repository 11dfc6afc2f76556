"""What listeners of the log get, in which order, and what they cost."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tentaculo.telemetry import log_tap
from tentaculo.telemetry.log_tap import LineQueue, LogTap, unheard
from tentaculo.telemetry.logs import Logs

MUCH = 1_000_000_000


def taken(queue: LineQueue, most: int = MUCH, size: int = MUCH) -> list[dict[str, Any]]:
    """Return what there is, parsed."""
    return [json.loads(line) for line in queue.take(most, size)]


def numbers(count: int) -> list[dict[str, Any]]:
    """Return events that differ."""
    return [{"number": number} for number in range(count)]


def filled(count: int) -> LineQueue:
    """Return a queue with so many lines."""
    queue = LineQueue()
    for event in numbers(count):
        queue.put(json.dumps(event).encode() + b"\n")
    return queue


def skipped(count: int) -> dict[str, Any]:
    """Return what stands for lines that were left out."""
    return {"event": "console.skipped", "count": count}


# The queue.


def test_lines_in_order() -> None:
    """They come out as they went in, without their ends, so many at a time."""
    queue = filled(5)
    assert taken(queue, 3) == numbers(5)[:3]
    assert queue.take(3, MUCH) == [b'{"number": 3}', b'{"number": 4}']
    assert queue.take(3, MUCH) == []


def test_size_of_what_is_taken() -> None:
    """No line follows once those taken have the size, and one is always taken."""
    queue = filled(5)
    assert [len(queue.take(MUCH, size)) for size in (1, 14, 15, 100)] == [1, 1, 2, 1]


def test_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count stands where lines are missing, and each gap has its own."""
    monkeypatch.setattr(log_tap, "MOST_LINES", 3)
    queue = filled(5)
    assert taken(queue, 1) == numbers(1)
    for text in (b'"again"\n', b'"missed"\n'):
        queue.put(text)
    assert queue.take(MUCH, MUCH) == [
        b'{"number": 1}',
        b'{"number": 2}',
        b'{"event":"console.skipped","count":2}',
        b'"again"',
        b'{"event":"console.skipped","count":1}',
    ]
    queue.put(b"{}\n")
    assert taken(queue) == [{}]


def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they hold is bounded too, be it by one line alone."""
    monkeypatch.setattr(log_tap, "MOST_BYTES", 20)
    queue = filled(4)
    assert taken(queue) == [{"number": 0}, skipped(3)]
    queue.put(b'"' + b"x" * 40 + b'"\n')
    queue.put(b'{"number": 1}\n')
    assert taken(queue) == [skipped(1), {"number": 1}]


def test_logged_within_a_step() -> None:
    """A warning that is logged while a step frees objects does not stop it for ever."""
    queue = LineQueue()

    class Last:
        """Logs when it is freed, as an unclosed resource does."""

        def __del__(self) -> None:
            queue.put(b"{}\n")

    def step() -> None:
        with queue._lock:
            Last()
            gc.collect()

    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert taken(queue) == [{}]


# The tap.


def test_listeners(make_logs: Callable[..., Logs]) -> None:
    """Each gets what is logged while it listens; without any the log is not asked to tell."""
    logs = make_logs()
    tap = LogTap(logs)
    with tap.listen() as first:
        logs.logger.info("one")
        with tap.listen() as second:
            logs.event("info", "two", {"secrets": ()})
        logs.logger.info("three")
        assert logs.tap is not None
    logs.logger.info("four")
    assert logs.tap is None
    assert [event["event"] for event in taken(first)] == ["one", "two", "three"]
    assert [event["event"] for event in taken(second)] == ["two"]


def test_stops_listening_whatever_happens(make_logs: Callable[..., Logs]) -> None:
    """A listener that fails listens no more."""
    logs = make_logs()
    with pytest.raises(LookupError), LogTap(logs).listen():
        raise LookupError
    assert logs.tap is None


def test_from_any_thread(make_logs: Callable[..., Logs]) -> None:
    """Of what many threads log at once nothing is lost, and each thread's order is kept."""
    logs = make_logs()
    with LogTap(logs).listen() as queue:

        def log(thread: int) -> None:
            for number in range(100):
                logs.logger.info("a", thread=thread, number=number)

        threads = [threading.Thread(target=log, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        events = taken(queue)
    assert len(events) == 800
    for number in range(8):
        assert [event["number"] for event in events if event["thread"] == number] == list(range(100))


def test_unheard(make_logs: Callable[..., Logs]) -> None:
    """What comes of telling is written, and not told again; other threads are heard meanwhile."""
    logs = make_logs()
    with LogTap(logs).listen() as queue:
        with unheard():
            logs.logger.info("not told")
            other = threading.Thread(target=lambda: logs.logger.info("told"))
            other.start()
            other.join()
        logs.logger.info("told again")
    assert [event["event"] for event in taken(queue)] == ["told", "told again"]
