"""What the EventsPanel does with events: commands, filters, pause, bounds, floods and hostile data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from tests.browser.console_pages import check
from tests.browser.panel_fixtures import panel_dist, stack, user
from tests.browser.panel_stack import PanelStack
from tests.browser.panel_user import PanelUser

__all__ = ["panel_dist", "stack", "user"]

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
LONGEST_TASK = 200
WAITING = "text=/^Resume/"
ANY_CALL = "    path: /operator/api/*\n"
MARKED = "(summary) => document.querySelector('.event.highlighted .summary').innerText === summary"
COMMAND_SAYS = "(text) => document.querySelector('.command-state').innerText === text"


@pytest.fixture
async def connected(stack: PanelStack, user: PanelUser) -> PanelUser:
    """A user whose stream is open."""
    await stack.start()
    await user.connected()
    return user


async def test_command_comes_back(stack: PanelStack, connected: PanelUser) -> None:
    """It goes out with the credential and an id, and its event is marked within a second."""
    stack.tell(3)
    await connected.command("refresh <b>now</b>")
    await connected.sees("Its event came back in")
    took = (await connected.texts(".command-state"))[0].split()[-2]
    assert int(took) < 1_000
    await connected.until(MARKED, "command: refresh <b>now</b>")
    await connected.sees("your command")
    stack.tell(1_000)
    await connected.shows_row("event 1003")
    assert await connected.page.evaluate("() => document.querySelector('.event.highlighted')") is None


async def test_show_the_event_of_a_command(stack: PanelStack, connected: PanelUser) -> None:
    """The button leads to it in a long list, by keyboard too."""
    await connected.command("refresh")
    await connected.sees("Its event came back in")
    stack.tell(600)
    await connected.shows_row("event 600")
    await connected.click("text=Show it")
    await connected.until("() => document.activeElement.closest('.highlighted') !== null")
    in_view = """() => {
      const [list, row] = [".events", ".highlighted"].map((one) => document.querySelector(one));
      return row.getBoundingClientRect().top >= list.getBoundingClientRect().top;
    }"""
    await connected.until(in_view)


async def test_command_too_many(stack: PanelStack, user: PanelUser) -> None:
    """A command that the gateway's rate limit refuses is said to be that."""
    stack.replaced[ANY_CALL] = f"{ANY_CALL}    rate_limit: {{rate: 1/h, burst: 1, per: route}}\n"
    await stack.start()
    await user.connected()
    await user.command("refresh")
    await user.sees("Its event came back in")
    await user.command("refresh")
    await user.sees("Too many calls at the moment (429).")
    await user.sees_no("your command")


async def test_command_while_switched_off(stack: PanelStack, user: PanelUser) -> None:
    """A command that finds the operator switched off is said to."""
    del stack.replaced["enabled: ${"]
    await stack.start()
    await user.connected()
    await stack.gateway.shut_down()
    await stack.bring_gateway(VX11_OPERATOR_PROXY_ENABLED="0")
    await user.command("refresh")
    await user.until(COMMAND_SAYS, "The operator is switched off at the gateway (503).")


async def test_command_without_a_gateway(stack: PanelStack, connected: PanelUser) -> None:
    """A command that reaches nobody is said to have failed."""
    await stack.gateway.shut_down()
    await connected.command("refresh")
    await connected.until(COMMAND_SAYS, "The connection failed.")


async def test_filters(stack: PanelStack, connected: PanelUser) -> None:
    """Severity, module and text narrow the list down together; one button takes all of it back."""
    stack.publish("disk is full", severity="critical", module="hermes")
    stack.publish("rule matched", severity="info", module="switch")
    stack.publish("disk is slow", severity="warn", module="hermes")
    await connected.has_rows(3)
    await connected.write("Search in events", "DISK")
    await connected.has_rows(2)
    await connected.click("label.chip[data-severity=warn]")
    await connected.has_rows(1)
    assert await connected.summaries() == ["disk is full"]
    await connected.choose("Module", "switch")
    await connected.sees("The filters hide 3 events.")
    await connected.click("text=Reset the filters")
    await connected.has_rows(3)
    counts = await connected.texts(".counts li")
    assert counts == ["1 critical", "0 error", "1 warn", "1 info"]


async def test_pause(stack: PanelStack, connected: PanelUser) -> None:
    """The list stands still and what waits is counted; afterwards all of it is there."""
    stack.tell(2)
    await connected.shows_row("event 2")
    await connected.click("text=Pause")
    stack.tell(3)
    await connected.sees("Resume (3 waiting)")
    assert await connected.summaries() == ["event 1", "event 2"]
    await connected.click(WAITING)
    await connected.shows_row("event 5")
    await connected.sees("Pause")


