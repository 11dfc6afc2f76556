"""Principal tokens in their three forms; what leaves this module is their SHA-256 digests."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from tentaculo.config.scalars import or_reference, read_text, sentence
from tentaculo.config.settings import Secret

SHORTEST = 12
LARGEST_FILE = 64 * 1024

_DIGEST = re.compile(r"[0-9A-Fa-f]{64}").fullmatch
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f]|^\s|\s$").search


def digest_of(token: str) -> bytes:
    """Return the digest that a principal is found by; raises ValueError with the sentence for a bad token."""
    if len(token) < SHORTEST:
        raise ValueError(f"must be a token of at least {SHORTEST} characters")
    if _UNSENDABLE(token) is not None:
        raise ValueError("must be a token that fits a header: no control characters, no spaces around it")
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def read_token_file(path: Path) -> str:
    """Return a file's text without the newline at its end.

    Raises ValueError with the sentence for a file that can't be used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as fault:
        raise ValueError(f"names a file that can't be read: {fault.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise ValueError("names a file that is too large to hold a token")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8 text") from None


def read_token(value: object) -> Secret:
    """Return a token of the file or of the environment."""
    text = read_text(value)
    try:
        digest_of(text)
    except ValueError as fault:
        raise sentence(str(fault)) from None
    return Secret(text)


def read_digest(value: object) -> bytes:
    """Return a digest from its hexadecimal digits."""
    text = read_text(value)
    if _DIGEST(text) is None:
        raise sentence("must be the 64 hexadecimal digits that tentaculo hash-token prints")
    return bytes.fromhex(text)


def read_file_name(value: object) -> Path:
    """Return a path, which may be relative."""
    text = read_text(value)
    if "\0" in text:
        raise sentence("must be a file's name, without NUL")
    return Path(text)


Token = Annotated[Secret, PlainValidator(read_token), or_reference(type="string", minLength=SHORTEST)]
TokenDigest = Annotated[
    bytes, PlainValidator(read_digest), or_reference(type="string", pattern="^[0-9A-Fa-f]{64}$")
]
FileName = Annotated[
    Path,
    PlainValidator(read_file_name),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
