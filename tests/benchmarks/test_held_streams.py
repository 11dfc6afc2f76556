"""Tests of what the benchmarks of held streams have in common: their limits, and short runs of all of it."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmarks import held_streams
from scripts.benchmarks.event_backend import SMALLEST_EVENT
from scripts.benchmarks.event_load import EventLoad
from scripts.benchmarks.figures import Goal
from scripts.benchmarks.form import Form
from scripts.benchmarks.held_streams import (
    CPU_PER_EVENT,
    MEDIAN,
    Crowding,
    Study,
    add_options,
    allow_files,
    backend_options,
    fault_in,
    figures_of,
    measure,
    run_study,
)
from scripts.benchmarks.options import Asked
from scripts.benchmarks.peers import Features, Peer, Place
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.stream_peers import Feed, Row, make_relayed, make_shared

LOAD = EventLoad(
    streams=10,
    upstream_streams=10,
    events=500,
    fewest=49,
    seconds=5.0,
    cpu_seconds=0.01,
    clients_cpu_seconds=0.02,
    backend_cpu_seconds=0.03,
    idle_bytes=1 << 20,
    open_bytes=(1 << 20) + 10 * 2048,
    median_ms=0.5,
    p99_ms=1.5,
)
OURS = Row("tentaculo", make_relayed)
FORM = Form(sys.executable)
CROWDING = Crowding(rounds=1, seconds=1, streams=5, rate=10, size=SMALLEST_EVENT)


def study(*rows: Row) -> Study:
    """Return one with a goal and a remark."""
    goal = Goal(figure=CPU_PER_EVENT, subject="tentaculo", against="nginx", at_most=1.0)
    return Study(name="it", title="Some streams", rows=rows, goals=(goal,), remarks=("As it is.",))


def own(*arguments: str) -> argparse.Namespace:
    """Return the options that both benchmarks add."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are not the tests' matter: nothing has to become warm, and a busy machine may lose events."""
    monkeypatch.setattr(held_streams, "WARM_UP_SECONDS", 0.05)
    monkeypatch.setattr(held_streams, "TOLERANCE", 0.9)


def test_figures_of_a_load() -> None:
    """CPU time is divided by delivered events, added memory by open streams; each column has its figure."""
    figures = figures_of(LOAD)
    assert [figures[column.figure] for column in held_streams.COLUMNS] == [20.0, 2.0, 0.002, 0.5, 1.5]
    assert (figures["cores used by the clients"], figures["cores used by the backend"]) == (0.004, 0.006)


@pytest.mark.parametrize(
    ("changes", "feed", "said"),
    [
        ({}, Feed.OWN, None),
        ({}, Feed.TOGETHER, None),
        ({"events": 475}, Feed.OWN, None),
        ({"events": 474}, Feed.OWN, "474 of 500 events came"),
        ({"events": 526}, Feed.OWN, "526 of 500 events came"),
        ({"fewest": 40}, Feed.OWN, "one stream got 40 of 50 events"),
        ({"seconds": 1.0, "events": 90, "fewest": 9}, Feed.OWN, None),
        ({"seconds": 1.0, "events": 89, "fewest": 8}, Feed.OWN, "89 of 100 events came"),
        ({"upstream_streams": 1}, Feed.ONE, None),
        ({"upstream_streams": 0}, Feed.HUB, None),
        ({"upstream_streams": 1}, Feed.OWN, "1 upstream streams were open, not 10"),
        ({}, Feed.ONE, "10 upstream streams were open, not 1"),
        ({}, Feed.HUB, "10 upstream streams were open, not 0"),
        ({"cpu_seconds": 4.6}, Feed.OWN, "it kept 0.92 cores busy, more than 0.9"),
        ({"backend_cpu_seconds": 4.6}, Feed.OWN, "the backend kept 0.92 cores busy, more than 0.9"),
        ({"clients_cpu_seconds": 4.6}, Feed.OWN, "the clients kept 0.92 cores busy, more than 0.9"),
    ],
)
def test_what_makes_a_load_void(changes: dict[str, float], feed: Feed, said: str | None) -> None:
    """Events that did not come, streams that were not served as is measured, and who could do no more."""
    load = replace(LOAD, **changes)  # type: ignore[arg-type]
    assert fault_in(load, Row("it", make_relayed, feed), 10) == said


@pytest.mark.usefixtures("short")
def test_a_short_run() -> None:
    """Real gateway, backend and clients: relaying and sharing have all that the table needs."""
    said: list[str] = []
    rows = (OURS, Row("tentaculo, shared", make_shared, Feed.ONE))
    result = measure(study(*rows), CROWDING, FORM, said.append)
    assert [(one.row, one.round) for one in result.measurements] == [(row.name, 0) for row in rows]
    assert all(one.figures[MEDIAN] > 0 for one in result.measurements)
    assert result.versions["tentaculo"].startswith("this tree, ")
    assert result.title == "Some streams: 5, 10 events/s to each, 28-byte events, 1 rounds of 1 s"
    assert (result.name, result.remarks) == ("it-5", ("As it is.",))
    assert said[0].startswith("round 1 of tentaculo with 5 streams: ")


