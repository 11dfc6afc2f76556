"""Connections: how many, from whom, and how a malformed request on one is answered."""

from __future__ import annotations

import asyncio

import pytest

from tentaculo.errors import BadRequest
from tentaculo.relay.downstream import DownstreamConnection
from tests.fakes.client import RawClient, request, told
from tests.fakes.gates import eventually
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.configuration import configuration
from tests.functional.running import GOOD
from tests.relay.conftest import StartFront
from tests.relay.front import Front

HEALTH = request("GET", "/health")
REFUSED = r"tentaculo_connections_refused_total\{.*"


async def health(client: RawClient) -> int:
    """Ask for the health; the status."""
    await client.send(HEALTH)
    return (await client.reply()).status


async def count_is(front: Front, count: int) -> None:
    """Wait until so many connections are open."""
    await eventually(lambda: front.listener.open_connections == count)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [("connections: 2", "connections"), ("connections_per_client: 2", "connections_per_client")],
)
async def test_connections_are_bounded(
    limits: str, reason: str, start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """One connection too many is refused; those before it go on, and one that ends makes room."""
    front = await start_front(configuration(upstream.port, limits=limits))
    clients = []
    for count in (1, 2, 3):
        clients.append(await front.client())
        await count_is(front, count)
    assert [await health(client) for client in clients] == [200, 200, 503]
    await count_is(front, 2)
    assert front.logs.named("request.finished")[-1]["reason"] == reason
    assert front.metric(rf'{REFUSED[:-2]}reason="{reason}"') == 1
    clients[0].leave()
    await count_is(front, 1)
    assert await health(await front.client()) == 200


async def test_refused_connections_count_until_they_are_gone(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """They hold a descriptor too."""
    front = await start_front(configuration(upstream.port, limits="connections: 1"))
    first = await front.client()
    await count_is(front, 1)
    refused = await front.client()
    await count_is(front, 2)
    assert front.metric("tentaculo_connections_open") == 2
    first.leave()
    refused.leave()
    await count_is(front, 0)
    assert front.metric("tentaculo_connections_open") == 0


async def test_trusted_peers_have_no_bound_of_their_own(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """A proxy in front is many clients at once."""
    text = configuration(
        upstream.port, limits="connections_per_client: 1", extra="trusted_peers: [127.0.0.0/8]\n"
    )
    front = await start_front(text)
    clients = [await front.client() for _ in range(3)]
    await count_is(front, 3)
    assert [await health(client) for client in clients] == [200] * 3


@pytest.mark.parametrize("trusted", [True, False])
async def test_peer(trusted: bool, start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A connection knows who is at its other end, and whether that is believed."""
    extra = "trusted_peers: [127.0.0.1]\n" if trusted else "trusted_peers: [10.0.0.0/8]\n"
    front = await start_front(configuration(upstream.port, extra=extra))
    reply = await front.call(fields=[*GOOD, ("X-Forwarded-For", "192.0.2.7")])
    fields = {name.lower(): value for name, value in told(reply)["headers"]}
    assert fields["x-forwarded-for"] == ("192.0.2.7, 127.0.0.1" if trusted else "127.0.0.1")
    assert front.logs.named("request.finished")[-1]["client"] == ("192.0.2.7" if trusted else "127.0.0.1")


async def test_mapped_addresses_are_shown_as_ipv4(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """On a listener for both families an IPv4 client is the address that trust is given to."""
    front = await start_front(configuration(upstream.port, extra="trusted_peers: [127.0.0.1]\n"))
    transport = _Transport(("::ffff:127.0.0.1", 4711, 0, 0))
    assert front.listener.peer_of(transport).address == "127.0.0.1"
    assert front.listener.peer_of(transport).trusted


@pytest.mark.parametrize("name", [None, ()], ids=["none", "empty"])
async def test_peer_without_a_name(name: object, start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A client that is gone before it was looked at has no address, and is not trusted."""
    front = await start_front(configuration(upstream.port))
    peer = front.listener.peer_of(_Transport(name))
    assert (peer.address, peer.trusted) == ("unknown", False)


class _Transport(asyncio.BaseTransport):
    """A transport that knows nothing but a peer's name."""

    def __init__(self, name: object) -> None:
        super().__init__({"peername": name})


async def test_counts_per_client_are_not_kept(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """A client that is gone is forgotten: its next connections are bounded anew."""
    front = await start_front(configuration(upstream.port, limits="connections_per_client: 1"))
    for _ in range(3):
        client = await front.client()
        assert await health(client) == 200
        client.leave()
        await count_is(front, 0)


async def test_malformed_request_of_a_client_that_is_gone(
    start_front: StartFront, upstream: ScriptedUpstream
) -> None:
    """There is nobody to answer, and nothing to log."""
    front = await start_front(configuration(upstream.port))
    client = await front.client()
    await count_is(front, 1)
    (connection,) = front.listener.connections
    assert isinstance(connection, DownstreamConnection)
    client.leave()
    await count_is(front, 0)
    assert not front.listener.malformed(connection, BadRequest("too late")).keep_alive
    assert front.logs.lines == []


async def test_connections_are_the_gateways_own(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Every connection is one with the gateway's limits, and known while it is open."""
    front = await start_front(configuration(upstream.port))
    await front.client()
    await count_is(front, 1)
    assert [type(connection) for connection in front.listener.connections] == [DownstreamConnection]


async def test_shutdown_ends_what_is_in_hand(start_front: StartFront, upstream: ScriptedUpstream) -> None:
    """Shutting down closes idle connections and cuts the others, upstream too."""
    front = await start_front(configuration(upstream.port))
    await front.call()
    idle, at_once, waiting = [await front.client() for _ in range(3)]
    for client in (at_once, waiting):
        await client.send(request("GET", "/slow-head", GOOD))
    await eventually(lambda: [e.path for e in upstream.exchanges[1:]] == ["/slow-head"] * 2)
    await front.listener.shutdown(0.1)
    for client in (idle, at_once, waiting):
        assert await client.ended()
    for exchange in upstream.exchanges[1:]:
        await exchange.gone()
    await count_is(front, 0)
    assert len(front.logs.named("request.finished")) == 3