async def test_newest_thousand(stack: PanelStack, connected: PanelUser) -> None:
    """It keeps no more, says how many there were, and shows the older ones when asked."""
    stack.tell(1_250)
    await connected.shows_row("event 1250")
    await connected.has_rows(250)
    for rows in (500, 750, 1_000):
        await connected.click("text=Show 250 older events")
        await connected.has_rows(rows)
    await connected.sees_no("older events")
    assert await connected.summaries() == [f"event {number}" for number in range(251, 1_251)]
    assert (await connected.total("kept"), await connected.total("received")) == (1_000, 1_250)


async def test_scrolled_away(stack: PanelStack, connected: PanelUser) -> None:
    """Who scrolls up is left where they are, told what is new, and led back."""
    stack.tell(100)
    await connected.shows_row("event 100")
    at_end = """() => {
      const list = document.querySelector(".events");
      return list.scrollHeight - list.scrollTop - list.clientHeight < 2;
    }"""
    await connected.until(at_end)
    await connected.page.act(lambda tab: tab.locator(".events").hover())
    await connected.page.act(lambda tab: tab.mouse.wheel(0, -600))
    await connected.until("() => !document.querySelector('.check input').checked")
    stack.tell(7)
    await connected.sees("7 new events")
    assert not await connected.page.evaluate(at_end)
    await connected.click(".new-events")
    await connected.until(at_end)
    await connected.sees_no("new events")


async def test_opened_event_stays(stack: PanelStack, connected: PanelUser) -> None:
    """Who opens the last event reads on while others come."""
    stack.tell(60)
    await connected.shows_row("event 60")
    await connected.open_row("event 60")
    await connected.until("() => !document.querySelector('.check input').checked")
    place = "() => document.querySelector('.details').getBoundingClientRect().top"
    before = await connected.page.evaluate(place)
    stack.tell(20)
    await connected.sees("20 new events")
    assert await connected.page.evaluate(place) == before


async def test_hostile_data(stack: PanelStack, connected: PanelUser) -> None:
    """Markup is text, and megabytes are shown in part without holding the page up."""
    await connected.measure()
    stack.publish(MARKUP, {"payload": MARKUP}, event_type=MARKUP, module=MARKUP)
    stack.publish("s" * 100_000, {"nested": "p" * 100_000})
    stack.publish("huge", {"line": "x" * (5 * 1024 * 1024)})
    await connected.has_rows(3)
    for summary in (MARKUP, "sss", "huge"):
        await connected.open_row(summary)
    assert (
        await connected.page.evaluate("() => document.querySelectorAll('.events img, .events script').length")
        == 0
    )
    assert "owned" not in await connected.page.evaluate("() => document.title")
    assert await connected.page.evaluate("() => document.documentElement.innerHTML.length") < 40_000
    await connected.click("text=Show 100,000 more")
    await connected.sees("characters are not shown.")
    assert await connected.longest_task() < LONGEST_TASK
    check(connected)


Send = Callable[[bytes], Awaitable[None]]


@pytest.fixture
async def send(stack: PanelStack, user: PanelUser) -> AsyncIterator[Send]:
    """Send bytes of a stream that is no operator's, to a user who is connected."""
    streams: list[web.StreamResponse] = []
    opened, ended = asyncio.Event(), asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        streams.append(response)
        opened.set()
        await ended.wait()
        return response

    stack.operator.stream = stream  # type: ignore[method-assign]
    await stack.start()
    await user.connect()
    await opened.wait()
    yield streams[-1].write
    ended.set()


async def test_named_events(send: Send, user: PanelUser) -> None:
    """An event with a name reaches the panel as well as one without, whatever its data is."""
    await send(b'event: command\ndata: {"summary": "named", "event_type": "command"}\n\n')
    await send(b"event: figures\ndata: plain words\n\ndata: [1\n\ndata: null\n\n")
    await user.has_rows(4)
    assert await user.summaries() == ["named", "plain words", "[1", "null"]
    check(user)


@pytest.mark.slow
async def test_five_hundred_a_second(stack: PanelStack, connected: PanelUser) -> None:
    """A flood leaves no task over 200 ms of work, and the page takes a click and keys meanwhile."""
    await connected.measure()

    async def flood() -> None:
        for _ in range(250):
            stack.tell(10)
            await asyncio.sleep(0.02)  # the rate is what is tested

    flooding = asyncio.create_task(flood())
    await connected.shows_row("event 500")
    await connected.write("Search in events", "event 1")
    await connected.click("text=Pause")
    await connected.sees("waiting")
    await connected.click(WAITING)
    await connected.write("Search in events", "")
    await flooding
    await connected.shows_row("event 2500")
    assert (await connected.total("kept"), await connected.total("received")) == (1_000, 2_500)
    assert await connected.longest_task() < LONGEST_TASK
