"""Each fault of the network between client and gateway, at each stage of an exchange."""

from __future__ import annotations

import pytest

from tests.fakes.client import RawClient, request
from tests.fakes.fault_proxy import Course, Fault, FaultProxy, Plan
from tests.fakes.messages import Cut
from tests.fakes.upstream import ScriptedUpstream
from tests.faults.conftest import StartProxy
from tests.faults.resting import comes_to_rest
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import GOOD, RunningGateway

ROUTES = """
routes:
  - {name: events, path: /sse, upstream: backend, stream: {}}
  - {name: rest, path: /*, upstream: backend}
"""
LIMITS = "header_timeout: 400ms, body_timeout: 400ms, write_timeout: 400ms"
HEAD = request("POST", "/sink", [*GOOD, ("Content-Length", "5000")])
FAULTS = list(Fault)
HUGE = 200 * 1024 * 1024
MIB = 1024 * 1024


def by_value(fault: Fault) -> str:
    """Name a fault in a test's id."""
    return fault.value


async def gateway_behind(
    start_gateway: StartGateway, start_proxy: StartProxy, port: int, plan: Plan
) -> tuple[RunningGateway, FaultProxy]:
    """Start a gateway that clients reach through a proxy."""
    gateway = await start_gateway(configuration(port, routes=ROUTES, limits=LIMITS))
    return gateway, await start_proxy(gateway.port, plan)


async def goes_on(gateway: RunningGateway) -> None:
    """All is let go of, no fault is put on the upstream, and another client is served."""
    await comes_to_rest(gateway)
    assert (await gateway.call("/echo")).status == 200
    assert await gateway.metric(".*upstream_faults") == 0


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
@pytest.mark.parametrize("after", [0, 3, 30, len(HEAD) - 1])
async def test_within_the_head(
    after: int, fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A head that does not come whole is 408 where the client can hear it, and never reaches the upstream."""
    gateway, proxy = await gateway_behind(
        start_gateway, start_proxy, upstream.port, Plan(up=Course(fault, after=after))
    )
    client = await RawClient.connect("127.0.0.1", proxy.port)
    await client.send(HEAD)
    if fault is Fault.STALL and after:
        assert (await client.reply("POST", 3)).status == 408
    assert await client.ended(3)
    client.leave()
    assert upstream.exchanges == []
    await goes_on(gateway)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
async def test_within_the_body(
    fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A body that does not come whole is 408 where the client can hear it, and cut for the upstream."""
    gateway, proxy = await gateway_behind(
        start_gateway, start_proxy, upstream.port, Plan(up=Course(fault, after=len(HEAD) + 200))
    )
    client = await RawClient.connect("127.0.0.1", proxy.port)
    await client.send(HEAD + b"x" * 100)
    exchange = await upstream.next()
    await client.send(b"x" * 4900)
    if fault is Fault.STALL:
        assert (await client.reply("POST", 3)).status == 408
    assert await client.ended()
    client.leave()
    await exchange.gone(3)
    assert not exchange.complete
    await goes_on(gateway)


@pytest.mark.parametrize("fault", FAULTS, ids=by_value)
@pytest.mark.parametrize(
    "after", [0, 20, 100_000], ids=["before a byte", "within the head", "within the body"]
)
async def test_within_the_reply(
    after: int, fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A client that gets no more of a large reply is let go of, at once or after `write_timeout`."""
    gateway, proxy = await gateway_behind(
        start_gateway, start_proxy, upstream.port, Plan(down=Course(fault, after=after))
    )
    client = await RawClient.connect("127.0.0.1", proxy.port)
    await client.send(request("GET", f"/huge?bytes={HUGE}", GOOD))
    if fault is Fault.STALL:
        await (await proxy.next()).struck.wait()
    else:
        with pytest.raises(Cut):
            await client.until(b"\xff\xfe-never", 5)
    if upstream.exchanges or fault is Fault.STALL or after:
        await (await upstream.next()).gone(5)
    client.leave()
    await goes_on(gateway)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT, Fault.STALL], ids=by_value)
async def test_within_a_stream(
    fault: Fault, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """A stream whose client is gone ends, and its upstream is told; one that takes no more is too slow."""
    gateway, proxy = await gateway_behind(start_gateway, start_proxy, upstream.port, Plan())
    client = await RawClient.connect("127.0.0.1", proxy.port)
    await client.send(request("GET", "/sse", GOOD))
    await client.head()
    upstream.events.put_nowait(b"data: one\n\n")
    await client.until(b"data: one\n\n")
    link = await proxy.next()
    if fault is Fault.STALL:
        link.stall()
        for _ in range(30):
            upstream.events.put_nowait(b"data: " + b"x" * MIB + b"\n\n")
    elif fault is Fault.RESET:
        link.reset()
    else:
        link.cut()
    ended = await gateway.logs.wait_for("stream.ended")
    assert ended["end_reason"] == ("slow_client" if fault is Fault.STALL else "client_gone")
    await upstream.exchanges[0].gone(3)
    client.leave()
    await goes_on(gateway)


@pytest.mark.parametrize("piece", [1, 7], ids=["byte by byte", "in sevens"])
async def test_unharmed_in_pieces(
    piece: int, start_gateway: StartGateway, start_proxy: StartProxy, upstream: ScriptedUpstream
) -> None:
    """However a client's bytes are sliced, its calls and streams are whole, one after the other."""
    course = Course(piece=piece)
    gateway = await start_gateway(configuration(upstream.port, routes=ROUTES))
    proxy = await start_proxy(gateway.port, Plan(up=course, down=course))
    client = await RawClient.connect("127.0.0.1", proxy.port)
    for size in (0, 1, 300):
        await client.send(request("POST", "/sink", GOOD, b"x" * size))
        assert (await client.reply("POST")).body == str(size).encode()
    await client.send(request("GET", "/sse", GOOD))
    await client.head()
    upstream.events.put_nowait(b"data: one\n\n")
    upstream.events.put_nowait(None)
    assert (await client.until(b"0\r\n\r\n")).count(b"data: one\n\n") == 1
    client.leave()
    await goes_on(gateway)
