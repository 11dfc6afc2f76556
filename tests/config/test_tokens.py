"""Principal tokens in their three forms."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from tentaculo.config.settings import Secret
from tentaculo.config.tokens import (
    LARGEST_FILE,
    digest_of,
    read_digest,
    read_file_name,
    read_token,
    read_token_file,
)

TOKEN = "a-good-token"


def test_digest_is_the_sha256_of_the_bytes_on_the_wire() -> None:
    """The digest is of the token's UTF-8 bytes, undecodable ones of the environment included."""
    assert digest_of(TOKEN) == hashlib.sha256(b"a-good-token").digest()
    assert digest_of("a-good-tok\udcff\u00e9n") == hashlib.sha256(b"a-good-tok\xff\xc3\xa9n").digest()


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("a" * 11, "at least 12"),
        ("", "at least 12"),
        (f"{TOKEN}\n", "fits a header"),
        (f" {TOKEN}", "fits a header"),
        (f"{TOKEN} ", "fits a header"),
        (f"a\0{TOKEN}", "fits a header"),
        (f"{TOKEN}\x7f", "fits a header"),
    ],
    ids=["short", "empty", "newline", "leading", "trailing", "nul", "delete"],
)
def test_unusable_token_is_refused(token: str, said: str) -> None:
    """A token that is short, or that no header can carry, is refused without quoting it."""
    with pytest.raises(ValueError, match=said) as caught:
        digest_of(token)
    assert TOKEN not in str(caught.value)


def test_token_of_the_file_is_a_secret() -> None:
    """A token in the clear is wrapped at once."""
    assert read_token(TOKEN) == Secret(TOKEN)
    with pytest.raises(PydanticCustomError, match="at least 12"):
        read_token("short")


def test_digest_is_read_from_hexadecimal() -> None:
    """Digits are read in either case, and anything else is refused."""
    assert read_digest("AB" * 32) == b"\xab" * 32
    for text in ("ab" * 31, "zz" * 32, "ab" * 32 + "\n"):
        with pytest.raises(PydanticCustomError, match="64 hexadecimal digits"):
            read_digest(text)


@pytest.mark.parametrize(
    ("content", "token"),
    [(b"tok", "tok"), (b"tok\n", "tok"), (b"tok\r\n", "tok"), (b"tok\n\n", "tok\n"), (b"", "")],
    ids=["bare", "newline", "crlf", "two-newlines", "empty"],
)
def test_file_loses_one_newline(tmp_path: Path, content: bytes, token: str) -> None:
    """The newline that editors add is no part of the token, and nothing else is taken away."""
    path = tmp_path / "token"
    path.write_bytes(content)
    assert read_token_file(path) == token


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff" * 20, "not UTF-8"), (b"x" * (LARGEST_FILE + 1), "too large"), (None, "No such file")],
    ids=["binary", "large", "missing"],
)
def test_unusable_file_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A file that can't hold a token is told by its reason, without its content."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_token_file(path)


def test_folder_is_no_token_file(tmp_path: Path) -> None:
    """A path that is a folder is one sentence too."""
    with pytest.raises(ValueError, match="can't be read"):
        read_token_file(tmp_path)


def test_file_name_is_one() -> None:
    """A name that no system takes is told, and does not come as far as being opened."""
    assert read_file_name("a/b") == Path("a/b")
    for text in ("", "a\0b"):
        with pytest.raises(PydanticCustomError, match="must"):
            read_file_name(text)
