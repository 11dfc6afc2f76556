"""The operators' console: signing in and out, its sections, and what its gateway does meanwhile."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.browser.console_pages import SECTIONS, TOKEN_FIELD, Operator, check
from tests.fakes.client import RawClient, request
from tests.fakes.gates import soon
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartEdited
from tests.functional.editing import EditedGateway, edited
from tests.functional.running import GOOD
from tests.functional.tokens import ADMIN, ADMIN_TOKEN

OFF = "{name: off, path: /off, upstream: backend, enabled: false}"
BUSY = "{name: busy, path: /busy, upstream: backend, maintenance: {}}"
EVENTS = "{name: events, path: /sse/events, methods: [GET], upstream: backend, stream: {shared: true}}"
REST = "{name: rest, path: /*, upstream: backend}"
REFUSED = "That is not the admin token of this gateway."
RELOAD = "button[title^='Read the configuration']"
UNREACHABLE = "The gateway does not answer."


@pytest.fixture
async def gateway(start_edited: StartEdited, upstream: ScriptedUpstream) -> EditedGateway:
    """A gateway with routes of every state."""
    return await start_edited(edited(upstream.port, EVENTS, OFF, BUSY, REST))


async def test_root_leads_there(gateway: EditedGateway, operator: Operator) -> None:
    """Who knows only the admin listener's address gets to the sign-in."""
    await operator.page.goto(f"http://127.0.0.1:{gateway.admin_port}/")
    assert await operator.page.evaluate("() => location.pathname") == "/console/"
    await operator.sees("Admin token")


@pytest.mark.parametrize("token", ["An0ther-token-altogether", "  ", "Größe-雲-token"])
async def test_wrong_token(token: str, gateway: EditedGateway, operator: Operator) -> None:
    """It is said so, nothing is shown, and the right one then signs in."""
    await operator.arrive(gateway)
    await operator.sign_in(token)
    await operator.sees(REFUSED)
    assert await operator.focused() == "Admin token"
    assert await operator.page.evaluate("() => document.querySelector('nav')") is None
    await operator.sign_in()
    await operator.sees("Live")
    check(operator, "401 (Unauthorized)")


async def test_gateway_is_away_at_sign_in(gateway: EditedGateway, operator: Operator) -> None:
    """A gateway that is not there is not taken for a wrong token."""
    await operator.arrive(gateway)
    await gateway.shut_down()
    await operator.sign_in()
    await operator.sees(UNREACHABLE)
    check(operator, "ERR_CONNECTION_REFUSED")


async def test_sign_out(gateway: EditedGateway, operator: Operator) -> None:
    """The stream ends, nothing of it stays on the page, and the token is asked for again."""
    await operator.enter(gateway)
    await operator.click("button[title='Sign out']")
    await operator.sees("Admin token")
    assert await operator.texts("nav, table, .tile") == []
    assert await operator.page.evaluate(f"() => document.querySelector('{TOKEN_FIELD}').value") == ""
    assert (await gateway.logs.wait_for("console.ended"))["end_reason"] == "client_gone"
    check(operator)


