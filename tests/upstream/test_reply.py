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
    ReplyHead().fields.append((b"X", b"1"))
    assert ReplyHead().fields == []
