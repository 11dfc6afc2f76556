"""A bus under test, and a clock for its pending messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from examples.vx11.bus import Bus, Message
from tests.fakes.redis_server import RedisServer

KEPT = 5


class BusBench:
    """A bus that keeps KEPT messages a topic.

    `advance` makes its pending messages older by seconds, `waiting` counts who waits for new ones.
    """

    def __init__(self, bus: Bus, advance: Callable[[float], None], waiting: Callable[[], int]) -> None:
        self.bus = bus
        self.advance = advance
        self.waiting = waiting

    async def fill(self, *bodies: str, topic: str = "a") -> list[str]:
        """Publish messages, and return their ids."""
        return [await self.bus.publish(topic, body.encode(), f"c-{body}") for body in bodies]

    async def take(self, group: str = "g", consumer: str = "one", limit: int = 10, *topics: str) -> list[str]:
        """Take what there is, and return the bodies."""
        return bodies_of(await self.bus.take(group, consumer, topics or ("a",), limit))


def bodies_of(messages: list[Message]) -> list[str]:
    """Return the bodies as text."""
    return [message.body.decode() for message in messages]


def make_older(server: RedisServer, seconds: float) -> None:
    """Make every message that is pending older: Redis goes by its own clock, which stands for nobody."""
    for key in server.command("KEYS", "vx11:topic:*"):
        for group in server.command("XINFO", "GROUPS", key):
            rows: list[Any] = server.command("XPENDING", key, group[1], "-", "+", 100)
            for message_id, consumer, idle, _ in rows:
                aged = ("IDLE", idle + int(seconds * 1000), "JUSTID")
                server.command("XCLAIM", key, group[1], consumer, 0, message_id, *aged)


def blocked(server: RedisServer) -> int:
    """Return how many connections wait in Redis."""
    figures = server.command("INFO", "clients").decode().split()
    return next(int(line.partition(":")[2]) for line in figures if line.startswith("blocked_clients:"))
