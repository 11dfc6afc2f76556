"""The principal token: where it is read, and how it is checked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from examples.vx11.principal import PrincipalToken, make_principal_token, read_principal_token

TOKEN = "principal-of-the-test"


@pytest.mark.parametrize(
    ("presented", "proved"),
    [
        pytest.param(TOKEN, True, id="the-token"),
        pytest.param(TOKEN[:-1], False, id="shorter"),
        pytest.param(f"{TOKEN} ", False, id="longer"),
        pytest.param(TOKEN.upper(), False, id="other-case"),
        pytest.param("", False, id="empty"),
        pytest.param("\udcff\udcfe", False, id="not-utf-8"),
    ],
)
def test_only_the_token_itself_proves_the_principal(presented: str, proved: bool) -> None:
    """Anything but the exact text is refused, and nothing raises."""
    assert PrincipalToken(TOKEN).is_proved_by(presented) is proved


def test_the_token_is_not_kept() -> None:
    """Neither the checker's state nor a known token's repr shows it."""
    known = make_principal_token()
    assert known.token not in repr(vars(PrincipalToken(known.token)))
    assert known.token not in repr(known)


def test_the_variable_wins_over_the_file(tmp_path: Path) -> None:
    """With both given, the variable's token is taken and named in commands."""
    file = tmp_path / "token"
    file.write_text("from-the-file")
    known = read_principal_token({"VX11_TOKEN": TOKEN, "VX11_TOKEN_FILE": str(file)})
    assert known is not None
    assert (known.token, known.in_shell) == (TOKEN, "$VX11_TOKEN")


def test_a_file_is_read_without_its_line_end_and_the_shell_can_read_it_too(tmp_path: Path) -> None:
    """The text for the shell yields the same token, also where the path needs quoting."""
    file = tmp_path / "the principal's token"
    file.write_text(f"{TOKEN}\n")
    known = read_principal_token({"VX11_TOKEN": "", "VX11_TOKEN_FILE": str(file)})
    assert known is not None
    assert known.token == TOKEN
    shell = subprocess.run(["sh", "-c", f'printf %s "{known.in_shell}"'], capture_output=True, check=True)
    assert shell.stdout.decode() == TOKEN


def test_an_empty_token_is_none_at_all(tmp_path: Path) -> None:
    """An empty variable or file gives no token, since an empty header would prove it."""
    file = tmp_path / "token"
    file.write_text("\n")
    assert read_principal_token({}) is None
    assert read_principal_token({"VX11_TOKEN": ""}) is None
    assert read_principal_token({"VX11_TOKEN_FILE": str(file)}) is None


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A file that was named and can't be read is not passed over."""
    with pytest.raises(FileNotFoundError):
        read_principal_token({"VX11_TOKEN_FILE": str(tmp_path / "missing")})


def test_a_made_token_is_new_each_time_and_needs_no_quoting() -> None:
    """Made tokens differ, are long, and stand for themselves in a shell."""
    first, second = make_principal_token(), make_principal_token()
    assert first.token != second.token
    assert len(first.token) == 32
    assert first.in_shell == first.token
    assert first.token.replace("-", "").replace("_", "").isalnum()
