"""Reloads of one relay: what comes of good, bad and impossible configurations, and of what is no more."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tentaculo.config.loader import load_text
from tentaculo.config.settings import Settings
from tentaculo.relay import reloading
from tentaculo.relay.reloading import NAMES_TOLD, NotApplied, Reloaded, Reloader
from tentaculo.relay.snapshot import Snapshot, build_snapshot
from tests.fakes.client import RawClient, request
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.editing import EVENTS, OTHER, PRINCIPAL, REST, edited
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front

GRACE = 0.05


class Edited:
    """A front whose text a test edits; `refusal` and `fault` are raised where it is to be applied."""

    def __init__(self, front: Front, text: str) -> None:
        self.front = front
        self.text = text
        self.applied: list[Settings] = []
        self.refusal: Exception | None = None
        self.threads: list[threading.Thread] = []
        self.at_work = self.most_at_work = 0
        self.reloader = Reloader(
            front.relay, load=self._load, build=self._build, apply=self._apply, grace_seconds=GRACE
        )

    def _load(self) -> Settings:
        self.threads.append(threading.current_thread())
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        return load_text(self.text, source=Path("tentaculo.yaml"), environ={})

    def _build(self, settings: Settings, previous: Snapshot) -> Snapshot:
        snapshot = build_snapshot(
            settings,
            metrics=self.front.relay.metrics,
            deadlines=self.front.deadlines,
            standings=self.front.standings,
            previous=previous,
        )
        self.front._snapshots[:] = [snapshot]
        return snapshot

    async def _apply(self, settings: Settings) -> None:
        assert settings is not self.front.relay.snapshot.settings
        self.applied.append(settings)
        await asyncio.sleep(0)
        self.at_work -= 1
        if self.refusal is not None:
            raise self.refusal

    async def reload(self, text: str) -> Reloaded:
        """Edit and reload."""
        self.text = text
        return await self.reloader.reload()

    async def open(self, target: str) -> RawClient:
        """Open a stream."""
        client = await self.front.client()
        await client.send(request("GET", target, GOOD))
        assert (await client.head()).status == 200
        return client

    async def graces_are_over(self) -> None:
        """Wait until nothing more is going to end."""
        await eventually(lambda: not self.reloader._graces)


@pytest.fixture
async def running(start_front: StartFront, upstream: ScriptedUpstream) -> AsyncIterator[Edited]:
    """A front with three routes."""
    text = edited(upstream.port)
    running = Edited(await start_front(text), text)
    yield running
    running.reloader.close()


async def test_good_one(running: Edited, upstream: ScriptedUpstream) -> None:
    """It is read in another thread, applied, swapped in, counted and told of."""
    front, before = running.front, running.front.relay.snapshot
    reloaded = await running.reload(edited(upstream.port, EVENTS, REST))
    assert reloaded.changes is not None
    assert reloaded.changes.routes.removed == ("other",)
    assert front.relay.snapshot is not before
    assert running.applied == [front.relay.snapshot.settings]
    assert running.threads[0] is not threading.current_thread()
    assert front.logs.named("config.reloaded")[0]["routes_removed"] == ["other"]
    assert front.logs.named("config.needs_restart") == []
    assert front.metric(r'tentaculo_config_reloads_total\{outcome="applied"') == 1
    assert front.metric("tentaculo_config_rejected ") == 0


async def test_needs_restart(running: Edited, upstream: ScriptedUpstream) -> None:
    """What only a restart changes is said so."""
    reloaded = await running.reload(edited(upstream.port).replace("level: debug", "level: info"))
    assert reloaded.changes is not None
    assert reloaded.changes.fixed == ("log",)
    assert running.front.logs.named("config.needs_restart")[0]["keys"] == ["log"]


async def test_bad_one(running: Edited, upstream: ScriptedUpstream) -> None:
    """All problems are told, and nothing has changed."""
    front, before = running.front, running.front.relay.snapshot
    reloaded = await running.reload("listen: 1\nnonsense: 2\n")
    assert reloaded.changes is None
    assert len(reloaded.problems) > 2
    assert running.reloader.problems == reloaded.problems
    assert front.relay.snapshot is before
    assert running.applied == []
    assert front.logs.named("config.rejected")[0]["problems"] == list(reloaded.problems)
    assert front.metric("tentaculo_config_rejected ") == 1
    await running.reload(edited(upstream.port))
    assert running.reloader.problems == ()
    assert front.metric("tentaculo_config_rejected ") == 0


async def test_files_of_one_that_was_rejected(
    running: Edited, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """They count beside those of the one in effect, until something else is read."""

    def named() -> set[str]:
        return {mark.path.name for mark in running.reloader.files}

    assert named() == {"tentaculo.yaml"}
    missing = edited(upstream.port, principals=("{name: a, token_file: missing}",))
    assert (await running.reload(missing)).changes is None
    assert named() == {"tentaculo.yaml", "missing"}
    await running.reload("nonsense")
    assert named() == {"tentaculo.yaml"}
    token = tmp_path / "token"
    token.write_text("token-in-the-file")
    running.refusal = NotApplied("not now")
    await running.reload(edited(upstream.port, principals=(f"{{name: a, token_file: {token}}}",)))
    assert named() == {"tentaculo.yaml", "token"}
    running.refusal = None
    await running.reload(edited(upstream.port))
    assert named() == {"tentaculo.yaml"}


@pytest.mark.parametrize(
    ("fault", "problem", "logged"),
    [
        (NotApplied("cannot listen on x"), "cannot listen on x", 0),
        (LookupError("my-own-secret"), "the gateway failed on it: LookupError", 1),
    ],
    ids=["impossible", "fault"],
)
async def test_one_that_can_not_be_had(
    fault: Exception, problem: str, logged: int, running: Edited, upstream: ScriptedUpstream
) -> None:
    """It is rejected with a sentence, and a fault of the gateway's own is logged with its place."""
    before, running.refusal = running.front.relay.snapshot, fault
    text = edited(upstream.port, EVENTS, REST)
    reloaded = await running.reload(text.replace("backend", "new-one"))
    assert reloaded == Reloaded(None, (problem,))
    assert running.front.relay.snapshot is before
    assert len(running.front.logs.named("config.failed")) == logged
    assert running.front.metric('.*upstream="backend"') > 0
    assert running.front.metric('.*upstream="new-one"') == 0
    running.refusal = None
    assert (await running.reload(running.text)).changes is not None


