"""A tiny reader of event streams: just enough to see what a browser would see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.fakes.gates import soon


class LineReader(Protocol):
    """What both aiohttp's and asyncio's readers offer."""

    async def readline(self) -> bytes:
        """Return one line with its end, or nothing at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """The lines up to an empty one."""

    lines: Sequence[str]

    def field(self, name: str) -> str | None:
        """Return a field's value, its lines joined, or None."""
        values = [line[len(name) + 2 :] for line in self.lines if line.startswith(f"{name}: ")]
        return "\n".join(values) if values else None

    @property
    def data(self) -> dict[str, Any]:
        """The event's data, which is JSON."""
        return dict(json.loads(self.field("data") or ""))


async def read_block(reader: LineReader) -> Block | None:
    """Return the next block, comment or event, or None when the stream has ended."""
    lines: list[str] = []
    while line := (await soon(reader.readline())).decode():
        if line == "\n":
            return Block(lines)
        lines.append(line.removesuffix("\n"))
    return None


async def read_event(reader: LineReader, event_type: str | None = None) -> Block:
    """Return the next event, of that type if one is named; fail when the stream ends first."""
    while block := await read_block(reader):
        if block.field("data") and event_type in {None, block.data["event_type"]}:
            return block
    raise AssertionError("the stream ended")
