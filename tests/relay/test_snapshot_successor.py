"""What a snapshot takes over from the one before it, and how that one goes."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

from tentaculo.config.settings import (
    CorsSettings,
    Server,
    Settings,
    StreamSettings,
    Timeouts,
    UpstreamSettings,
)
from tentaculo.relay.plan import RoutePlan
from tentaculo.relay.snapshot import Snapshot, build_snapshot
from tentaculo.telemetry.metrics import Metrics
from tentaculo.upstream.deadlines import Deadlines
from tests.relay.parts import BACKEND, route_of, settings_of

OTHER = UpstreamSettings(name="other", servers=(Server("http", "other.test", 80),))
STREAM = route_of(name="stream", path="/stream", upstream="other", stream=StreamSettings())
BEFORE = settings_of(route_of(), STREAM, upstreams=(BACKEND, OTHER))


def build(settings: Settings, previous: Snapshot | None = None) -> Snapshot:
    """Compile settings."""
    return build_snapshot(settings, metrics=Metrics(version="0"), deadlines=Deadlines(), previous=previous)


def plan_in(snapshot: Snapshot, path: str) -> RoutePlan:
    """Return the route of a path."""
    plan = snapshot.table.match("", path, "GET")
    assert isinstance(plan, RoutePlan)
    return plan


def test_unchanged_upstreams_are_taken_over() -> None:
    """They are the same object, with its connections; others are new."""
    before = build(BEFORE)
    moved = replace(OTHER, servers=(Server("http", "other.test", 81),))
    after = build(settings_of(route_of(name="renamed"), STREAM, upstreams=(moved, BACKEND)), before)
    assert after.upstreams["backend"] is before.upstreams["backend"]
    assert after.upstreams["other"] is not before.upstreams["other"]
    assert plan_in(after, "/api/a").upstream is before.upstreams["backend"]


def test_identity() -> None:
    """It outlives another name and harmless edits; that of sharing depends on the servers too."""
    before = build(BEFORE)
    renamed = replace(STREAM, name="renamed", timeouts=Timeouts(response=7.0))
    old, new = (
        plan_in(before, "/stream"),
        plan_in(build(settings_of(renamed, upstreams=(OTHER,)), before), "/stream"),
    )
    assert (new.identity, new.shared_identity) == (old.identity, old.shared_identity)
    assert new.timeouts.response == 7.0
    moved = replace(OTHER, servers=(Server("http", "other.test", 81),))
    new = plan_in(build(settings_of(STREAM, upstreams=(moved,)), before), "/stream")
    assert new.identity == old.identity
    assert new.shared_identity != old.shared_identity


def test_plans_are_found_by_what_they_do() -> None:
    """Each route is there once, and known by its digest in the outline."""
    snapshot = build(BEFORE)
    assert {identity: plan.name for identity, plan in snapshot.plans.items()} == {
        snapshot.outline.routes["api"]: "api",
        snapshot.outline.routes["stream"]: "stream",
    }


def test_nothing_holds_an_old_one() -> None:
    """A successor has none of it but what it took over, so that it goes without a collection."""
    cors = CorsSettings(origins=("*",))
    settings = replace(BEFORE, routes=tuple(replace(route, cors=cors) for route in BEFORE.routes))
    before = build(settings)
    gone: list[weakref.ref[Any]] = [weakref.ref(before)]
    # Of a plan that is compiled there is no weak reference, but of what it alone has.
    gone += [weakref.ref(plan.cors) for plan in before.plans.values() if plan.cors is not None]
    after = build(settings, before)
    del before
    assert [one() for one in gone] == [None] * 3
    assert len(after.plans) == 2