async def test_overview(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """Figures, the gateway's state, its servers, and the calls that failed."""
    await operator.enter(gateway)
    stream = await gateway.open()
    await gateway.call("/status/503")
    await operator.until("""() => document.querySelectorAll('.tile')[3].innerText.includes('\\n1\\n')""")
    await operator.sees("1 server: 1 up")
    await operator.sees("GET /status/503")
    shown = " ".join(await operator.texts(".tile, .panel"))
    for text in ("Calls", "Error rate", "Latency", "p50", "p99", "Tokens issued", "Tokens refused", "ready"):
        assert text in shown
    drawn = "() => [...document.querySelectorAll('.sparkline .stroke')].map((one) => one.getAttribute('d'))"
    assert (await operator.page.evaluate(drawn))[0].startswith("M")
    stream.leave()
    check(operator)


async def test_routes(gateway: EditedGateway, operator: Operator) -> None:
    """Each route with its state, in the order of the file; a filter; a way to its open streams."""
    await gateway.open()
    await gateway.call("/echo")
    await operator.enter(gateway, "#/routes")
    await operator.sees("4 routes")
    rows = {row["Route"]: row for row in await operator.rows()}
    assert list(rows) == ["events", "off", "busy", "rest"]
    states = {name: row["State"].split() for name, row in rows.items()}
    assert states == {
        "events": ["enabled", "stream", "shared"],
        "off": ["disabled"],
        "busy": ["enabled", "maintenance"],
        "rest": ["enabled"],
    }
    assert (rows["events"]["Open streams"], rows["rest"]["Requests"]) == ("1", "1")
    assert {row["Access"] for row in rows.values()} == {"header-token"}
    await operator.write("Filter", "MAINT")
    assert [row["Route"] for row in await operator.rows()] == ["busy"]
    await operator.write("Filter", "no such route")
    await operator.sees("No route is like that.")
    await operator.write("Filter", "")
    await operator.click("a[aria-label='1 open stream of events']")
    await operator.sees("1 stream")
    check(operator)


async def test_upstreams(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """Each server with its state."""
    await gateway.call("/echo")
    await operator.enter(gateway, "#/upstreams")
    await operator.sees("1 upstream, 1 server: 1 up")
    (row,) = await operator.rows()
    assert row["Server"].startswith(f"http://127.0.0.1:{upstream.port}")
    assert (row["State"].strip(), row["Weight"], row["Last fault"]) == ("up", "1", "none")
    check(operator)


async def test_end_a_stream(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """Only once it was confirmed; the focus goes on to the next stream's button."""
    first, other = await gateway.open(), await gateway.open()
    await operator.enter(gateway, "#/streams")
    await operator.sees("2 streams")
    rows = await operator.rows()
    assert {(row["Principal"].split("\n")[0], row["Route"]) for row in rows} == {("operator-ui", "events")}
    await operator.click("td button")
    await operator.sees("End this stream?")
    await operator.press("Enter")  # the usual answer
    await operator.sees_no("End this stream?")
    assert gateway.logs.named("stream.ended") == []
    assert (await operator.focused()).startswith("End stream")
    await operator.press("Enter", "Tab", "Enter")
    await operator.sees("1 stream")
    await operator.sees("Stream ended.")
    assert b"revoked" in await first.until(b"0\r\n\r\n")
    await operator.until("() => document.activeElement.matches('td button')")
    upstream.events.put_nowait(b"data: on\n\n")
    assert b"data: on" in await soon(other.until(b"data: on"))
    check(operator)


async def test_stream_filters(gateway: EditedGateway, operator: Operator) -> None:
    """By route and principal; none like that is said so."""
    await gateway.open()
    await operator.enter(gateway, "#/streams")
    await operator.sees("1 stream")
    await operator.write("Principal", "nobody")
    await operator.sees("No open stream is like that.")
    await operator.write("Principal", "operator-ui")
    await operator.choose("Route", "rest")
    await operator.sees("No open stream is like that.")
    await operator.choose("Route", "events")
    await operator.sees("1 stream")
    assert len(await operator.rows()) == 1
    check(operator)


async def test_reload_and_back(gateway: EditedGateway, operator: Operator) -> None:
    """The section is in the URL, so the browser's own ways lead to it; a reload asks for the token again."""
    await operator.enter(gateway)
    for section in SECTIONS[1:3]:
        await operator.go(section)
    await operator.page.act(lambda tab: tab.go_back())
    assert await operator.texts("h1, nav [aria-current]") == ["Routes", "Routes"]
    await operator.page.act(lambda tab: tab.reload())
    await operator.sees("Admin token")
    await operator.sign_in()
    await operator.sees("4 routes")
    assert await operator.page.evaluate("() => document.title") == "Routes · Tentáculo console"
    check(operator)


@pytest.mark.parametrize("hash", ["#/no-such-section", "#", "#/streams?route=gone&x=%"])
async def test_any_hash(hash: str, gateway: EditedGateway, operator: Operator) -> None:
    """A hash that means nothing shows what there is."""
    await operator.enter(gateway, hash)
    assert await operator.texts("h1") == ["Open streams" if "streams" in hash else "Overview"]
    check(operator)


async def test_bad_edit(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """Its problems appear with their lines, whoever saved it, and vanish with the next good one."""
    await operator.enter(gateway)
    gateway.errors_expected = True
    await gateway.edit(edited(upstream.port, "{name: rest, path: /*, upstream: backend, acess: public}"))
    await operator.sees("Configuration rejected: 1 problem")
    (problem,) = await operator.texts(".banner li")
    assert re.search(r"tentaculo\.yaml:10:\d+: routes\[0\]\.acess: ", problem)
    await gateway.edit(edited(upstream.port, REST))
    await operator.sees_no("Configuration rejected")
    await operator.go("routes")
    await operator.sees("1 route")
    check(operator)


async def test_reload_button(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """It says what has changed, also where nothing has, or that the file is not good."""
    await operator.enter(gateway)
    await operator.click(RELOAD)
    await operator.sees("Reloaded: nothing has changed.")
    gateway.errors_expected = True
    await gateway.edit(edited(upstream.port, "{name: rest, path: /*, upstream: backend, acess: public}"))
    await operator.click(RELOAD)
    await operator.sees("Not reloaded: 1 problem in the file.")
    assert await operator.focused() == "Reload"
    check(operator, "422 (Unprocessable Entity)")


async def test_draining(gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream) -> None:
    """It is said above every section while the open calls are done."""
    await operator.enter(gateway, "#/log")
    client = await gateway.client()
    await client.send(request("GET", "/stall", GOOD))
    await upstream.next()
    stopping = asyncio.ensure_future(gateway.shut_down())
    await operator.sees("The gateway is draining")
    upstream.gates.open("stall")
    await soon(stopping, 15)
    await operator.sees("Reconnecting")


async def test_admin_token_of_any_letters(
    operator: Operator, upstream: ScriptedUpstream, start_edited: StartEdited
) -> None:
    """The page and its stream write it in the same way."""
    token = "Àdm1n-tøken-☃-of-the-test"
    gateway = await start_edited(edited(upstream.port, admin_token=token))
    await operator.arrive(gateway)
    await operator.sign_in(token)
    await operator.sees("Live")
    check(operator)


async def test_as_many_as_may_be(gateway: EditedGateway, operator: Operator) -> None:
    """Past eight consoles one says why it is not live, and is so once others have gone."""
    others = [await other_console(gateway) for _ in range(8)]
    await operator.arrive(gateway)
    await operator.sign_in()
    await operator.sees("as many consoles as may be are open")
    for other in others:
        other.leave()
    await operator.sees("Live again.")
    check(operator, "429 (Too Many Requests)")


async def other_console(gateway: EditedGateway) -> RawClient:
    """Open the stream of one more console."""
    client = await RawClient.connect("127.0.0.1", gateway.admin_port)
    await client.send(request("POST", "/console/token", ADMIN))
    token = json.loads((await client.reply("POST")).body)["sse_token"]
    await client.send(request("GET", "/console/events", [("Authorization", f"Bearer {token}")]))
    assert (await client.head()).status == 200
    return client


async def test_gateway_restarts(
    gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream, start_edited: StartEdited
) -> None:
    """The page says that it is not live and why, and is live again without anyone's doing."""
    await operator.enter(gateway, "#/routes")
    await operator.sees("4 routes")
    port = gateway.admin_port
    await gateway.shut_down()
    await operator.sees("Reconnecting")
    await operator.sees("the gateway does not answer")
    await operator.sees("What is below is from before")
    assert len(await operator.rows()) == 4
    other = await start_edited(edited(upstream.port, REST, admin=f"127.0.0.1:{port}"))
    await operator.sees("Live again.")
    await operator.sees("1 route")
    await operator.sees_no("What is below is from before")
    assert other.logs.named("console.opened")
    check(operator, "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")


@pytest.mark.parametrize("section", ["log", "routes"])
async def test_admin_token_rotates(
    section: str, gateway: EditedGateway, operator: Operator, upstream: ScriptedUpstream
) -> None:
    """The page signs out, says why, and takes the new token; whether its stream or a call is refused."""
    await operator.enter(gateway, f"#/{section}")
    await gateway.edit(edited(upstream.port, REST, admin_token="An0ther-admin-token"))
    await operator.sees("no longer takes this admin token")
    assert await operator.texts("nav, table") == []
    await operator.sign_in(ADMIN_TOKEN)
    await operator.sees(REFUSED)
    await operator.sign_in("An0ther-admin-token")
    await operator.sees("Live")
    check(operator, "401 (Unauthorized)")
