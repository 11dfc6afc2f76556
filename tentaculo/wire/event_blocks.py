"""Event streams as whole blocks, for streams that are fanned out (WHATWG HTML section 9.2.6).

A block is what stands between two blank lines.  It means the same wherever between others it is
put, also as the first of a stream.  Never touches a socket.
"""

from __future__ import annotations

from tentaculo.wire.events import BOM, WithoutBom, read_id, read_retry

_IDS = (b"id", b"id:")
# As much of a line as tells these fields from others.
_NAME_LIMIT = 6


class EventTooLarge(Exception):
    """A block holds more bytes than may be kept."""


class Block:
    """One block: its lines ended by LF, with the blank line behind them.

    `id` is the value of its last id field that counts, None without one; with `is_event` it is
    dispatched, for it has data; `retry` in milliseconds.
    """

    __slots__ = ("data", "id", "is_event", "retry")

    def __init__(self, data: bytes, id: bytes | None, *, is_event: bool, retry: int | None) -> None:
        self.data = data
        self.id = id
        self.is_event = is_event
        self.retry = retry


class BlockSplitter:
    """Cuts a stream into blocks of at most `limit` bytes, the last blank line not counted."""

    __slots__ = ("_after_cr", "_held", "_limit", "_start")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start = WithoutBom()
        self._after_cr = False
        self._held = bytearray()

    @property
    def pending(self) -> int:
        """Return the bytes of the unfinished block."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Block]:
        """Return the blocks that this ends.  Raises EventTooLarge, and is of no use any more."""
        text = self._normalised(data)
        if not text:
            return []
        held = self._held
        if held.endswith(b"\n"):  # perhaps the first half of the end
            del held[-1:]
            text = b"\n" + text
        pieces = text.split(b"\n\n")
        rest = pieces.pop()
        blocks = []
        if pieces:
            pieces[0] = bytes(held) + pieces[0]
            held.clear()
            blocks = self._blocks(pieces)
        held += rest if held else rest.lstrip(b"\n")
        if len(held) > self._limit:
            raise EventTooLarge
        return blocks

    def _normalised(self, data: bytes) -> bytes:
        data = self._start.feed(data)
        if not data:
            return data
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _blocks(self, pieces: list[bytes]) -> list[Block]:
        blocks = []
        for piece in pieces:
            text = piece.lstrip(b"\n")
            # One line end more was there while it was unfinished.
            if len(text) >= self._limit:
                raise EventTooLarge
            if text:
                blocks.append(_read(text))
        return blocks


def with_id(block: Block, id: bytes) -> Block:
    """Return the same block with this id, which must have no line end and no NUL, instead of its own."""
    text = block.data
    if text.startswith(b"id") or text.find(b"\nid") >= 0:
        text = b"\n".join([line for line in text.split(b"\n") if line[:3] not in _IDS])
    return Block(b"id: " + id + b"\n" + text, id, is_event=block.is_event, retry=block.retry)


def _read(text: bytes) -> Block:
    if text.startswith(BOM):
        # It belongs to a field's name here; as the first bytes of a stream it would be taken away.
        text = b":\n" + text
    if text.startswith(b"data:") and text.find(b"\n") < 0:
        return Block(text + b"\n\n", None, is_event=True, retry=None)
    event_id: bytes | None = None
    retry: int | None = None
    is_event = False
    for line in text.split(b"\n"):
        name = line[:_NAME_LIMIT].partition(b":")[0]
        if name == b"data":
            is_event = True
        elif name == b"id":
            found = read_id(line[3:])
            event_id = event_id if found is None else found
        elif name == b"retry":
            milliseconds = read_retry(line[6:])
            retry = retry if milliseconds is None else milliseconds
    return Block(text + b"\n\n", event_id, is_event=is_event, retry=retry)
