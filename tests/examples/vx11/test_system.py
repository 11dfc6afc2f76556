"""What the operator hands to madre, and which services the environment names."""

from __future__ import annotations

import asyncio

import pytest

from examples.vx11.bus_client import BusClient
from examples.vx11.hermes_relay import HermesRelay
from examples.vx11.madre import build_madre
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.operator import build_operator, main
from examples.vx11.problems import Refused
from examples.vx11.system import System, read_system
from tests.examples.vx11.services import listening, make_event, no_pause
from tests.fakes.gates import soon

NOWHERE = "http://127.0.0.1:1"
BOTH = "Set both MADRE_URL and HERMES_URL, or neither."
NO_URL = "must be a URL that begins with http:// or https://."


def _system(madre: str, patience: float = 5.0) -> System:
    bus = BusClient(madre, "operator", "operator-1", back_off=no_pause)
    return System(bus, HermesRelay(NOWHERE), patience=patience)


async def test_an_event_is_published_whole() -> None:
    """Its fields are the message's body, its correlation id goes along."""
    bus = MemoryBus()
    async with listening(build_madre(bus).app()) as madre:
        system = _system(madre)
        await system.publish("operator.commands", make_event("a", correlation_id="c-9"))
        await system.close()
    (message,) = await bus.take("test", "test", ["operator.commands"], 10)
    assert message.body.decode() == make_event("a", correlation_id="c-9").to_json()
    assert message.correlation_id == "c-9"


async def test_it_does_not_wait_for_madre_for_ever() -> None:
    """Past its patience the command is refused, to be sent again."""
    system = _system(NOWHERE, patience=0.05)
    with pytest.raises(Refused) as refused:
        await system.publish("operator.commands", make_event("a"))
    assert (refused.value.status, refused.value.code) == (503, "bus_unavailable")
    assert refused.value.headers == {"Retry-After": "1"}
    await system.close()


async def test_an_operator_that_stops_leaves_no_connection() -> None:
    """Madre sees the connection that figures came on end."""
    published, closed = asyncio.Event(), asyncio.Event()

    async def madre(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        answer = b'{"message_id": "1"}'
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        published.set()
        while await reader.read(1024):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(madre, "127.0.0.1", 0)
    system = _system("http://{}:{}".format(*server.sockets[0].getsockname()))
    async with server, listening(build_operator("principal-of-the-test", system=system).app()):
        await soon(published.wait())
    await soon(closed.wait())


async def test_figures_that_find_nobody_are_let_go() -> None:
    """The operator goes on sampling while madre is away."""
    system = _system(NOWHERE, patience=0.05)
    operator = build_operator("principal-of-the-test", system=system)
    await operator.sample()
    assert (await operator.figures())["events"] == 1
    await system.close()


@pytest.mark.parametrize(
    ("topic", "size", "outcome"),
    [
        pytest.param("operator.commands", 65_536, (413, "body_too_large"), id="too-long"),
        pytest.param("no%20topic", 1, (400, "bad_request"), id="refused"),
    ],
)
async def test_what_madre_never_takes_is_not_tried_again(
    topic: str, size: int, outcome: tuple[int, str]
) -> None:
    """It is refused at once, for what it is."""
    async with listening(build_madre().app()) as madre:
        system = _system(madre)
        with pytest.raises(Refused) as refused:
            await system.publish(topic, make_event("a", payload={"text": "x" * size}))
        await system.close()
    assert (refused.value.status, refused.value.code) == outcome


def test_without_the_services_there_is_no_system() -> None:
    """The operator then has its own events."""
    assert read_system({}) is None
    assert read_system({"MADRE_URL": "", "HERMES_URL": ""}) is None


def test_both_services_are_named() -> None:
    """With both URLs there is a way to them."""
    assert isinstance(read_system({"MADRE_URL": "http://madre:8001", "HERMES_URL": "https://hermes"}), System)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        pytest.param({"MADRE_URL": NOWHERE}, BOTH, id="madre-alone"),
        pytest.param({"HERMES_URL": NOWHERE}, BOTH, id="hermes-alone"),
        pytest.param({"MADRE_URL": "m:1", "HERMES_URL": NOWHERE}, f"MADRE_URL {NO_URL}", id="no-scheme"),
        pytest.param({"MADRE_URL": NOWHERE, "HERMES_URL": "/h"}, f"HERMES_URL {NO_URL}", id="path"),
    ],
)
def test_half_a_system_is_one_sentence(
    environ: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator says what to set, and does not start."""
    assert main([], {"VX11_TOKEN": "principal-of-the-test", **environ}) == 2
    assert capsys.readouterr().err == f"{sentence}\n"
