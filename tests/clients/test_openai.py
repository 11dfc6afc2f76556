"""The OpenAI client, streaming from a stand-in of its API whose every token the test sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from tests.clients.calls import Call, Calls
from tests.clients.hosting import Hosted
from tests.clients.routes import url
from tests.fakes.gates import eventually, soon
from tests.functional.configuration import configuration
from tests.functional.conftest import StartGateway
from tests.functional.running import TOKEN, RunningGateway

KEY = "sk-the-backend-s-own-key"
HEADERS = {"X-VX11-Token": TOKEN}
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say something."}]
WORDS = ["", "One", " by", " one", "."]


def routes(stream: str = "") -> str:
    """The API's route; `stream` is a line of YAML."""
    return f"routes:\n  - {{name: llm, path: /v1/*, upstream: backend, {stream}}}\n"


def completion(kind: str, **choice: Any) -> str:
    """What both kinds of answer have in common."""
    choices = [{"index": 0, "finish_reason": None, **choice}]
    return json.dumps(
        {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "stand-in", "choices": choices}
    )


def chunk(word: str) -> str:
    """One token as the API sends it."""
    return f"data: {completion('chat.completion.chunk', delta={'content': word})}\n\n"


def check_request(call: Call, *, stream: bool) -> None:
    """It came as the client sent it: the backend's key passes, the gateway's token does not."""
    assert (call.method, call.path) == ("POST", "/v1/chat/completions")
    assert call.json.get("stream", False) is stream
    assert call.json["messages"] == ASKED
    assert call.fields["Authorization"] == f"Bearer {KEY}"
    assert "X-VX11-Token" not in call.fields


@pytest.fixture
async def gateway(start_gateway: StartGateway, backend: Hosted) -> RunningGateway:
    """One whose route has no `stream` section."""
    return await start_gateway(configuration(backend.port, routes=routes()))


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[AsyncOpenAI]:
    """The client, which would hide a fault by asking again."""
    async with client_of(gateway) as client:
        yield client


def client_of(gateway: RunningGateway) -> AsyncOpenAI:
    """Make a client."""
    base = url(gateway, "/v1")
    return AsyncOpenAI(api_key=KEY, base_url=base, default_headers=HEADERS, max_retries=0)


async def ask(client: AsyncOpenAI) -> AsyncStream[ChatCompletionChunk]:
    """Ask for a stream."""
    return await client.chat.completions.create(model="stand-in", messages=ASKED, stream=True)


async def opened(client: AsyncOpenAI, calls: Calls) -> tuple[AsyncStream[ChatCompletionChunk], Call]:
    """Ask for a stream and have it begin."""
    asking = asyncio.create_task(ask(client))
    call = await calls.next()
    await call.start("text/event-stream; charset=utf-8")
    return await soon(asking), call


async def heard(stream: AsyncStream[ChatCompletionChunk]) -> str | None:
    """The next token."""
    return (await soon(anext(stream))).choices[0].delta.content


async def test_streaming(client: AsyncOpenAI, calls: Calls) -> None:
    """Each token is there before the next is sent."""
    stream, call = await opened(client, calls)
    check_request(call, stream=True)
    for word in WORDS:
        await call.write(chunk(word))
        assert await heard(stream) == word
    await call.finish("data: [DONE]\n\n")
    with pytest.raises(StopAsyncIteration):
        await soon(anext(stream))


async def test_streaming_synchronously(gateway: RunningGateway, calls: Calls) -> None:
    """So it is with the client for threads."""
    loop, words = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        base = url(gateway, "/v1")
        with OpenAI(api_key=KEY, base_url=base, default_headers=HEADERS, max_retries=0) as client:
            for part in client.chat.completions.create(model="stand-in", messages=ASKED, stream=True):
                loop.call_soon_threadsafe(words.put_nowait, part.choices[0].delta.content)

    reading = asyncio.create_task(asyncio.to_thread(read))
    call = await calls.next()
    await call.start()
    for word in WORDS:
        await call.write(chunk(word))
        assert await soon(words.get()) == word
    await call.finish("data: [DONE]\n\n")
    await soon(reading)


async def test_no_stream(client: AsyncOpenAI, calls: Calls) -> None:
    """The same route carries an answer that is no stream."""
    asking = asyncio.create_task(client.chat.completions.create(model="stand-in", messages=ASKED))
    call = await calls.next()
    check_request(call, stream=False)
    await call.start("application/json")
    message = {"role": "assistant", "content": "¡Hola!"}
    await call.finish(completion("chat.completion", message=message, finish_reason="stop"))
    assert (await soon(asking)).choices[0].message.content == "¡Hola!"


async def test_leaving_before_the_answer(client: AsyncOpenAI, calls: Calls) -> None:
    """A client that gives up before the answer has begun stops the upstream."""
    asking = asyncio.create_task(ask(client))
    call = await calls.next()
    asking.cancel()
    await soon(call.gone.wait())


@pytest.mark.parametrize("words", [[], WORDS[:2]], ids=["before the first token", "after it"])
async def test_leaving(words: list[str], client: AsyncOpenAI, calls: Calls, gateway: RunningGateway) -> None:
    """A client that closes its stream stops the upstream, and nobody blames it."""
    stream, call = await opened(client, calls)
    for word in words:
        await call.write(chunk(word))
        assert await heard(stream) == word
    await stream.close()
    await soon(call.gone.wait())
    assert (await gateway.logs.wait_for("stream.ended"))["end_reason"] == "client_gone"
    assert await gateway.metric(r".*upstream_faults") == 0


async def test_heartbeat(start_gateway: StartGateway, backend: Hosted, calls: Calls) -> None:
    """Comments that the gateway sends while the model thinks are none of the client's tokens."""
    gateway = await start_gateway(configuration(backend.port, routes=routes("stream: {heartbeat: 1s}")))
    async with client_of(gateway) as client:
        stream, call = await opened(client, calls)
        await call.write(chunk("One"))
        assert await heard(stream) == "One"
        size = stream.response.num_bytes_downloaded
        thinking = asyncio.create_task(heard(stream))
        await eventually(lambda: stream.response.num_bytes_downloaded > size)
        assert not thinking.done()
        await call.write(chunk(" more"))
        assert await soon(thinking) == " more"
        await call.finish("data: [DONE]\n\n")
        with pytest.raises(StopAsyncIteration):
            await soon(anext(stream))
