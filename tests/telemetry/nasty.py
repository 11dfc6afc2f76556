"""Texts as a hostile client may send them: names, secrets and escapes of all kinds, in pieces and whole."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.telemetry.sinks import SECRET

_SIGNS = ("/", "?", "&", "=", ";", " ", "%", "%2", "\\", "\x1b", "\n", "\ud800", "é")
_WORDS = ("token", "%74oken", "\\u0074oken", "own-name", "code", "Bearer ", "//u:p@h", "short")
_SECRETS = (SECRET, f"%53{SECRET[1:]}", f"\\x53{SECRET[1:]}", f"%2553{SECRET[1:]}")

NASTY = st.one_of(st.text(), st.lists(st.sampled_from(_SIGNS + _WORDS + _SECRETS)).map("".join))
SECRETS = st.lists(st.one_of(st.sampled_from((SECRET, "short")), NASTY), max_size=3).map(tuple)
