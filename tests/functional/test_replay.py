"""Clients that come back to a shared stream: they get exactly what they missed, or are told of the loss."""

from __future__ import annotations

import asyncio
import random
import re

import pytest

from tentaculo.relay.event_log import KEEPING_BYTES
from tentaculo.relay.last_words import RESYNC
from tests.fakes.event_server import EventServer, event, events
from tests.functional.conftest import StartGateway
from tests.functional.crowd import Member, all_got, disperse, join_crowd
from tests.functional.running import GOOD, RunningGateway
from tests.relay.front import Front
from tests.relay.shared_parts import shared_configuration, shared_route

LENGTH = 10_000
STEP = 200


async def watcher(gateway: RunningGateway | Front) -> Member:
    """Have a client whose stream keeps the shared one open."""
    (member,) = await join_crowd(gateway.port, 1)
    await member.until(b"\r\n\r\n")
    return member


# Every boundary.


async def check(gateway: RunningGateway, ids: range, end: int) -> None:
    """Have clients come back with these ids to a stream that has had the events up to `end`."""
    crowd = []
    for last in ids:
        crowd += await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", str(last))])
    await all_got(crowd, event(end))
    for last, member in zip(ids, crowd, strict=True):
        assert member.body == events(last + 1, end)
    disperse(crowd)


@pytest.mark.slow
async def test_every_boundary(start_gateway: StartGateway, server: EventServer) -> None:
    """Cut after any event of 10,000, a client gets the missing ones, all and once, and nothing else."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route("replay: {}")))
    first = await watcher(gateway)
    for end in range(STEP, LENGTH + 1, STEP):
        await server.emit(STEP)
        await first.until(event(end))
        await check(gateway, range(max(1, end - STEP), end), end)
    assert first.body == events(1, LENGTH)
    disperse([first])


async def test_bound_of_what_is_kept(start_gateway: StartGateway, server: EventServer) -> None:
    """Up to it nothing is lost; past it a client is told so once, first, and gets what comes from then on."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route("replay: {events: 150}")))
    first = await watcher(gateway)
    await server.emit(500)
    await first.until(event(500))
    await check(gateway, range(350, 500), 500)
    lost = [*range(1, 350), 501]
    crowd = []
    for last in lost:
        crowd += await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", str(last))])
    await all_got(crowd, RESYNC)
    await server.emit(1)
    await all_got(crowd, event(501))
    assert {member.body for member in crowd} == {RESYNC + event(501)}
    assert await gateway.metric("tentaculo_stream_resyncs_total.*events") == len(lost)
    assert await gateway.metric("tentaculo_stream_events_replayed_total.*events") == sum(range(1, 151))
    disperse([first, *crowd])


async def test_clients_that_come_and_go(start_gateway: StartGateway, server: EventServer) -> None:
    """Cut wherever they are while events flow, each has had every event once in the end, in order."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route("replay: {}")))
    crowd, histories = await join_crowd(gateway.port, 20), [list[int]() for _ in range(20)]
    await all_got(crowd, b"\r\n\r\n")
    chances = random.Random(7)
    for end in range(100, 1001, 100):
        emitting = asyncio.ensure_future(server.emit(100))
        for at, member in enumerate(crowd):
            await member.until(event(chances.randint(end - 99, end)))
            member.transport.abort()
            histories[at] += member.numbers
            fields = [*GOOD, ("Last-Event-ID", str(histories[at][-1]))]
            (crowd[at],) = await join_crowd(gateway.port, 1, "/events", fields)
        await emitting
        await all_got(crowd, b"\r\n\r\n")
    for member, history in zip(crowd, histories, strict=True):
        if history[-1] < 1000:
            await member.until(event(1000))
        assert history + member.numbers == list(range(1, 1001))
        assert RESYNC not in member.data
    disperse(crowd)


# Who comes with what.


async def test_late_comers(start_gateway: StartGateway, server: EventServer) -> None:
    """From an id on, in the header or the query; without one what comes; with an unknown one a word first."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route("replay: {}")))
    first = await watcher(gateway)
    await server.emit(10)
    await first.until(event(10))
    asked: dict[tuple[str, str], bytes] = {
        ("/events", "4"): events(5, 11),
        ("/events?last_event_id=4", ""): events(5, 11),
        ("/events?last_event_id=2", "4"): events(5, 11),
        ("/events", ""): event(11),
        ("/events?last_event_id=", ""): event(11),
        ("/events", "unknown"): RESYNC + event(11),
        ("/events", "11"): RESYNC + event(11),
        ("/events", "10"): event(11),
    }
    crowd = []
    for path, last_id in asked:
        fields = [*GOOD, ("Last-Event-ID", last_id)] if last_id else GOOD
        crowd += await join_crowd(gateway.port, 1, path, fields)
    await all_got(crowd, b"\r\n\r\n")
    await server.emit(1)
    await all_got(crowd, event(11))
    assert [member.body for member in crowd] == list(asked.values())
    assert len(await server.requests()) == 1
    disperse([first, *crowd])


