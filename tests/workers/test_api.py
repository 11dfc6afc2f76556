"""The admin API of a supervisor: who may call it, and what it knows itself."""

from __future__ import annotations

import hashlib
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tentaculo.config.outline import changes, outline_of
from tentaculo.relay.reloading import Reloaded
from tentaculo.workers.api import MergedApi
from tentaculo.workers.everyone import Everyone
from tests.workers.parts import worker_settings

OUTLINE = outline_of(worker_settings())
TOKEN = {"Authorization": "Bearer Admin-token-of-this"}


class Workers:
    """Workers with a stream each."""

    def __init__(self) -> None:
        self.revoked: list[tuple[str, float]] = []

    async def revoke(self, principal: str, block: float) -> None:
        """Take it in."""
        self.revoked.append((principal, block))

    async def streams_by_route(self) -> dict[str, int]:
        """Return two."""
        return {"events": 2}


async def reload() -> Reloaded:
    """Change nothing."""
    return Reloaded(changes(OUTLINE, OUTLINE))


@pytest.mark.parametrize("allowed", [True, False])
async def test_calls(allowed: bool) -> None:
    """Each needs the operator's token, and is answered for all workers."""
    workers, app = Workers(), web.Application()
    digest = hashlib.sha256(b"Admin-token-of-this").digest()
    everyone = cast(Everyone, workers)
    MergedApi(lambda: digest, everyone, outline=lambda: OUTLINE, reload=reload).add_to(app)
    (name,) = OUTLINE.principals
    async with TestClient(TestServer(app)) as client:
        fields = TOKEN if allowed else {}
        told = await client.get("/configuration", headers=fields)
        revoked = await client.delete(f"/principals/{name}/tokens?block=2s", headers=fields)
        reloaded = await client.post("/reload", headers=fields)
        assert {told.status, revoked.status, reloaded.status} == {200 if allowed else 401}
        if allowed:
            assert (await told.json())["streams"] == {"events": 2}
            assert (await told.json())["routes"] == dict(OUTLINE.routes)
    assert workers.revoked == ([(name, 2.0)] if allowed else [])
