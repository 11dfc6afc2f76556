"""Questions to all workers, and one answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tentaculo.access.store import TokenStoreUnavailable
from tentaculo.telemetry.metrics import Metrics
from tentaculo.workers.asking import Answer
from tentaculo.workers.everyone import Everyone
from tentaculo.workers.merging import Exposition
from tests.workers.parts import FakeMember

READY, DEGRADED = (Answer(200, b'{"status": "%s"}' % word) for word in (b"ready", b"degraded"))
REVOKE = ("DELETE", "/principals/a%2Fb/tokens?block=1500ms")


def counted(number: int) -> Answer:
    """Return metrics of one counter."""
    return Answer(200, b"# HELP n_total N\n# TYPE n_total counter\nn_total %d.0\n" % number)


def everyone(*members: FakeMember) -> tuple[Everyone, Any]:
    """Return what asks these workers, and their crew."""
    for member in members:
        if not member.started.done():
            member.started.set_result(None)
    crew = SimpleNamespace(members=list(members), present=list(members), past=Exposition())
    return Everyone(lambda: cast(Any, crew), Metrics(version="1")), crew


@pytest.mark.parametrize(
    ("answers", "live"),
    [([READY, READY], True), ([READY, None], False), ([], True)],
    ids=["all", "one is stuck", "nobody"],
)
async def test_live(answers: list[Answer | None], live: bool) -> None:
    """One that does not answer is enough to be stuck."""
    members = [FakeMember({} if answer is None else {("GET", "/live"): answer}) for answer in answers]
    asking, _ = everyone(*members)
    assert await asking.is_live() is live


async def test_ended_one_is_not_stuck() -> None:
    """Its successor comes."""
    gone = FakeMember()
    asking, _ = everyone(gone)
    gone.end(1)
    assert await asking.is_live()


async def test_store() -> None:
    """It answers if no worker says that it does not."""
    good, bad = FakeMember({("GET", "/ready"): READY}), FakeMember({("GET", "/ready"): DEGRADED})
    assert await everyone(good, FakeMember())[0].store_answers()
    assert not await everyone(good, bad)[0].store_answers()


async def test_revoke() -> None:
    """One worker that can is enough; where none can the store is away."""
    away, able = FakeMember({REVOKE: Answer(503, b"")}), FakeMember({REVOKE: Answer(200, b"")})
    unasked = FakeMember()
    await everyone(away, able, unasked)[0].revoke("a/b", 1.5)
    assert (able.asking.asked, unasked.asking.asked) == ([REVOKE], [])
    with pytest.raises(TokenStoreUnavailable):
        await everyone(away)[0].revoke("a/b", 1.5)
    await everyone(FakeMember({("DELETE", "/principals/ui/tokens"): Answer(200, b"")}))[0].revoke("ui", 0.0)


async def test_streams_by_route() -> None:
    """They are added up."""
    members = [
        FakeMember({("GET", "/configuration"): Answer(200, body)})
        for body in (b'{"streams": {"a": 1, "b": 2}}', b'{"streams": {"a": 3}}')
    ]
    assert await everyone(*members)[0].streams_by_route() == {"a": 4, "b": 2}


async def test_fault_of_a_worker() -> None:
    """What is no list of metrics or streams is not taken for one."""
    answers = {("GET", target): Answer(500, b'{"code": 1}') for target in ("/metrics", "/configuration")}
    asking, _ = everyone(FakeMember(answers))
    assert b"tentaculo_workers 1.0" in (await asking.exposition())[0]
    assert await asking.streams_by_route() == {}


async def test_exposition() -> None:
    """What a worker counted stays when it does not answer, and when it has ended."""
    one, two = FakeMember(), FakeMember()
    asking, crew = everyone(one, two)
    one.asking.answers[("GET", "/metrics")] = counted(2)
    two.asking.answers[("GET", "/metrics")] = counted(3)
    text, content_type = await asking.exposition()
    assert b"n_total 5.0" in text
    assert b"tentaculo_workers 1.0" in text
    assert content_type.startswith("text/plain")
    del two.asking.answers[("GET", "/metrics")]
    assert b"n_total 5.0" in (await asking.exposition())[0]
    two.end(-9)
    crew.members.remove(two)
    crew.present.remove(two)
    crew.past.add(two.exposition)
    one.asking.answers[("GET", "/metrics")] = counted(4)
    assert b"n_total 7.0" in (await asking.exposition())[0]
