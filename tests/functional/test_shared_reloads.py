"""Shared streams across edits: who shares with whom, and where the stream is opened again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartUpstream
from tests.functional.editing import OTHER, REST, EditedGateway, edited

SHARED = "{name: events, path: /sse/events, upstream: backend, stream: {shared: true}}"
ROUTES = (SHARED, OTHER, REST)


@pytest.fixture
async def gateway(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[EditedGateway]:
    """A gateway with a shared stream."""
    gateway = EditedGateway(tmp_path / "tentaculo.yaml", edited(upstream.port, *ROUTES))
    await gateway.start()
    yield gateway
    await gateway.stop()
    gateway.check_log()


async def test_unchanged_route(gateway: EditedGateway, upstream: ScriptedUpstream) -> None:
    """Who comes after a reload joins those who came before, also by another name of the route."""
    before = await gateway.open()
    await gateway.edit(edited(upstream.port, SHARED.replace("name: events", "name: feed"), REST))
    after = await gateway.open()
    upstream.events.put_nowait(b"id: 1\ndata: for all\n\n")
    for client in (before, after):
        await client.until(b"for all")
    assert len(upstream.exchanges) == 1


async def test_changed_upstream(
    gateway: EditedGateway, upstream: ScriptedUpstream, start_upstream: StartUpstream
) -> None:
    """Who comes then gets a stream of the new one; the old one goes on, and is opened again at the new."""
    other = await start_upstream()
    before = await gateway.open()
    await gateway.edit(edited(other.port, *ROUTES))
    after = await gateway.open()
    upstream.events.put_nowait(b"id: 1\ndata: from the old\n\n")
    other.events.put_nowait(b"id: 1\ndata: from the new\n\n")
    await before.until(b"from the old")
    await after.until(b"from the new")
    upstream.exchanges[0].wire.abort()
    await gateway.logs.wait_for("shared_stream.reopened")
    assert (len(upstream.exchanges), len(other.exchanges)) == (1, 2)
    for number in (2, 3):
        other.events.put_nowait(b"id: %d\ndata: after all\n\n" % number)
    for client in (before, after):
        await client.until(b"after all")
    assert gateway.logs.named("stream.ended") == []
