"""What the gateway itself says on an event stream: why it ends, or that it can't begin yet.

Added only between events, where a client is waiting for the next one (WHATWG HTML, section 9.2).
"""

from __future__ import annotations

RETRY_MILLISECONDS = 3000
TAIL = 4

# Bytes after which an event is complete: an empty line, whatever ends its lines.
_BLANK_LINES = (b"\n\n", b"\r\r", b"\n\r\n", b"\r\r\n", b"\n\r")

# `retry` makes EventSource come again; the comment is for people who look.
NOT_YET = b"retry: %d\n: the stream is not available yet\n\n" % RETRY_MILLISECONDS


def last_event(reason: str) -> bytes:
    """Return the event that names why a stream ends."""
    return b'event: %b\ndata: {"reason": "%b"}\n\n' % (reason.encode(), reason.encode())


def is_between_events(tail: bytes) -> bool:
    """Whether a stream that ends in `tail`, its last TAIL bytes, is between two events."""
    return not tail or tail.endswith(_BLANK_LINES)
