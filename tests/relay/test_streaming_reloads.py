"""What a reload means for one stream, open or about to be."""

from __future__ import annotations

import pytest

from tentaculo.access.principals import Principal, fingerprint
from tentaculo.config.tokens import digest_of
from tentaculo.errors import GatewayError
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import PRINCIPALS, configuration
from tests.functional.running import TOKEN
from tests.relay.conftest import StartFront
from tests.relay.front import Front
from tests.relay.parts import Upstream
from tests.relay.test_streaming import Asked

OPEN = "{name: open, path: /open, upstream: backend, access: public, stream: {last_event: false}}"
CHECKED = "{name: checked, path: /checked, upstream: backend, stream: {last_event: false}}"
CALLER = Principal("operator-ui", fingerprint(digest_of(TOKEN)))


def text(port: int, *routes: str, principals: str = PRINCIPALS) -> str:
    """Write a file."""
    listed = "".join(f"  - {route}\n" for route in routes or (OPEN, CHECKED))
    return configuration(port, routes=f"routes:\n{listed}").replace(PRINCIPALS, principals)


@pytest.fixture
async def front(start_front: StartFront, upstream: ScriptedUpstream) -> Front:
    """A front with an open stream route and one that is checked."""
    return await start_front(text(upstream.port))


CHANGED = OPEN.replace("last_event: false", "heartbeat: 1h")
ROUTES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "same": ((OPEN, CHECKED), None),
    "renamed": ((OPEN.replace("name: open", "name: other"), CHECKED), None),
    "changed": ((CHANGED, CHECKED), "route_removed"),
    "removed": ((CHECKED,), "route_removed"),
}


@pytest.mark.parametrize(("routes", "reason"), ROUTES.values(), ids=ROUTES)
async def test_route_of_an_open_stream(
    routes: tuple[str, ...], reason: str | None, front: Front, backend: Upstream, upstream: ScriptedUpstream
) -> None:
    """It ends where no route does what its own did; its principal is another matter."""
    asked = Asked(front, backend, "/open")
    stream = asked.opens()
    front.reload(text(upstream.port, *routes))
    front.relay.snapshot.start()
    asked.request.check_principal(front.relay.snapshot)
    assert stream.end_reason is None
    assert asked.request.snapshot is front.relay.snapshot
    asked.request.check_route(front.relay.snapshot)
    assert stream.end_reason == reason
    asked.close()


HOLDERS = {
    "same": (PRINCIPALS, None),
    "more": (PRINCIPALS + "  - {name: more, token: A-token-of-more}\n", None),
    "limit": (PRINCIPALS.replace("}", ", max_streams: 3}"), None),
    "rotated": (PRINCIPALS.replace(TOKEN, "Another-token-of-it"), "revoked"),
    "renamed": (PRINCIPALS.replace("operator-ui", "operators"), "revoked"),
}


@pytest.mark.parametrize(("principals", "reason"), HOLDERS.values(), ids=HOLDERS)
async def test_principal_of_an_open_stream(
    principals: str, reason: str | None, front: Front, backend: Upstream, upstream: ScriptedUpstream
) -> None:
    """It ends where its principal's token counts no more."""
    asked = Asked(front, backend, "/checked", CALLER)
    stream = asked.opens()
    front.reload(text(upstream.port, principals=principals))
    asked.request.check_principal(front.relay.snapshot)
    assert stream.end_reason == reason
    asked.close()


async def test_no_stream_yet(front: Front, backend: Upstream, upstream: ScriptedUpstream) -> None:
    """What is no stream is left alone, with the snapshot that it began with."""
    asked = Asked(front, backend, "/checked", CALLER)
    before = asked.request.snapshot
    front.reload(text(upstream.port, OPEN, principals="principals: []\n"))
    asked.request.check_principal(front.relay.snapshot)
    asked.request.check_route(front.relay.snapshot)
    assert asked.request.snapshot is before
    assert asked.relayed.done == []


LATE: dict[str, tuple[tuple[str, ...], str, tuple[str, str] | None]] = {
    "same": ((OPEN, CHECKED), PRINCIPALS, None),
    "route": ((OPEN,), PRINCIPALS, ("route_removed", "reloaded")),
    "principal": ((OPEN, CHECKED), HOLDERS["rotated"][0], ("unauthorized", "principal_gone")),
}


@pytest.mark.parametrize(("routes", "principals", "refusal"), LATE.values(), ids=LATE)
async def test_stream_that_opens_after_a_reload(
    routes: tuple[str, ...],
    principals: str,
    refusal: tuple[str, str] | None,
    front: Front,
    backend: Upstream,
    upstream: ScriptedUpstream,
) -> None:
    """It opens only if it would have gone on, and then holds the new snapshot."""
    asked = Asked(front, backend, "/checked", CALLER)
    front.reload(text(upstream.port, *routes, principals=principals))
    if refusal is None:
        asked.opens()
        assert asked.request.snapshot is front.relay.snapshot
        asked.close()
        return
    error: GatewayError = asked.refusal()
    assert (error.code, error.reason) == refusal
    assert len(front.relay.streams) == 0
