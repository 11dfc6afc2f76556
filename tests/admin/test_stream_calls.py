"""What operators learn of open streams from a gateway, and what they are told where it is of no use."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tentaculo.admin.client import read_base
from tentaculo.admin.stream_calls import Choice, StreamCalls
from tests.admin.stacks import ADMIN_TOKEN, ROUTES, Stack, answering, running, said
from tests.fakes.client import RawClient
from tests.functional.running import GOOD
from tests.functional.tokens import open_stream

STREAMS = f"""{ROUTES}
  - {{name: rooms, path: "/sse/{{name}}", upstream: backend, access: public, stream: {{}}}}"""


def calls_to(stack: Stack, token: str = ADMIN_TOKEN) -> StreamCalls:
    """Return the calls to a gateway."""
    return StreamCalls(read_base(stack.admin_url), token)


async def opened(stack: Stack, *paths: str) -> list[RawClient]:
    """Open streams."""
    return [(await open_stream(stack.gateway, path, GOOD)).client for path in paths]


def answer(body: Any, status: int = 200) -> bytes:
    """Return an answer of JSON."""
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(data), data)


@pytest.mark.parametrize(
    ("choice", "words", "query"),
    [
        (Choice(), "", ""),
        (Choice("a&b"), " of route a&b", "?route=a%26b"),
        (Choice(None, "p q"), " of principal p q", "?principal=p+q"),
        (Choice("a", "p"), " of route a of principal p", "?route=a&principal=p"),
    ],
)
def test_choices(choice: Choice, words: str, query: str) -> None:
    """A choice is said in words and as a query; only the first one chooses nothing."""
    assert (str(choice), choice.query(), bool(choice)) == (words, query, bool(query))


async def test_listed() -> None:
    """Rows are the newest last, of a choice if there is one, no more than asked for of all there are."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/a", "/sse/query", "/sse/b")
        calls = calls_to(stack)
        everything = await said(lambda: calls.listed(Choice()))
        chosen = await said(lambda: calls.listed(Choice("rooms"), limit=1))
    assert not isinstance(everything, str)
    assert not isinstance(chosen, str)
    assert ([row["route"] for row in everything.rows], everything.total) == (["rooms", "query", "rooms"], 3)
    assert ([row["id"] for row in chosen.rows], chosen.total) == ([everything.rows[2]["id"]], 2)


async def test_long_lists() -> None:
    """Far more than any other answer holds is read."""
    rows = [{"id": "x" * 1000, "number": number} for number in range(2000)]
    async with answering(answer({"total": 2000, "streams": rows})) as (port, _):
        listed = await said(
            lambda: StreamCalls(read_base(f"http://127.0.0.1:{port}"), ADMIN_TOKEN).listed(Choice())
        )
    assert not isinstance(listed, str)
    assert listed.rows == rows


async def test_one_ends_by_the_beginning_of_its_id() -> None:
    """As much of an id is enough as no other stream has."""
    async with running(STREAMS) as stack:
        first, _ = await opened(stack, "/sse/a", "/sse/b")
        calls = calls_to(stack)
        listed = await said(lambda: calls.listed(Choice()))
        assert not isinstance(listed, str)
        whole = listed.rows[0]["id"]
        assert await said(lambda: calls.end_one(whole[:12])) == whole
        assert b"revoked" in await first.until(b"0\r\n\r\n")
        sentence = f"CallFailed: The gateway at {stack.admin_url} has no open stream of this id."
        assert await said(lambda: calls.end_one(whole)) == sentence
        assert await said(lambda: calls.end_one(whole[:12])) == sentence
        assert len(await asyncio.to_thread(lambda: calls.listed(Choice()).rows)) == 1


async def test_ids_that_begin_alike() -> None:
    """Where several streams could be meant none is ended; a whole id means its own."""
    rows = [{"id": "ab"}, {"id": "abc"}, {"id": "abd"}]
    async with answering(answer({"total": 3, "streams": rows, "ended": 1})) as (port, received):
        calls = StreamCalls(read_base(f"http://127.0.0.1:{port}"), ADMIN_TOKEN)
        sentence = "CallFailed: 3 open streams have an id that begins so: give more of it."
        assert await said(lambda: calls.end_one("a")) == sentence
        assert b"DELETE" not in received
        assert await said(lambda: calls.end_one("ab")) == "ab"
        assert b"DELETE /streams/ab HTTP" in received


async def test_an_id_can_not_change_the_path() -> None:
    """Whatever a gateway says that an id is, it is one segment of the path."""
    rows = [{"id": "../x?route=a#b c"}]
    async with answering(answer({"total": 1, "streams": rows, "ended": 1})) as (port, received):
        calls = StreamCalls(read_base(f"http://127.0.0.1:{port}"), ADMIN_TOKEN)
        assert await said(lambda: calls.end_one("..")) == "../x?route=a#b c"
    assert b"DELETE /streams/..%2Fx%3Froute%3Da%23b%20c HTTP/1.1\r\n" in received


async def test_all_of_a_choice_end() -> None:
    """It is told how many they were, which may be none."""
    async with running(STREAMS) as stack:
        await opened(stack, "/sse/a", "/sse/query", "/sse/b")
        calls = calls_to(stack)
        assert await said(lambda: calls.end_all(Choice("rooms"))) == 2
        assert await said(lambda: calls.end_all(Choice("rooms"))) == 0
        assert await said(lambda: calls.end_all(Choice(None, "operator-ui"))) == 1


async def test_refusals() -> None:
    """A wrong token, and an API that is off, are sentences of their own."""
    async with running(STREAMS) as stack:
        refused = f"CallFailed: The admin API at {stack.admin_url} refuses the admin token."
        calls = calls_to(stack, "Another-admin-token")
        assert await said(lambda: calls.listed(Choice())) == refused
        assert await said(lambda: calls.end_all(Choice("rooms"))) == refused
        assert await said(lambda: calls.end_one("x")) == refused
    async with running(STREAMS, admin_token="") as stack:
        off = await said(lambda: calls_to(stack).listed(Choice()))
        assert str(off).startswith(f"CallFailed: There is no admin API at {stack.admin_url}: ")


BAD_BODIES: list[Any] = [
    None,
    [],
    {},
    {"streams": []},
    {"total": 1},
    {"streams": {}, "total": 0},
    {"streams": [1], "total": 1},
    {"streams": [], "total": "1"},
    {"streams": [], "total": True},
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=repr)
async def test_other_answers(body: Any) -> None:
    """What is no list of a gateway's is not taken for one, nor for an end."""
    async with answering(answer(body)) as (port, _):
        url = f"http://127.0.0.1:{port}"
        calls = StreamCalls(read_base(url), ADMIN_TOKEN)
        sentence = f"CallFailed: {url} answers 200; is it the admin listener?"
        assert await said(lambda: calls.listed(Choice())) == sentence
        assert await said(lambda: calls.end_all(Choice("a"))) == sentence


async def test_a_list_with_another_status() -> None:
    """A body counts only with its status."""
    body = {"streams": [], "total": 0, "ended": 1}
    async with answering(answer(body, 203)) as (port, _):
        calls = StreamCalls(read_base(f"http://127.0.0.1:{port}"), ADMIN_TOKEN)
        assert "answers 203" in str(await said(lambda: calls.listed(Choice())))
        assert "answers 203" in str(await said(lambda: calls.end_all(Choice("a"))))