@pytest.mark.usefixtures("short")
def test_what_was_not_shared_is_void() -> None:
    """A gateway that relays can't pass for one that shares; what is left out is said."""
    pretender = Row("tentaculo, shared", make_relayed, Feed.ONE)
    fault = "round 1 of tentaculo, shared with 5 streams: 5 upstream streams were open, not 1"
    said: list[str] = []
    with pytest.raises(BenchFailed, match=fault):
        measure(study(pretender), CROWDING, FORM, said.append)
    assert said == [f"void: {fault}"]
    result = measure(study(OURS, pretender), CROWDING, FORM, said.append)
    assert [one.row for one in result.measurements] == ["tentaculo"]
    assert result.remarks[1:] == (f"Left out: {fault}.",)


@pytest.mark.usefixtures("short")
def test_a_load_that_fails_is_void() -> None:
    """One round that a peer does not bear does not end those of the others."""

    def make(place: Place, streams: int) -> Peer:
        peer = make_relayed(place, 1)
        config = place.folder / "streams-tentaculo.yaml"
        config.write_text(config.read_text().replace("streams: 51", "streams: 3"))
        return peer

    result = measure(study(OURS, Row("tentaculo, full", make)), CROWDING, FORM, print)
    assert [one.row for one in result.measurements] == ["tentaculo"]
    assert "round 1 of tentaculo, full with 5 streams: the peer answered 503" in result.remarks[1]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('bad key')", "can't be measured: it ended with exit code 1: bad key"),
        (
            "from scripts.benchmarks.event_backend import main; main(['--rate=1', '--size=99', '--port=%d'])",
            "can't be measured: it answered 200 to a wrong token",
        ),
    ],
    ids=["does not start", "checks no token"],
)
def test_a_peer_that_can_not_be_measured(code: str, said: str) -> None:
    """It is named, and why is said."""

    def make(place: Place, streams: int) -> Peer:
        port = next(place.ports)
        command = (sys.executable, "-c", code.replace("%d", str(port)))
        return Peer(name="it", version="1", command=command, port=port, output=place.folder / "it.out")

    with pytest.raises(BenchFailed, match=f"it {said}"):
        measure(study(Row("it", make)), CROWDING, FORM, print)


@pytest.mark.parametrize(
    ("feed", "added"),
    [(Feed.OWN, []), (Feed.ONE, []), (Feed.TOGETHER, ["--together"]), (Feed.HUB, ["--hub=9001"])],
    ids=["own", "one", "together", "hub"],
)
def test_the_backend_of_a_row(feed: Feed, added: Sequence[str], tmp_path: Path) -> None:
    """It is asked for what the row needs."""
    features = Features(log=tmp_path, metrics_port=9001, metrics_path="", counter="")
    peer = Peer(name="it", version="1", command=(), port=9000, output=tmp_path, features=features)
    assert backend_options(CROWDING, 8003, feed, peer) == [
        "--port=8003",
        "--rate=10",
        f"--size={SMALLEST_EVENT}",
        *added,
    ]


def test_options() -> None:
    """A thousand streams of ten events a second, and five thousand of fewer, unless told otherwise."""
    assert vars(own()) == {"streams": (1000, 5000), "rates": (10, 2), "size": 200}
    assert own("--streams", "3", "--size", str(SMALLEST_EVENT)).streams == (3,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "20"], f"must be at least {SMALLEST_EVENT}"),
        (["--streams", "0"], "must be at least 1"),
        (["--rates", "1,0"], "must be at least 1"),
    ],
    ids=["size", "streams", "rate"],
)
def test_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is named."""
    with pytest.raises(SystemExit):
        own(*arguments)
    assert said in capsys.readouterr().err


def test_only_the_first_number_of_streams_has_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a rate, the last one's where none is left; the others have fewer rounds and no bounds."""
    seen: list[tuple[Study, Crowding]] = []
    monkeypatch.setattr(
        held_streams, "measure", lambda study, crowding, form, say: seen.append((study, crowding))
    )
    given = own("--streams", "10,20,30", "--rates", "5,4")
    asked = Asked(rounds=5, seconds=3, peers=("tentaculo",), form=FORM, own=given)
    run_study(study(OURS, Row("nginx", make_relayed)), asked, print)
    assert [(one.streams, one.rate, one.rounds) for _, one in seen] == [(10, 5, 5), (20, 4, 2), (30, 4, 2)]
    assert [one.goals[0].at_most for one, _ in seen] == [1.0, None, None]
    assert {one.rows for one, _ in seen} == {(OURS,)}


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is raised when it is too low, left when it is enough, and asked for when it can't be."""
    limits = [(100, 1000)]
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda what, values: limits.append(values))
    allow_files(500)
    allow_files(400)
    assert limits == [(100, 1000), (500, 1000)]
    with pytest.raises(BenchFailed, match="1001 open files are needed and 1000 allowed"):
        allow_files(1001)
    limits[:] = [(resource.RLIM_INFINITY, resource.RLIM_INFINITY)]
    allow_files(10**9)
    assert len(limits) == 1
