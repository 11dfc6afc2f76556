"""Messages between two processes, and the descriptors that go with them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from tentaculo.workers.channel import Channel, Message, make_pair
from tests.fakes.gates import soon


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Both ends of a channel."""
    one, other = map(Channel, make_pair())
    yield one, other
    one.close()
    other.close()


def test_message_with_descriptors(ends: tuple[Channel, Channel]) -> None:
    """Whoever receives them has descriptors of the same things, which no child of its own gets."""
    reading, writing = os.pipe()
    ends[0].send({"do": "first"}, [writing])
    ends[0].send({"do": "second"})
    os.close(writing)
    received = ends[1].receive()
    assert received is not None
    message, (descriptor,) = received
    assert message == {"do": "first"}
    assert not os.get_inheritable(descriptor)
    os.write(descriptor, b"said")
    os.close(descriptor)
    assert os.read(reading, 9) == b"said"
    os.close(reading)
    assert ends[1].receive() == ({"do": "second"}, [])


def test_end(ends: tuple[Channel, Channel]) -> None:
    """The other end sees that this one is gone, and can't send."""
    ends[0].close()
    assert ends[1].receive() is None
    with pytest.raises(OSError, match="Broken pipe"):
        ends[1].send({"do": "anything"})


def test_other_end_that_takes_nothing(ends: tuple[Channel, Channel]) -> None:
    """Sending never waits."""

    def send_on() -> None:
        while True:
            ends[0].send({"do": "again"})

    with pytest.raises(BlockingIOError):
        send_on()


async def test_listening(ends: tuple[Channel, Channel]) -> None:
    """Each message is heard, one that comes before too, then the end, once."""
    heard: list[Message] = []
    ended = asyncio.Event()
    ends[0].send({"number": 1})
    ends[1].listen(lambda message, _: heard.append(message), ended.set)
    ends[0].send({"number": 2})
    ends[0].close()
    await soon(ended.wait())
    assert heard == [{"number": 1}, {"number": 2}]


async def test_descriptor_of_a_broken_channel() -> None:
    """A fault of the system is an end too."""
    one, other = make_pair()
    channel, ended = Channel(one), asyncio.Event()
    channel.listen(lambda message, _: None, ended.set)
    with socket.socket() as unconnected:
        os.dup2(unconnected.fileno(), one.fileno())
        other.close()
        await soon(ended.wait())
    channel.close()
