"""The shape of a reply before anything of it is known."""

from __future__ import annotations

from tentaculo.upstream.reply import Framing, ReplyHead


def test_fresh_head_promises_nothing() -> None:
    """Without any framing field a body lasts to the end of the connection (RFC 9112 section 6.3)."""
    head = ReplyHead()
    assert (head.status, head.reason, head.content_type) == (0, b"", b"")
    assert (head.framing, head.length) == (Framing.CLOSE, None)


def test_heads_do_not_share_fields() -> None:
    """What one reply gets is not in the next."""
    head = ReplyHead()
    head.add(b"X", b"1")
    assert (head.names, head.lines) == ([b"X"], [b"X: 1"])
    assert (ReplyHead().names, ReplyHead().lines) == ([], [])


def test_reason() -> None:
    """It is what follows the status."""
    head = ReplyHead()
    head.status_line = b"HTTP/1.1 418 I am a teapot"
    assert head.reason == b"I am a teapot"
