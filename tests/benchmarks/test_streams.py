"""Tests of the benchmark of streams: its limits, and short runs of all of it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from scripts.benchmarks import stream_samples, streams
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.event_backend import SMALLEST_EVENT
from scripts.benchmarks.form import Form
from scripts.benchmarks.peers import Peer, Place
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.stream_peers import CASES, MAKERS, RELAYED, SHARED, Row, make_relayed
from scripts.benchmarks.stream_report import StreamResult
from scripts.benchmarks.streams import Options, allow_files, run
from tests.benchmarks.test_stream_samples import sample

OURS, NGINX = Row("tentaculo", RELAYED), Row("nginx", RELAYED)


def options(*cases: str) -> Options:
    """Return a run of a second through this gateway alone."""
    return Options(
        rounds=1,
        seconds=1,
        streams=5,
        rate=10,
        size=SMALLEST_EVENT,
        peers=("tentaculo",),
        cases=cases,
        form=Form(sys.executable),
    )


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are not these tests' matter: nothing has to become warm, and a busy machine may lose events."""
    monkeypatch.setattr(streams, "WARM_UP_SECONDS", 0.05)
    monkeypatch.setattr(stream_samples, "TOLERANCE", 0.9)


def test_a_short_run_measures_relaying() -> None:
    """Real gateway, backend and clients: all that is needed for the figures is there."""
    said: list[str] = []
    result = run(options(RELAYED), said.append)
    assert [(one.row, one.round) for one in result.samples] == [(OURS, 0)]
    assert (result.samples[0].load.streams, result.samples[0].load.upstream_streams) == (5, 5)
    assert result.samples[0].load.events > 0
    assert result.versions["tentaculo"].startswith("this tree, ")
    assert said[-1].startswith("round 1/1, tentaculo, relayed: ")


def test_what_was_not_shared_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that relays can't pass for one that shares."""
    monkeypatch.setitem(MAKERS, "tentaculo", {SHARED: make_relayed})
    said: list[str] = []
    with pytest.raises(BenchFailed, match="5 upstream streams were open, not 1"):
        run(options(SHARED), said.append)
    assert said == ["void: round 1 of tentaculo, shared: 5 upstream streams were open, not 1"]


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
def test_a_peer_that_can_not_be_measured(code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and why is said."""

    def make(place: Place, streams: int) -> Peer:
        port = next(place.ports)
        command = (sys.executable, "-c", code.replace("%d", str(port)))
        return Peer(name="it", version="1", command=command, port=port, output=place.folder / "it.out")

    monkeypatch.setitem(MAKERS, "tentaculo", {RELAYED: make})
    with pytest.raises(BenchFailed, match=f"tentaculo, relayed {said}"):
        run(options(RELAYED), print)


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Return what a run was asked for; the goals of relaying are met, that of sharing was not measured."""
    seen: list[Options] = []

    def measured(given: Options, _: object) -> StreamResult:
        seen.append(given)
        samples = (sample(OURS, 0), sample(NGINX, 0))
        return StreamResult(title="Streams", machine="one", versions={}, samples=samples, void=())

    monkeypatch.setattr(streams, "run", measured)
    return seen


def test_what_is_measured_unless_told_otherwise(asked: list[Options]) -> None:
    """A thousand streams of ten events a second, in both cases, through all peers."""
    main(["streams", "--pure", "--python", sys.executable])
    main(["streams", "--pure", "--python", sys.executable, "--cases", "relayed", "--peers", "nginx"])
    assert (asked[0].streams, asked[0].rate, asked[0].size) == (1000, 10, 200)
    assert (asked[0].rounds, asked[0].seconds) == (5, 5)
    assert (asked[0].peers, asked[0].cases) == (("tentaculo", "nginx"), CASES)
    assert (asked[1].peers, asked[1].cases) == (("nginx",), (RELAYED,))


@pytest.mark.usefixtures("asked")
def test_exit_code_tells_whether_goals_are_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 where one is not met, and 0 where all are or where nobody asks."""
    command = ["streams", "--pure", "--python", sys.executable]
    assert main(command) == 1
    assert "**not met**" in capsys.readouterr().out
    assert main([*command, "--no-goals"]) == 0
    assert "met" not in capsys.readouterr().out.replace("not measured", "")
    monkeypatch.setattr(stream_samples, "GOALS", stream_samples.GOALS[:2])
    assert main(command) == 0


@pytest.mark.usefixtures("asked")
def test_every_sample_is_written(tmp_path: Path) -> None:
    """The file is named from where the user is."""
    command = ["--origin", str(tmp_path), "streams", "--pure", "--python", sys.executable]
    main([*command, "--json", "streams.json"])
    assert '"cpu_per_event"' in (tmp_path / "streams.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "20"], f"must be at least {SMALLEST_EVENT}"),
        (["--cases", "relayed,both"], "'both' is none of relayed, shared"),
        (["--peers", "apache"], "'apache' is none of tentaculo, nginx"),
        (["--streams", "0"], "must be at least 1"),
    ],
    ids=["size", "case", "peer", "streams"],
)
def test_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake on the command line is named, and the exit code is 2."""
    with pytest.raises(SystemExit) as caught:
        main(["streams", *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
