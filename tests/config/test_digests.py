"""The digests of all principals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tentaculo.config.digests import collect_digests
from tentaculo.config.draft import Draft
from tentaculo.config.reading import read_tree
from tentaculo.config.shape import read_shape

ONE, TWO = "token-number-one", "token-number-two"


def _hex(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _collected(principals: str, directory: Path = Path()) -> tuple[list[list[str]], list[str]]:
    document = read_tree(f"principals: {principals}\n", "f")[0]
    file, _, left_out = read_shape(document)
    digests = collect_digests(Draft(file, document, directory, left_out))
    found = [[digest.hex() for digest in each] for each in digests.by_principal]
    return found, [f"{finding.path}: {finding.message}" for finding in digests.findings]


@pytest.mark.parametrize(
    "principals",
    [
        f"[{{token: {ONE}}}, {{token: [{TWO}]}}]",
        f"[{{token_sha256: {_hex(ONE)}}}, {{token_sha256: {_hex(TWO).upper()}}}]",
        f"[{{token: {ONE}}}, {{token_file: two}}]",
        f"[{{token: {ONE}}}, {{token_file: folder/../two}}]",
    ],
    ids=["token", "digest", "file", "path"],
)
def test_all_forms_give_the_same_digest(principals: str, tmp_path: Path) -> None:
    """A token in the clear, its digest and its file prove the same principal."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "two").write_text(f"{TWO}\n")
    assert _collected(principals, tmp_path) == ([[_hex(ONE)], [_hex(TWO)]], [])


def test_two_tokens_while_rotating() -> None:
    """A principal may have two."""
    assert _collected(f"[{{token: [{ONE}, {TWO}]}}]") == ([[_hex(ONE), _hex(TWO)]], [])


@pytest.mark.parametrize(
    ("principals", "finding"),
    [
        ("[{name: a}]", "('principals', 0): must hold one of token, token_sha256 and token_file"),
        (
            f"[{{token: {ONE}, token_sha256: {_hex(TWO)}}}]",
            "('principals', 0): must hold only one of token, token_sha256 and token_file",
        ),
        (
            f"[{{token: {ONE}}}, {{token: {ONE}}}]",
            "('principals', 1, 'token', 0): is the same token as principals[0].token",
        ),
        (
            f"[{{token: [{ONE}, {ONE}]}}]",
            "('principals', 0, 'token', 1): is the same token as principals[0].token[0]",
        ),
        (
            f"[{{token: {ONE}}}, {{token_sha256: {_hex(ONE)}}}]",
            "('principals', 1, 'token_sha256', 0): is the same token as principals[0].token",
        ),
        (
            "[{token_file: absent}]",
            "('principals', 0, 'token_file', 0): names a file that can't be read: No such file",
        ),
        (
            "[{token_file: short}]",
            "('principals', 0, 'token_file', 0): must be a token of at least 12 characters",
        ),
    ],
    ids=["none", "two-forms", "shared", "twice", "shared-digest", "no-file", "short-file"],
)
def test_unusable_token_is_found(principals: str, finding: str, tmp_path: Path) -> None:
    """What can't prove exactly one principal is found at its place, without the token."""
    (tmp_path / "short").write_text("hunter2")
    found = _collected(principals, tmp_path)[1]
    assert len(found) == 1
    assert found[0].startswith(finding)
    assert not any(token in found[0] for token in (ONE, TWO, "hunter2"))


def test_unclear_token_is_not_missing() -> None:
    """A token that could not be read was reported already."""
    assert _collected("[{token: short}]") == ([[]], [])
