"""Health checks over real sockets: what they ask, what they take for well, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tentaculo.config.upstream_settings import HealthCheckSettings
from tentaculo.upstream.health import JITTER, HealthChecks
from tests.fakes.gates import eventually, soon
from tests.fakes.sockets import Wire
from tests.upstream.fakes import ManualServer, reset
from tests.upstream.servers import House, local

CHECK = HealthCheckSettings(path="/well?deep=1", interval=5.0, timeout=0.3, down_after=2, up_after=2)


class Checked:
    """An upstream with two servers, of which nobody listens at the second, and its checks.

    Their pauses are `pauses`, and each ends when the test calls `go_on`.
    """

    def __init__(self, server: ManualServer) -> None:
        self.server = server
        self.house = House(chance=0.5)
        self.upstream = self.house.build(local(server.port, 1, health_check=CHECK))
        self.one, self.two = self.upstream.servers
        self.pauses: list[float] = []
        self._going = asyncio.Semaphore(0)
        self.checks = HealthChecks(CHECK, (self.one,), lambda: self.house.chance, self._pause)

    async def check(self, reply: bytes | None) -> bytes:
        """Let one check be made and answered; nothing is an end. Return what was asked."""
        checking = asyncio.ensure_future(self.checks.check(self.one))
        wire = await self.server.accept()
        asked = await soon(wire.source.until(b"\r\n\r\n"))
        if reply is None:
            reset(wire)
        else:
            wire.writer.write(reply)
        await soon(checking)
        await soon(wire.gone.wait())
        return asked

    def go_on(self) -> None:
        """End a pause."""
        self._going.release()

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self._going.acquire()

    @property
    def bad(self) -> int:
        """How many checks failed in a row."""
        return self.one._bad_checks


@pytest.fixture
async def checked(server: ManualServer) -> AsyncIterator[Checked]:
    """A server that the test answers for."""
    checked = Checked(server)
    yield checked
    await checked.checks.aclose()
    await checked.upstream.aclose()
    await eventually(lambda: not checked.house.deadlines._watched)
    checked.house.deadlines.close()


def reply(status: int, *, rest: bytes = b"Content-Length: 0\r\n\r\n") -> bytes:
    """Write a reply."""
    return b"HTTP/1.1 %d Whatever\r\n" % status + rest


async def test_what_is_asked(checked: Checked) -> None:
    """A GET of the path, on a connection that ends with it."""
    asked = await checked.check(reply(200))
    lines = asked.decode().split("\r\n")
    assert lines[0] == "GET /well?deep=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{checked.server.port}" in lines
    assert "Connection: close" in lines
    assert checked.one.pool.open_connections == 0
    assert checked.one.pool.take_idle() is None


@pytest.mark.parametrize(
    "answer",
    [
        reply(200),
        reply(204, rest=b"\r\n"),
        reply(302, rest=b"Location: /elsewhere\r\n\r\n"),
        reply(399),
        reply(200, rest=b"Content-Length: 1000000\r\n\r\nthe rest is not waited for"),
        reply(103, rest=b"\r\n") + reply(200),
    ],
    ids=["200", "204", "302", "399", "long body", "early hints"],
)
async def test_good_answers(answer: bytes, checked: Checked) -> None:
    """2xx and 3xx are good, at their head."""
    await checked.check(answer)
    assert (checked.bad, checked.one._good_checks) == (0, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(404), "status_404"),
        (reply(500), "status_500"),
        (reply(503), "status_503"),
        (b"nonsense\r\n\r\n", "parse"),
        (reply(103, rest=b"\r\n"), "timeout"),
        (b"", "timeout"),
    ],
    ids=["404", "500", "503", "not HTTP", "hints only", "silence"],
)
async def test_bad_answers(answer: bytes, reason: str, checked: Checked) -> None:
    """So many of them in a row take the server down, for the last one's reason."""
    await checked.check(answer)
    assert not checked.one.is_down
    await checked.check(answer)
    assert checked.one.is_down
    assert checked.house.facts[-1]["reason"] == reason


async def test_end_without_an_answer_is_bad(checked: Checked) -> None:
    """A reset is no answer."""
    await checked.check(None)
    assert checked.bad == 1


async def test_nobody_there_is_bad(checked: Checked) -> None:
    """A connection that is refused is a check that failed."""
    for _ in range(2):
        await soon(checked.checks.check(checked.two))
    assert checked.two.state == "down"
    assert checked.house.facts[-1]["reason"] == "refused"


async def test_server_comes_and_goes(checked: Checked) -> None:
    """Down after bad ones, up after good ones, each told once, with the server's slow start."""
    for status in (500, 500, 500, 200, 200, 200):
        await checked.check(reply(status))
    assert checked.house.events == ["warning server.down", "info server.up"]
    assert checked.one.state == "slow_start"


# Time.


async def next_check(checked: Checked, answer: bytes) -> Wire:
    """End a pause, and answer the check that follows it."""
    count = len(checked.pauses)
    checked.go_on()
    wire = await checked.server.accept()
    wire.writer.write(answer)
    await eventually(lambda: len(checked.pauses) == count + 1)
    return wire


async def test_checks_go_on_with_jitter(checked: Checked) -> None:
    """The first comes soon and at random, the others around the interval, whatever is answered."""
    checked.checks.start()
    await eventually(lambda: len(checked.pauses) == 1)
    for chance in (0.0, 1.0, 0.5):
        checked.house.chance = chance
        await next_check(checked, reply(500))
    first, *others = checked.pauses
    assert first == 0.5
    assert others == pytest.approx([5 * (1 - JITTER), 5 * (1 + JITTER), 5])
    assert checked.one.is_down


async def test_check_that_breaks_does_not_end_the_others(checked: Checked) -> None:
    """A fault of the gateway's own is reported, says nothing of the server, and leaves the next its turn."""
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))
    unwritable = HealthCheckSettings(path="/\ud800")
    checks = HealthChecks(unwritable, (checked.one,), lambda: 0.0, checked._pause)
    checks.start()
    for count in (2, 3):
        checked.go_on()
        await eventually(lambda: len(checked.pauses) == count)  # noqa: B023 - awaited in the loop
    assert reported == ["a health check could not be made"] * 2
    assert checked.bad == 0
    await checks.aclose()


async def test_checks_end_in_the_middle(checked: Checked) -> None:
    """Closing does not wait for an answer, and leaves nothing open; closing again does nothing."""
    checked.checks.start()
    checked.go_on()
    wire = await checked.server.accept()
    await soon(checked.checks.aclose())
    assert not [task for task in asyncio.all_tasks() if "health" in task.get_name()]
    await soon(checked.checks.aclose())
    await soon(wire.gone.wait())
    assert checked.bad == 0


async def test_upstream_starts_and_ends_its_checks(checked: Checked) -> None:
    """Every server is checked, from `start` up to `aclose`; starting twice is starting once."""
    checked.house.chance = 0.0
    checked.upstream.start()
    checked.upstream.start()
    wire = await checked.server.accept()
    assert (await soon(wire.source.until(b"\r\n\r\n"))).startswith(b"GET /well?deep=1 ")
    wire.writer.write(reply(200))
    await eventually(lambda: checked.one._good_checks == 1 and checked.two._bad_checks == 1)
    await soon(checked.upstream.aclose())
    assert len(checked.server._listener.wires) == 1


async def test_without_settings_nothing_is_checked(server: ManualServer) -> None:
    """No path, no checks."""
    house = House()
    upstream = house.build(local(server.port))
    before = asyncio.all_tasks()
    upstream.start()
    assert asyncio.all_tasks() == before
    await soon(upstream.aclose())
