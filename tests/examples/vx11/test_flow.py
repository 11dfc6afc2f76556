"""A command's whole way: gateway, operator, madre, switch, hermes, the operator's stream, gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.examples.vx11.flow_scene import CREDENTIAL, MODES, Flow
from tests.examples.vx11.services import fields
from tests.examples.vx11.sse import Block, read_block, read_event
from tests.fakes.gates import soon
from tests.fakes.stopwatch import within


async def _test_events(stream: aiohttp.ClientResponse, count: int) -> list[Block]:
    return [await read_event(stream.content, "test") for _ in range(count)]


@pytest.mark.parametrize("mode", MODES)
async def test_a_command_comes_back(flow: Flow, mode: str) -> None:
    """It is on the stream as an event, under its event id and its correlation id, and within a second."""
    stream = await flow.open(mode)
    assert stream.status == 200
    status, answer = await flow.command({"command": "restart ñ", "target": {"service": "hermes"}})
    assert status == 202
    async with within(1):
        event = await read_event(stream.content, "command")
    assert event.data["event_id"] == answer["event_id"]
    assert event.data["correlation_id"] == "order-66"
    assert (event.data["module"], event.data["summary"]) == ("operator", "command: restart ñ")
    assert event.data["payload"] == {"command": "restart ñ", "target": {"service": "hermes"}}
    assert str(event.field("id")).isdecimal()


async def test_a_command_that_is_repeated_comes_back_once(flow: Flow) -> None:
    """Under its key as event id, through every service, though the operator restarted meanwhile."""
    stream = await flow.open("gateway")
    key = {"Idempotency-Key": 'run-1:!"#~' + "x" * 100}
    for name in ("first", "second"):
        status, answer = await flow.command({"command": name}, **key)
        assert (status, answer["event_id"]) == (202, key["Idempotency-Key"])
    first = await read_event(stream.content, "command")
    assert (first.data["event_id"], first.data["summary"]) == (key["Idempotency-Key"], "command: first")
    await flow.take_away("operator")
    await flow.bring("operator")
    resumed = await flow.open("gateway", **{"Last-Event-ID": str(first.field("id"))})
    assert (await flow.command({"command": "third"}, **key))[0] == 202
    await flow.command({"command": "last"})
    assert (await read_event(resumed.content, "command")).data["summary"] == "command: last"


async def test_figures_come_the_same_way(flow: Flow) -> None:
    """What the operator's process uses is on the stream too, with the count of those who watch."""
    stream = await flow.open("delegated")
    figures = await read_event(stream.content, "figures")
    assert figures.data["module"] == "operator"
    figures = await read_event(stream.content, "figures")
    assert figures.data["payload"]["open_streams"] == 1


@pytest.mark.parametrize("mode", MODES)
async def test_hermes_restarts_under_an_open_stream(flow: Flow, mode: str) -> None:
    """The stream stays open, and has everything once and in order."""
    stream = await flow.open(mode)
    await flow.say("a", "b")
    assert [event.data["event_id"] for event in await _test_events(stream, 2)] == ["a", "b"]
    await flow.take_away("hermes")
    await flow.say("c", "d")
    await flow.bring("hermes")
    await flow.say("e")
    events = await _test_events(stream, 3)
    assert [event.data["event_id"] for event in events] == ["c", "d", "e"]


async def test_hermes_restarts_before_the_first_event(flow: Flow) -> None:
    """Whoever had no event yet misses none."""
    stream = await flow.open("delegated")
    await flow.take_away("hermes")
    await flow.say("a")
    await flow.bring("hermes")
    assert (await _test_events(stream, 1))[0].data["event_id"] == "a"


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_comes_back_with_its_last_id(flow: Flow, mode: str) -> None:
    """It gets what it missed, through every hop, though hermes and the operator restarted meanwhile."""
    stream = await flow.open(mode)
    await flow.say("a", "b")
    first, _ = await _test_events(stream, 2)
    stream.close()
    for name in ("operator", "hermes"):
        await flow.take_away(name)
        await flow.bring(name)
    await flow.say("c")
    resumed = await flow.open(mode, **{"Last-Event-ID": str(first.field("id"))})
    assert [event.data["event_id"] for event in await _test_events(resumed, 2)] == ["b", "c"]


