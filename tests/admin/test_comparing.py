"""What an edit would change in a running gateway, as lines, and what is no answer of one."""

from __future__ import annotations

import json

import pytest

from tentaculo.admin.client import read_base
from tentaculo.admin.comparing import InEffect, ask, differences
from tentaculo.config.outline import Outline
from tests.admin.stacks import ADMIN_TOKEN, answering, running, said
from tests.fakes.client import request
from tests.functional.running import GOOD

MANY = 10_000
WHOLE: dict[str, object] = {"routes": {}, "upstreams": {}, "principals": {}, "keys": {}, "streams": {}}


def outline(
    routes: str = "", upstreams: str = "", principals: str = "", keys: str = "listen=0 log=0"
) -> Outline:
    """Make an outline of words such as `name=digest`."""
    return Outline(
        *(dict(one.split("=") for one in part.split()) for part in (routes, upstreams, principals, keys))
    )


def lines(before: Outline, after: Outline, **streams: int) -> list[str]:
    """Compare."""
    return list(differences(InEffect(before, streams), after))


def test_nothing_would_change() -> None:
    """The same file, or one that means the same, is one line."""
    assert lines(outline("a=1", "b=1", "c=1"), outline("a=1", "b=1", "c=1"), a=9) == ["nothing would change"]


CASES = {
    "added": ("a=1", "a=1 n=2", ["+ route n"], 0),
    "removed": ("a=1 b=2", "b=2", ["- route a (ends 12 streams)"], 12),
    "changed": ("a=1 b=2", "a=1 b=3", ["~ route b (ends 1 stream)"], 1),
    "without streams": ("a=1 c=2", "a=1", ["- route c (ends 0 streams)"], 0),
    "renamed": ("a=1", "n=1", ["= route a -> n (renamed, its streams go on)"], 0),
    "swapped": ("a=1 b=2", "a=2 b=1", ["~ route a (ends 0 streams)", "~ route b (ends 0 streams)"], 0),
    "all": ("a=1 b=2", "n=3", ["+ route n", "- route a (ends 12 streams)", "- route b (ends 1 stream)"], 13),
}


@pytest.mark.parametrize(("before", "after", "expected", "ended"), CASES.values(), ids=CASES)
def test_routes(before: str, after: str, expected: list[str], ended: int) -> None:
    """Each is a line with the streams that it would end, and the last line has the sum."""
    found = lines(outline(before), outline(after), a=12, b=1, forgotten=5)
    count = "1 stream" if ended == 1 else f"{ended} streams"
    assert found == [*expected, f"would end {count} of removed and changed routes"]


def test_others() -> None:
    """Upstreams end nothing, principals what is theirs; other keys are named, with what needs a restart."""
    before = outline("a=1", "u=1 v=1 w=1", "p=1 q=1 r=1", "listen=1 admin_digest=1 token_store=1 log=1")
    after = outline("a=1", "v=2 x=1 y=3", "q=2 s=1 t=3", "listen=2 admin_digest=2 token_store=2 log=1")
    assert lines(before, after, a=3) == [
        "+ upstream y",
        "- upstream w",
        "~ upstream v",
        "= upstream u -> x (renamed)",
        "+ principal t",
        "- principal r (its streams end)",
        "~ principal q (streams of a changed token end)",
        "= principal p -> s (renamed, its streams end)",
        "~ listen",
        "~ admin token",
        "! token_store (needs a restart)",
        "would end 0 streams of removed and changed routes, and those of principals that lose access",
    ]


async def test_running_gateway_is_asked() -> None:
    """It tells what it has in effect, with its open streams."""
    async with running() as stack:
        client = await stack.gateway.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
        found = await said(lambda: ask(read_base(stack.admin_url), ADMIN_TOKEN))
    assert isinstance(found, InEffect)
    assert (list(found.outline.routes), found.streams) == (["query"], {"query": 1})


async def test_answer_may_be_long() -> None:
    """Ten thousand routes are more than other answers may hold."""
    raw = json.dumps({**WHOLE, "routes": {f"route-{n}": "0" * 32 for n in range(MANY)}}).encode()
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw)) as (port, _):
        found = await said(lambda: ask(read_base(f"http://127.0.0.1:{port}"), ADMIN_TOKEN))
    assert isinstance(found, InEffect)
    assert len(found.outline.routes) == MANY


BODIES = {
    "nothing": b"",
    "no mapping": b"[]",
    "less": json.dumps({**WHOLE, "keys": None}).encode(),
    "no digests": json.dumps({**WHOLE, "routes": {"a": 1}}).encode(),
    "no counts": json.dumps({**WHOLE, "streams": {"a": True}}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_answer_of_something_else(body: bytes) -> None:
    """What has another form is not compared with."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as (port, _):
        url = f"http://127.0.0.1:{port}"
        found = await said(lambda: ask(read_base(url), ADMIN_TOKEN))
    assert found == f"CallFailed: {url} answers 200; is it the admin listener?"


async def test_refusal() -> None:
    """A wrong token is a sentence of its own."""
    async with running() as stack:
        url = stack.admin_url
        found = await said(lambda: ask(read_base(url), "Another-admin-token"))
    assert found == f"CallFailed: The admin API at {url} refuses the admin token."