@pytest.mark.parametrize("options", ["", "replay: {}"], ids=["no replay", "replay"])
async def test_first_client_with_an_id(
    options: str, start_gateway: StartGateway, server: EventServer
) -> None:
    """Its id does not go up, or it would decide what the others get; it is told that it missed something."""
    gateway = await start_gateway(shared_configuration(server.port, shared_route(options)))
    await server.emit(5)
    crowd = [
        *await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", "3")]),
        *await join_crowd(gateway.port, 1),
    ]
    await all_got(crowd, b"\r\n\r\n")
    await server.emit(1)
    await all_got(crowd, event(6))
    assert [member.body for member in crowd] == [RESYNC + event(6), event(6)]
    (asked,) = await server.requests()
    assert "last-event-id" not in asked.lower()
    disperse(crowd)


async def test_without_replay_a_returning_client_is_told(
    start_gateway: StartGateway, server: EventServer
) -> None:
    """Nothing is kept: only who has had the very last event missed none."""
    gateway = await start_gateway(shared_configuration(server.port))
    first = await watcher(gateway)
    await server.emit(5)
    await first.until(event(5))
    crowd = [
        *await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", "5")]),
        *await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", "4")]),
    ]
    await all_got(crowd, b"\r\n\r\n")
    await server.emit(1)
    await all_got(crowd, event(6))
    assert [member.body for member in crowd] == [event(6), RESYNC + event(6)]
    disperse([first, *crowd])


# Ids of the gateway's own.


def given_ids(member: Member) -> list[str]:
    """Return the ids that a client got."""
    return re.findall(r"^id: (.*)$", member.body.decode(), re.MULTILINE)


@pytest.mark.parametrize("ids", [True, False], ids=["upstream with ids", "upstream without"])
async def test_given_ids(
    ids: bool, start_gateway: StartGateway, server: EventServer, anonymous: EventServer
) -> None:
    """Each event has one of an epoch, whatever the upstream's was; clients go on from them, in that epoch."""
    upstream = server if ids else anonymous
    text = shared_configuration(upstream.port, shared_route("replay: {}, assign_ids: true"))
    gateway = await start_gateway(text)
    first = await watcher(gateway)
    await upstream.emit(5)
    await first.until(b"data: event 5\n\n")
    found = given_ids(first)
    epoch = found[0].rpartition("-")[0]
    assert re.fullmatch("[0-9a-f]{12}", epoch)
    assert found == [f"{epoch}-{number}" for number in range(1, 6)]
    assert first.numbers == list(range(1, 6))
    (returning,) = await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", found[1])])
    foreign = []
    for other in ("0123456789ab-2", "2", f"{epoch}-6", f"{epoch}-0"):
        foreign += await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", other)])
    await all_got([returning, *foreign], b"\r\n\r\n")
    await upstream.emit(1)
    await all_got([first, returning, *foreign], b"data: event 6\n\n")
    assert (given_ids(returning), returning.numbers) == ([*found[2:], f"{epoch}-6"], [3, 4, 5, 6])
    for member in foreign:
        assert member.body.startswith(RESYNC)
        assert (given_ids(member), member.numbers) == ([f"{epoch}-6"], [6])
    await upstream.kill()
    await upstream.start()
    await first.until(RESYNC)
    await upstream.emit(1)
    await all_got([first], b"data: event 7\n\n")
    (returning,) = await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", f"{epoch}-6")])
    await returning.until(RESYNC)
    assert not given_ids(first)[-1].startswith(epoch)
    assert "last-event-id" not in (await upstream.requests())[0].lower()
    disperse([first, returning, *foreign])


# Bounds.


async def test_bytes_are_bounded(start_gateway: StartGateway, server: EventServer) -> None:
    """As many of the last events are kept as fit, with what keeping them costs."""
    route = shared_route("replay: {bytes: 10KiB}")
    gateway = await start_gateway(shared_configuration(server.port, route))
    first = await watcher(gateway)
    await server.emit(100, size=1000)
    await first.until(b"data: event 100 ")
    fits = 10 * 1024 // (len(event(100, size=1000)) + KEEPING_BYTES)
    crowd = []
    for last in (100 - fits, 100 - fits - 1):
        crowd += await join_crowd(gateway.port, 1, "/events", [*GOOD, ("Last-Event-ID", str(last))])
    await all_got(crowd[:1], b"data: event 100 ")
    await all_got(crowd[1:], RESYNC)
    await server.emit(1)
    await all_got(crowd, event(101))
    assert crowd[0].numbers == list(range(101 - fits, 102))
    assert crowd[1].body == RESYNC + event(101)
    disperse([first, *crowd])


async def test_age_is_bounded(server: EventServer) -> None:
    """An event is kept for as long as the route says, whether or not others come."""
    front = Front(shared_configuration(server.port, shared_route("replay: {age: 60s}")))
    await front.start()
    first = await watcher(front)
    await server.emit(2)
    await first.until(event(2))
    front.pass_time(60)
    for number, age, expected in ((1, 0.0, event(2)), (1, 0.1, RESYNC)):
        front.pass_time(age)
        (member,) = await join_crowd(front.port, 1, "/events", [*GOOD, ("Last-Event-ID", str(number))])
        await member.until(expected)
        assert member.body == expected
        disperse([member])
    disperse([first])
    await front.aclose()
