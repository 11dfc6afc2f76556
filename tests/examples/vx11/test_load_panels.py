"""The panels of a load: how they come back, and what they say of what they got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from examples.vx11.load_panels import Panel, Received, figures_of, make_panels, panel_back_off
from examples.vx11.load_target import Target
from tests.examples.vx11.load_scene import FakeGateway, faked, hardly
from tests.fakes.gates import eventually


def _event(number: int, key: str) -> bytes:
    return b'id: %d\ndata: {"event_id": "%s"}\n\n' % (number, key.encode())


@asynccontextmanager
async def _watching(panel: Panel) -> AsyncIterator[None]:
    task = asyncio.create_task(panel.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class TestReceived:
    """What is made of the keys that came."""

    @pytest.mark.parametrize(
        ("keys", "kept", "repeated", "out_of_order"),
        [
            pytest.param(["r-0-1", "r-1-1", "r-0-2"], 3, 0, 0, id="all-well"),
            pytest.param(["r-0-1", "r-0-1", "r-0-1"], 1, 2, 0, id="repeated"),
            pytest.param(["r-0-1", "r-0-3", "r-0-2", "r-0-4"], 4, 0, 1, id="out-of-order"),
            pytest.param(["r-0-9", "r-1-1"], 2, 0, 0, id="senders-have-no-order"),
            pytest.param(["x-0-1", "r", "r-0", "r-0-x", "", "r.-0-1"], 0, 0, 0, id="of-others"),
        ],
    )
    def test_keys_of_the_run_are_counted(
        self, keys: Sequence[str], kept: int, repeated: int, out_of_order: int
    ) -> None:
        """Each once; a sender's own have an order."""
        received = Received("r")
        for key in keys:
            received.note(key, 0.0)
        assert (len(received.keys), received.repeated, received.out_of_order) == (
            kept,
            repeated,
            out_of_order,
        )

    def test_the_longest_silence_is_that_between_two_events(self) -> None:
        """Of the run: what others say breaks none, and neither its beginning nor its end is one."""
        received = Received("r")
        for at, key in [(10, "r-0-1"), (11, "r-0-2"), (12, "x-0-1"), (14, "r-0-3"), (15, "r-0-4")]:
            received.note(key, at)
        assert received.silence == 3


class TestPanel:
    """One client."""

    async def test_it_comes_back_with_a_fresh_token_after_its_last_event(self) -> None:
        """However its stream ended; what is no event of the run is passed over."""
        first = b"retry: 10000\nid: 4\n\n" + _event(5, "r-0-1") + b": beat\n\ndata: nonsense\n\ndata: []\n\n"
        gateway = FakeGateway(streams=iter([b"id: 4\n\n", first, _event(6, "r-0-2") + b"id: 7\ndata: "]))
        async with faked(gateway) as target:
            panel = Panel(target, "r", back_off=hardly)
            async with _watching(panel):
                await eventually(lambda: panel.opened_count == 4 and len(gateway.asked) == 8)
        assert panel.received.keys == {"r-0-1", "r-0-2"}
        assert [request.query.get("token") for request in gateway.asked[1::2]] == ["t1", "t2", "t3", "t4"]
        assert gateway.headers("Last-Event-ID")[1::2] == [None, "4", "5", "6"]

    async def test_a_refused_token_is_asked_for_again(self) -> None:
        """Without it no stream is tried, and none has been opened."""
        gateway = FakeGateway(issue_status=503)
        async with faked(gateway) as target:
            panel = Panel(target, "r", back_off=hardly)
            async with _watching(panel):
                await eventually(lambda: target.tokens["503"] > 2)
                assert (panel.opened.is_set(), panel.renewed_count) == (False, 0)
                gateway.issue_status = 200
                await asyncio.wait_for(panel.opened.wait(), 15)
        assert target.streams == {"200": 1}

    async def test_a_refused_stream_is_opened_again(self) -> None:
        """With a token of its own."""
        gateway = FakeGateway(issue_text='{"sse_token": "bad"}')
        async with faked(gateway) as target:
            panel = Panel(target, "r", back_off=hardly)
            async with _watching(panel):
                await eventually(lambda: target.streams["401"] > 2)
                gateway.issue_text = ""
                await asyncio.wait_for(panel.opened.wait(), 15)
        assert panel.opened_count == 1
        assert target.tokens["200"] == target.streams["401"] + 1

    async def test_it_is_opened_anew_now_and_then(self) -> None:
        """At once, without a pause, and after the last event."""
        gateway = FakeGateway()
        async with faked(gateway) as target:
            panel = Panel(target, "r", renew_every=0.04, chance=lambda: 0.0)
            async with _watching(panel):
                await eventually(lambda: panel.renewed_count > 2)
        assert gateway.headers("Last-Event-ID")[3::2][:2] == ["0", "0"]

    async def test_pauses_double_until_an_event_comes(self) -> None:
        """They begin anew after each event."""
        paused: list[float] = []

        async def sleep(seconds: float) -> None:
            paused.append(seconds)
            await asyncio.sleep(0)

        gateway = FakeGateway(streams=iter([b"id: 1\n\n", b"id: 1\n\n", _event(2, "r-0-1"), b"id: 1\n\n"]))
        async with faked(gateway) as target:
            panel = Panel(target, "r", back_off=lambda: panel_back_off(sleep=sleep, chance=lambda: 1.0))
            async with _watching(panel):
                await eventually(lambda: panel.opened_count == 5)
        assert paused == [1, 2, 1, 2]


async def test_a_third_of_the_panels_is_renewed() -> None:
    """None without a time for it."""
    target = Target("http://127.0.0.1:1", "planted", "gateway")
    for renew_every, count in ((0, 0), (30, 3)):
        panels = make_panels(target, "r", 7, renew_every)
        assert len(panels) == 7
        assert sum(panel.is_renewed for panel in panels) == count


async def test_figures_are_those_of_all_panels() -> None:
    """The least and the most that one got, and sums of the rest."""
    target = Target("http://127.0.0.1:1", "planted", "gateway")
    panels = make_panels(target, "r", 2, 0)
    for panel, keys in zip(panels, (["r-0-1", "r-0-2", "r-0-2", "r-0-9"], ["r-0-2", "r-0-1"]), strict=True):
        panel.opened_count = 3
        for at, key in enumerate(keys):
            panel.received.note(key, at / 4)
    panels[0].renewed_count = 1
    assert figures_of(panels, ["r-0-1", "r-0-2", "r-0-3"]) == {
        "expected": 3,
        "received_minimum": 2,
        "received_maximum": 3,
        "lost": 2,
        "repeated": 1,
        "out_of_order": 1,
        "reconnects": 3,
        "renewals": 1,
        "longest_silence_ms": 250,
    }
