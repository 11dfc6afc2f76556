"""Where an operator's secrets may not show: the browser's memory of pages, requests, the gateway's log."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Error

from tests.browser.console_pages import SECTIONS, Operator, check
from tests.fakes.chromium import Context
from tests.fakes.upstream import ScriptedUpstream
from tests.functional.conftest import StartEdited
from tests.functional.editing import edited
from tests.functional.tokens import ADMIN_TOKEN

ASIDE = "An0ther-token-that-is-wrong"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


async def test_admin_token(
    start_edited: StartEdited, upstream: ScriptedUpstream, operator: Operator, context: Context
) -> None:
    """It is in no storage, URL, history, performance entry or element; only headers of calls carry it."""
    gateway = await start_edited(edited(upstream.port))
    await operator.arrive(gateway)
    await operator.sign_in(ASIDE)
    await operator.sees("That is not")
    await operator.enter(gateway)
    for section in SECTIONS:
        await operator.go(section)
        leaked = await operator.leaked()
        assert ADMIN_TOKEN not in leaked
        assert ASIDE not in leaked
    sent = await context.sent()
    assert any(ADMIN_TOKEN in one.fields.get("authorization", "") for one in sent)
    for one in sent:
        others = {name: value for name, value in one.fields.items() if name != "authorization"}
        assert ADMIN_TOKEN not in f"{one.url}{others}"
        assert one.referer is None
    await operator.click("button[title='Sign out']")
    await operator.sees("Admin token")
    assert ADMIN_TOKEN not in await operator.leaked()
    for token in (ADMIN_TOKEN, ASIDE):
        assert token not in gateway.logs.text
    check(operator, "401 (Unauthorized)")


async def test_stream_token(
    start_edited: StartEdited, upstream: ScriptedUpstream, operator: Operator, context: Context
) -> None:
    """The stream is opened by an ephemeral token in a header, with the admin token nowhere in it."""
    gateway = await start_edited(edited(upstream.port))
    await operator.enter(gateway)
    (opening,) = [one for one in await context.sent() if "/console/events" in one.url]
    token = opening.fields["authorization"].removeprefix("Bearer ")
    assert UUID.fullmatch(token)
    assert opening.url.endswith("/console/events")
    assert token not in await operator.leaked()
    assert token not in gateway.logs.text
    check(operator)


async def test_no_outside_resource(
    start_edited: StartEdited, upstream: ScriptedUpstream, operator: Operator, context: Context
) -> None:
    """All that the page loads is the gateway's own, under a policy that forbids all else."""
    gateway = await start_edited(edited(upstream.port))
    await operator.enter(gateway)
    origin = f"http://127.0.0.1:{gateway.admin_port}/"
    assert all(one.url.startswith(origin) for one in await context.sent())
    blocked = """() => new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      document.body.append(Object.assign(document.createElement("%s"), {%s: "%s"}));
    })"""
    assert await operator.page.evaluate(blocked % ("style", "textContent", "body {}")) == "style-src-elem"
    assert await operator.page.evaluate(blocked % ("img", "src", "http://127.0.0.1:1/")) == "img-src"
    with pytest.raises(Error, match="TrustedHTML"):
        await operator.page.evaluate(blocked % ("p", "innerHTML", "<b>"))
    with pytest.raises(Error, match="TrustedScript"):
        await operator.page.evaluate(blocked % ("script", "textContent", "window.ran = 1"))
    assert await operator.page.evaluate("() => window.ran") is None
    check(operator, "Content Security Policy", "This document requires 'Trusted")
