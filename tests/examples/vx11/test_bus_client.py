"""A service's way to madre: what it hands over, and how it goes on through faults."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from examples.vx11.bus_client import BackOff, BusAway, BusClient, MessageRefused, TakenMessage
from examples.vx11.madre import BODY_LIMIT, Madre
from examples.vx11.memory_bus import MemoryBus
from examples.vx11.service import Service
from tests.examples.vx11.madre_bench import RunningMadre
from tests.fakes.clock import Clock
from tests.fakes.gates import Gates, eventually, soon
from tests.fakes.ports import free_port


class Pauses:
    """Counts the pauses of a client, which take no time; `paused` is passed at the first."""

    def __init__(self) -> None:
        self.count = 0
        self.gates = Gates()

    def back_off(self) -> BackOff:
        """Return a back-off that pauses here."""
        return BackOff(sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.count += 1
        self.gates.open("paused")
        await asyncio.sleep(0)


class _Names:
    """Where the name madre.test leads; as long as that is nowhere, looking it up takes for ever."""

    address = ""

    async def getaddrinfo(self, host: str, port: int, **asked: object) -> list[object]:
        if host == "madre.test":
            if not self.address:
                await asyncio.Event().wait()
            host = self.address
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


class _Lossy:
    """Madre's answers, which get lost on demand."""

    def __init__(self) -> None:
        self.loses = False

    @property
    def lose(self) -> Middleware:
        """The middleware that loses them."""

        @web.middleware
        async def lose(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            return web.Response(status=502) if self.loses else response

        return lose


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    service = Service(app, "127.0.0.1", 0)
    await service.start()
    host, port = service.address
    try:
        yield f"http://{host}:{port}"
    finally:
        await service.stop()


@pytest.fixture
def pauses() -> Pauses:
    """The pauses of `client`."""
    return Pauses()


@pytest.fixture
async def client(madre: RunningMadre, pauses: Pauses) -> AsyncIterator[BusClient]:
    """A client of it."""
    async with BusClient(madre.base, "g", "one", back_off=pauses.back_off) as client:
        yield client


class TestPublishing:
    """One try each."""

    async def test_a_message_comes_through(self, client: BusClient) -> None:
        """With its body and its correlation id, and what madre says of it."""
        message_id = await client.publish("a", {"n": 1, "ñ": [None]}, "order-66")
        assert await client.take(["a"]) == [
            TakenMessage(
                topic="a",
                message_id=message_id,
                body={"n": 1, "ñ": [None]},
                correlation_id="order-66",
                deliveries=1,
            )
        ]

    async def test_without_a_correlation_id_madre_makes_one(self, client: BusClient) -> None:
        """So that every message has one."""
        await client.publish("a", {})
        (message,) = await client.take(["a"])
        assert message.correlation_id

    async def test_what_madre_never_takes_is_told_apart(self, client: BusClient) -> None:
        """Trying again would help nobody."""
        with pytest.raises(MessageRefused) as raised:
            await client.publish("a", {"text": "x" * BODY_LIMIT})
        assert (raised.value.status, raised.value.code) == (413, "body_too_large")
        assert str(raised.value) == "413 body_too_large"

    async def test_a_madre_that_is_not_there_is_away(self) -> None:
        """The fault is named without the address."""
        async with BusClient(f"http://127.0.0.1:{free_port()}", "g", "one") as client:
            with pytest.raises(BusAway) as raised:
                await client.publish("a", {})
        assert str(raised.value) == "ClientConnectorError"

    @pytest.mark.parametrize(
        ("status", "text"),
        [(503, '{"code": "bus_unavailable"}'), (500, "[]"), (502, "no JSON"), (200, "no JSON"), (200, "[]")],
        ids=["redis-away", "failed", "proxy", "no-json", "no-object"],
    )
    async def test_an_answer_that_is_none_is_the_same(self, status: int, text: str) -> None:
        """Whatever stands between, and whatever it says."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=status, text=text)

        app = web.Application()
        app.router.add_post("/madre/topics/a/messages", answer)
        async with _serving(app) as base, BusClient(base, "g", "one") as client:
            with pytest.raises(BusAway):
                await client.publish("a", {})

    async def test_a_madre_that_hangs_is_away(self) -> None:
        """So long is waited for an answer, and no longer."""
        gates = Gates()

        async def hang(request: web.Request) -> web.Response:
            await gates.passed("never")
            return web.Response()

        app = web.Application()
        app.router.add_post("/madre/topics/a/messages", hang)
        async with _serving(app) as base, BusClient(base, "g", "one", timeout=0.05) as client:
            with pytest.raises(BusAway, match="TimeoutError"):
                await soon(client.publish("a", {}))


class TestFinding:
    """Where madre is."""

    async def test_a_madre_that_moved_is_found(
        self, bus: MemoryBus, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its name is looked up for each connection."""
        port, names = free_port(), _Names()
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
        async with BusClient(f"http://madre.test:{port}", "g", "one", back_off=pauses.back_off) as client:
            for address in ("127.0.0.1", "127.0.0.2"):
                names.address = address
                service = Service(Madre(bus).app(), address, port)
                await service.start()
                await soon(client.keep_trying(lambda: client.publish("a", {})), 5)
                await service.stop()

    async def test_a_connection_that_does_not_come_is_soon_given_up(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long the answer may take."""
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _Names().getaddrinfo)
        async with BusClient("http://madre.test", "g", "one", timeout=3600, connect_timeout=0.05) as client:
            with pytest.raises(BusAway):
                await soon(client.publish("a", {}))


class TestTaking:
    """One poll each."""

    async def test_a_batch_holds_what_there_is(self, madre: RunningMadre, bus: MemoryBus) -> None:
        """As soon as there is something on any of the topics, and nothing when the time is up."""
        async with BusClient(madre.base, "g", "one", wait=0.01) as hasty:
            assert await hasty.take(["a", "b"]) == []
        async with BusClient(madre.base, "g", "one") as client:
            waiting = asyncio.ensure_future(client.take(["a", "b"]))
            await eventually(lambda: bus.waiting_count == 2)
            await madre.publish({"n": 1}, topic="b")
            assert [message.body for message in await soon(waiting)] == [{"n": 1}]

    async def test_giving_up_ends_the_poll(self, client: BusClient, bus: MemoryBus) -> None:
        """Madre has nobody left who waits, and loses nothing."""
        waiting = asyncio.ensure_future(client.take(["a"]))
        await eventually(lambda: bus.waiting_count == 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        await eventually(lambda: bus.waiting_count == 0)

    async def test_a_new_client_takes_up_what_the_one_before_had(self, madre: RunningMadre) -> None:
        """Batch after batch, as often as it needs; what it took itself comes again only when it is due."""
        for number in range(3):
            await madre.publish({"n": number})
        async with BusClient(madre.base, "g", "one") as killed:
            await killed.take(["a"], 2)
        async with BusClient(madre.base, "g", "one", wait=0.01) as client:
            numbers = []
            for _ in range(3):
                (message,) = await client.take(["a"], 1)
                await client.ack([message])
                numbers.append((message.body["n"], message.deliveries))
            assert numbers == [(0, 2), (1, 2), (2, 1)]
            await madre.publish({"n": 3})
            assert len(await client.take(["a"])) == 1
            assert await client.take(["a"]) == []

    async def test_an_answer_that_was_lost_is_asked_for_again(self, bus: MemoryBus) -> None:
        """What madre gave, and nobody got, comes with the next batch."""
        lossy = _Lossy()
        madre = Madre(bus).app()
        madre.middlewares.append(lossy.lose)
        async with _serving(madre) as base, BusClient(base, "g", "one", wait=0.01) as client:
            assert await client.take(["a"]) == []
            await client.publish("a", {"n": 1})
            lossy.loses = True
            with pytest.raises(BusAway):
                await client.take(["a"])
            lossy.loses = False
            (message,) = await client.take(["a"])
            assert (message.body, message.deliveries) == ({"n": 1}, 2)
            assert await client.ack([message]) == 1
            assert await client.take(["a"]) == []


class TestAcknowledging:
    """What was dealt with."""

    async def test_messages_of_several_topics_go_together(self, client: BusClient, clock: Clock) -> None:
        """In whatever order they are; what is left out comes again."""
        for topic in ("b", "a", "b"):
            await client.publish(topic, {})
        first, *others = await client.take(["b", "a"])
        assert await client.ack([others[1], others[0]]) == 2
        clock.advance(30)
        assert [message.message_id for message in await client.take(["a", "b"])] == [first.message_id]
        assert await client.ack([]) == 0

    async def test_a_madre_that_is_away_is_told(self) -> None:
        """Whoever acknowledges decides whether to try again."""
        message = TakenMessage(topic="a", message_id="1-1", body={}, correlation_id="c", deliveries=1)
        async with BusClient(f"http://127.0.0.1:{free_port()}", "g", "one") as client:
            with pytest.raises(BusAway):
                await client.ack([message])


class TestKeepTrying:
    """Steps that are repeated until madre is back."""

    async def test_it_returns_what_the_step_does(self, client: BusClient, pauses: Pauses) -> None:
        """After as many pauses as the step failed."""
        outcomes: list[Exception | int] = [BusAway("503"), BusAway("503"), 7]

        async def step() -> int:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        assert await client.keep_trying(step) == 7
        assert pauses.count == 2

    async def test_other_faults_end_it(self, client: BusClient, pauses: Pauses) -> None:
        """A refusal stays one."""
        with pytest.raises(MessageRefused):
            await client.keep_trying(lambda: client.publish("a/b", {}))
        assert pauses.count == 0


class TestBackOff:
    """The pauses themselves."""

    @pytest.mark.parametrize(
        ("chance", "seconds"),
        [(1.0, [0.1, 0.2, 0.4, 0.5, 0.5]), (0.0, [0.05, 0.1, 0.2, 0.25, 0.25])],
        ids=["longest", "shortest"],
    )
    async def test_they_double_up_to_a_bound(self, chance: float, seconds: list[float]) -> None:
        """Up to half is left off by chance, so that services don't come back all at once."""
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        back_off = BackOff(0.1, 0.5, sleep=sleep, chance=lambda: chance)
        for _ in range(5):
            await back_off.pause()
        back_off.reset()
        await back_off.pause()
        assert slept == pytest.approx([*seconds, seconds[0]])

    async def test_a_service_that_is_back_is_soon_found(self) -> None:
        """By default no pause is longer than a second."""
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        back_off = BackOff(sleep=sleep, chance=lambda: 1.0)
        for _ in range(8):
            await back_off.pause()
        assert max(slept) == 1