async def test_many_names(running: Edited, upstream: ScriptedUpstream) -> None:
    """A long list is cut in the log, which says how many more there are."""
    many = [f"{{name: r{n}, path: /r{n}, upstream: backend}}" for n in range(NAMES_TOLD + 7)]
    await running.reload(edited(upstream.port, EVENTS, OTHER, REST, *many))
    names = running.front.logs.named("config.reloaded")[0]["routes_added"]
    assert (len(names), names[-1]) == (NAMES_TOLD + 1, "and 7 more")


async def test_one_after_another(running: Edited) -> None:
    """Reloads asked for at once do not meet."""
    results = await asyncio.gather(*(running.reloader.reload() for _ in range(4)))
    assert all(result.changes is not None for result in results)
    assert (len(running.applied), running.most_at_work) == (4, 1)


async def test_interpreter_is_left_as_it_was(running: Edited) -> None:
    """Whatever comes of it, garbage is collected and threads switch as before."""
    interval = sys.getswitchinterval()
    await running.reload("nonsense")
    assert gc.isenabled()
    assert sys.getswitchinterval() == interval


class Ring:
    """Something that holds itself, as open connections do."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_was_there_may_still_become_garbage(running: Edited) -> None:
    """A reload puts nothing out of the collector's reach, or each one would cost memory for ever."""
    ring = Ring()
    gone = weakref.ref(ring)
    await running.reloader.reload()
    del ring
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("many", [False, True])
async def test_the_collector_counts_on(many: bool, running: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its counts start anew only where there is too much to look through, or quick reloads would stop it."""
    monkeypatch.setattr(reloading, "MANY_OBJECTS", 10 if many else 10_000_000)
    thresholds = gc.get_threshold()
    gc.set_threshold(10_000_000)
    try:
        kept: list[list[int]] = [[] for _ in range(5000)]
        await running.reloader.reload()
        assert (gc.get_count()[0] < len(kept)) is many
    finally:
        gc.set_threshold(*thresholds)


CHANGED = OTHER.replace("stream: {}", "stream: {heartbeat: 1h}")
GONE = {"removed": (EVENTS, REST), "changed": (EVENTS, CHANGED, REST)}


@pytest.mark.parametrize("routes", GONE.values(), ids=GONE)
async def test_streams_of_routes_that_are_gone(
    routes: tuple[str, ...], running: Edited, upstream: ScriptedUpstream
) -> None:
    """They end after the grace, and no other does."""
    other, kept = await running.open("/sse/other"), await running.open("/sse/events")
    await running.reload(edited(upstream.port, *routes))
    assert running.front.logs.named("stream.ended") == []
    assert b"route_removed" in await other.until(b"0\r\n\r\n")
    event = await running.front.logs.wait_for("stream.ended")
    assert (event["route"], event["end_reason"]) == ("other", "route_removed")
    await running.graces_are_over()
    assert len(running.front.relay.streams) == 1
    kept.leave()


async def test_edit_that_is_taken_back(running: Edited, upstream: ScriptedUpstream) -> None:
    """Within the grace nothing was lost."""
    running.reloader._grace_seconds = 60
    other = await running.open("/sse/other")
    await running.reload(edited(upstream.port, EVENTS, REST))
    await running.reload(edited(upstream.port))
    running.front.relay.end_removed()  # as after the grace
    assert running.front.logs.named("stream.ended") == []
    other.leave()


async def test_end_of_the_grace_after_the_end_of_all(running: Edited, upstream: ScriptedUpstream) -> None:
    """Once closed it does nothing more."""
    other = await running.open("/sse/other")
    await running.reload(edited(upstream.port, EVENTS, REST))
    running.reloader.close()
    assert running.reloader._graces == set()
    other.leave()


async def test_principal_that_is_gone(running: Edited, upstream: ScriptedUpstream) -> None:
    """Its streams end without a grace."""
    stream = await running.open("/sse/events")
    await running.reload(edited(upstream.port, principals=(PRINCIPAL.replace("token: ", "token: new-"),)))
    assert b"revoked" in await stream.until(b"0\r\n\r\n")


async def test_old_snapshot_goes_in_pieces(running: Edited, upstream: ScriptedUpstream) -> None:
    """Streams hold none, and calls theirs until they end; then the plans go too, without a collection."""
    relay, stream = running.front.relay, await running.open("/sse/events")
    # Of a plan that is compiled there is no weak reference, but of what it alone has.
    cors = relay.snapshot.plans[_identity(relay.snapshot, "rest")].cors
    assert cors is not None
    old, plan = weakref.ref(relay.snapshot), weakref.ref(cors)
    del cors
    call = await running.front.client()
    await call.send(request("GET", "/slow-head", GOOD))
    while (await upstream.next()).path != "/slow-head":
        pass
    gc.disable()
    try:
        await running.reload(edited(upstream.port))
        assert old() is not None
        upstream.gates.open("head")
        assert (await call.reply()).status == 200
        call.leave()
        await eventually(lambda: old() is None)
        await eventually(lambda: plan() is None)
    finally:
        gc.enable()
    stream.leave()


def _identity(snapshot: Snapshot, name: str) -> str:
    return snapshot.outline.routes[name]
