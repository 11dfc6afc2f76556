"""Makes a URL, a header or any other text safe to show: secrets become `***`, the rest stays as it was.

Decides by names, as the most lenient reader would decode them, and fails closed: a query that can't
be parsed is masked whole.  Linear in time, never raises, and touches no socket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote

from tentaculo.wire.decoded import MAX_ROUNDS, Decoded, decode, is_plain
from tentaculo.wire.occurrences import Occurrences, Span
from tentaculo.wire.secret_names import SecretNames

MASK = "***"
MIN_SECRET = 8
_MAX_PASSES = 5
_MAX_CLEAN = 2048
# Longer texts are neither remembered nor given a quick look first.
_MAX_CLEAN_SIZE = 512
# What one call may cost: a request line must not hold up the event loop.
_MAX_ESCAPED_URL = 1536
_MAX_ESCAPES_OF_LONG_URL = 192
_MAX_ESCAPED_TEXT = 4096
_MAX_SECRETS = 8

# A parameter whose name holds a broken escape: what a server would read is anyone's guess.
_UNPARSABLE = re.compile(r"(?<=[?&])[^=&#?%]*+(?:%[0-9a-f]{2}[^=&#?%]*+)*%(?!u?[0-9a-f]{2})", re.IGNORECASE)
# What makes a text expensive to decode.
_ODD = re.compile(r"[^ -$&-\[\]-~]")


class Sanitizer:
    """Masks by name; `extra_names` are added to the names that carry secrets.

    Remembers some texts that came out unchanged, never one that held a secret.
    """

    __slots__ = ("_names", "clean_texts", "clean_urls")

    def __init__(self, extra_names: Iterable[str] = ()) -> None:
        self._names = SecretNames(extra_names)
        self.clean_texts: set[str] = set()
        self.clean_urls: set[str] = set()

    def is_secret_name(self, name: str) -> bool:
        """Say whether what goes by this name is a secret."""
        return self._names.includes(name)

    def text(self, text: str) -> str:
        """Sanitize a message, a traceback or a header value."""
        # A name and its value need something between them; so much for most identifiers.
        if text.isalnum() or text in self.clean_texts:
            return text
        shown = text
        if not self._holds_nothing(text):
            shown = _settled(lambda shown: self._masked(shown, is_url=False), text)
        return _remember(text, self.clean_texts) if shown == text else shown

    def url(self, text: str) -> str:
        """Sanitize a request target or a whole URL: nothing but its own grammar ends a value."""
        if text in self.clean_urls:
            return text
        shown = text
        if not self._holds_nothing(text):
            shown = _settled(lambda shown: self._masked(_parsable(shown), is_url=True), _affordable(text))
        return _remember(text, self.clean_urls) if shown == text else shown

    def _holds_nothing(self, text: str) -> bool:
        if "%" in text and len(text) <= _MAX_CLEAN_SIZE:
            text = _unquoted(text)
            if not text.isprintable():  # decoding leaves out what this can't show
                return False
        return is_plain(text) and self._names.hint.search(text.lower()) is None

    def _masked(self, text: str, *, is_url: bool) -> str:
        seen = decode(text)
        spans = Occurrences(seen, self._names, text, is_url=is_url).spans()
        shown = replace_spans(text, seen, spans)
        if seen.limit < len(text) and not shown.endswith(MASK):
            shown += MASK
        return shown


def mask_values(text: str, secrets: Sequence[str]) -> str:
    """Replace each secret of 8 characters or more by `***`, however it is escaped.

    Where that would be much work, everything after the first `?` is masked, or all of the text.
    """
    escaped = "%" in text or "\\" in text
    if not escaped and len(secrets) == 1 and secrets[0] not in text:  # nearly always
        return text
    wanted = {secret for secret in secrets if len(secret) >= MIN_SECRET}
    if not wanted:
        return text
    if _is_costly(text, wanted, escaped=escaped):
        path, mark, _ = text.partition("?")
        if not mark or _is_costly(path, wanted, escaped="%" in path or "\\" in path):
            return MASK
        return mask_values(path, secrets) + mark + MASK
    # The longest first: another one may be a part of it.
    for secret in sorted(wanted, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return _mask_escaped(text, wanted) if escaped else text


def _is_costly(text: str, secrets: set[str], *, escaped: bool) -> bool:
    if not escaped:
        return len(secrets) > _MAX_SECRETS and len(text) > _MAX_CLEAN_SIZE
    # Secrets are decoded too.
    size = len(text) + sum(len(secret) for secret in secrets if not is_plain(secret))
    return len(secrets) > _MAX_SECRETS or size > _MAX_ESCAPED_TEXT


def _mask_escaped(text: str, secrets: Iterable[str]) -> str:
    if "\\" not in text and len(text) <= _MAX_CLEAN_SIZE:
        # Quick for what nearly all texts are: escaped, but without any of the secrets.
        unquoted = _unquoted(text)
        secrets = [secret for secret in secrets if _unquoted(secret) in unquoted]
        if not secrets:
            return text
    return _mask_decoded(text, {decode(secret).text for secret in secrets} - {""})


def _unquoted(text: str) -> str:
    """Undo percent escapes the quick way, which knows no positions and no other escapes."""
    for _ in range(MAX_ROUNDS):
        if "%" not in text:
            break
        text = unquote(text)
    return text


def _mask_decoded(text: str, secrets: Iterable[str]) -> str:
    seen = decode(text)
    spans: list[Span] = []
    for secret in secrets:
        at = seen.text.find(secret)
        while at >= 0:
            spans.append((at, at + len(secret)))
            at = seen.text.find(secret, at + len(secret))
    return replace_spans(text, seen, _apart(spans)) + text[seen.limit :] if spans else text


def _apart(spans: list[Span]) -> list[Span]:
    """Put spans in order and join those that overlap."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def replace_spans(text: str, seen: Decoded, spans: Iterable[Span]) -> str:
    """Mask spans of the decoded text in the original one, with what was left out on decoding."""
    pieces: list[str] = []
    position = 0
    for begin, end in spans:
        first = seen.ends[begin - 1] if begin else 0
        last = seen.starts[end] if end < len(seen.text) else seen.limit
        pieces += (text[position:first], MASK)
        position = max(last, first)
    pieces.append(text[position : seen.limit])
    return "".join(pieces)


def _affordable(url: str) -> str:
    """Mask the query of a long URL with many escapes, and of a path like that all after its first one."""
    if len(url) <= _MAX_ESCAPED_URL or _odd_count(url) <= _MAX_ESCAPES_OF_LONG_URL:
        return url
    path, mark, _ = url.partition("?")
    first = _ODD.search(path)
    if first is not None and _odd_count(path) > _MAX_ESCAPES_OF_LONG_URL:
        return url[: first.start()] + MASK
    return path + mark + MASK


def _odd_count(text: str) -> int:
    return len(text) - len(_ODD.sub("", text))


def _parsable(url: str) -> str:
    match = _UNPARSABLE.search(url)
    if match is None:
        return url
    mark = url.find("?", 0, match.start())
    return url[: mark + 1 if mark >= 0 else match.start()] + MASK


def _settled(masked: Callable[[str], str], text: str) -> str:
    """Mask until nothing changes: what is left of a broken text may read differently from the whole."""
    for _ in range(_MAX_PASSES):
        shown = masked(text)
        if shown == text:
            return text
        text = shown
    return MASK


def _remember(text: str, clean: set[str]) -> str:
    if len(text) <= _MAX_CLEAN_SIZE:
        if len(clean) >= _MAX_CLEAN:
            clean.clear()
        clean.add(text)
    return text
