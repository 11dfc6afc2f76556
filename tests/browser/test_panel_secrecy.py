"""Where the principal token is, and everywhere that it is not."""

from __future__ import annotations

from playwright.async_api import Page as Tab

from tests.browser.conftest import StartPages
from tests.browser.pages import PageServer
from tests.browser.panel_fixtures import panel_dist, stack, user
from tests.browser.panel_stack import TOKEN, PanelStack
from tests.browser.panel_user import PanelUser
from tests.browser.token_pages import places
from tests.fakes.chromium import Context

__all__ = ["panel_dist", "stack", "user"]

HEADER = "x-vx11-token"
CALLS = {"/operator/api/events/sse-token", "/operator/api/commands"}
STORED = """async () => JSON.stringify([
  (await indexedDB.databases()).map((one) => one.name), await caches.keys(),
  (await navigator.locks.query()).held.map((one) => one.name), globalThis.heard,
])"""
# A page of the same origin hears what tabs tell each other, whatever the channel's name is.
LISTEN = """() => {
  const post = BroadcastChannel.prototype.postMessage;
  globalThis.heard = [];
  BroadcastChannel.prototype.postMessage = function (message) {
    heard.push(this.name, message);
    post.call(this, message);
  };
}"""


async def leave(tab: Tab, url: str) -> None:
    """Go to another site, as a link does."""
    async with tab.expect_navigation():
        await tab.evaluate("(url) => { location.href = url; }", url)


async def test_token_is_in_one_header_only(
    stack: PanelStack, user: PanelUser, context: Context, start_pages: StartPages
) -> None:
    """No URL, storage, history, performance entry, Referer, channel, lock, markup or log has it."""
    elsewhere: PageServer = await start_pages()
    await stack.start()
    await user.load()
    await user.page.evaluate(LISTEN)
    await user.give(TOKEN)
    await user.is_in("connected")
    await user.command("refresh")
    await user.sees("Its event came back in")
    other = PanelUser(await context.page(), stack)
    await other.connected()
    await user.click("text=Disconnect")
    await user.is_in("idle")
    await user.give(TOKEN)
    await user.is_in("connected")
    kept = await user.leaked() + str(await user.page.evaluate(STORED))
    assert "sse-token" in kept  # it did look at the locks
    await user.page.act(lambda tab: leave(tab, elsewhere.url()))
    assert TOKEN not in kept + await places([context], [user.page, other.page], [elsewhere])
    assert TOKEN not in stack.gateway.logs.text
    sent = await context.sent()
    holders = {
        (one.url.removeprefix(stack.url.removesuffix("/panel/")), name)
        for one in sent
        for name, value in one.fields.items()
        if TOKEN in value
    }
    assert holders == {(call, HEADER) for call in CALLS}
    assert [one.referer for one in sent if one.url.startswith(elsewhere.url())] == [None]