@pytest.mark.parametrize("name", ["switch", "hermes"])
async def test_a_command_waits_for_a_service_that_is_away(flow: Flow, name: str) -> None:
    """It is accepted, kept by madre, and comes when the service is back."""
    stream = await flow.open("delegated")
    await flow.take_away(name)
    status, answer = await flow.command({"command": "wait"})
    assert status == 202
    await flow.bring(name)
    assert (await soon(read_event(stream.content, "command"))).data["event_id"] == answer["event_id"]


async def test_the_operator_ends_its_streams_when_it_stops(flow: Flow) -> None:
    """They end cleanly and at once."""
    url = f"http://127.0.0.1:{flow.addresses['operator'].port}{MODES['delegated'][1]}"
    async with flow.session.get(url, headers=CREDENTIAL) as stream:
        await read_block(stream.content)
        await soon(flow.take_away("operator"), 4)
        while await read_block(stream.content):
            pass


async def test_a_command_that_madre_can_not_take_is_refused(flow: Flow) -> None:
    """Without madre it is 503 and may be sent again; it is never accepted and lost."""
    await flow.take_away("madre")
    status, answer = await flow.command({"command": "lost?"})
    assert (status, answer["code"]) == (503, "bus_unavailable")
    await flow.bring("madre")
    stream = await flow.open("delegated")
    assert (await flow.command({"command": "again"}))[0] == 202
    assert (await read_event(stream.content, "command")).data["summary"] == "command: again"


async def test_a_stream_without_hermes_is_refused(flow: Flow) -> None:
    """It is 503 at the gateway, and not a stream on which nothing comes."""
    await flow.take_away("hermes")
    stream = await flow.open("delegated")
    assert stream.status == 503
    assert (await stream.json(content_type=None))["code"] == "events_unavailable"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param({"summary": "no id", "event_type": "test", "module": "test"}, id="no-event-id"),
        pytest.param({"anything": [1, 2]}, id="not-an-event"),
        pytest.param({**fields("big"), "payload": {"text": "x" * 60 * 1024}}, id="sixty-kib"),
        pytest.param({**fields("x"), "summary": "\n\nid: 9\ndata: owned\n\n"}, id="lines"),
    ],
)
@pytest.mark.parametrize("topic", ["events", "operator.commands"])
async def test_hostile_messages_stop_nothing(flow: Flow, hostile: dict[str, Any], topic: str) -> None:
    """Whatever is on the bus, the next command comes back."""
    stream = await flow.open("gateway")
    await flow.publisher.publish(topic, hostile)
    await flow.command({"command": "after"}, "c-after")
    while (event := await read_event(stream.content)).data["correlation_id"] != "c-after":
        assert event.data.keys() == fields("x").keys()
    assert event.data["summary"] == "command: after"


async def test_the_largest_command_comes_back(flow: Flow) -> None:
    """What is accepted comes whole; what would be too long on the bus is refused."""
    stream = await flow.open("delegated")
    command = {"command": "large", "text": "ñ" * 10_000}
    assert (await flow.command(command))[0] == 202
    assert (await read_event(stream.content, "command")).data["payload"] == command
    status, answer = await flow.command({"command": "large", "text": "x" * (64 * 1024 - 40)})
    assert (status, answer["code"]) == (413, "body_too_large")


async def test_a_crowd_gets_every_event_once(flow: Flow) -> None:
    """Twenty streams have the same two hundred events in the same order while hermes restarts."""
    streams = [await flow.open("delegated") for _ in range(20)]
    expected = [f"e-{number}" for number in range(200)]
    reading = [asyncio.ensure_future(_test_events(stream, len(expected))) for stream in streams]
    await flow.say(*expected[:120])
    await flow.take_away("hermes")
    await flow.say(*expected[120:160])
    await flow.bring("hermes")
    await flow.say(*expected[160:])
    for events in await soon(asyncio.gather(*reading), 20):
        assert [event.data["event_id"] for event in events] == expected
