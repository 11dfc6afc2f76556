"""What commands share that talk to a gateway: its address, the admin token, and how they fail."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tentaculo.admin.client import CallFailed, WrongUse
from tentaculo.cli_admin import DEFAULT_ADMIN, admin_options, checked_token, failures, read_admin_token

TOKEN = "Adm1n-token-of-the-test"
BARE: dict[str, str | None] = {"TENTACULO_ADMIN_URL": None, "TENTACULO_ADMIN_TOKEN": None}


@click.command()
@click.option("--fault")
@admin_options
def command(fault: str | None, admin: str, admin_token_file: Path | None) -> None:
    """Tell what it was given."""
    with failures():
        if fault is not None:
            raise {"use": WrongUse, "call": CallFailed}[fault]("It is so.")
        click.echo(f"{admin} {read_admin_token(admin_token_file)}")


def run(*arguments: str, **env: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, arguments, env={**BARE, **env})


def test_environment() -> None:
    """Where nothing is said, the environment counts, and for the address a default."""
    assert run(TENTACULO_ADMIN_TOKEN=TOKEN).stdout == f"{DEFAULT_ADMIN} {TOKEN}\n"
    assert run(TENTACULO_ADMIN_TOKEN=TOKEN, TENTACULO_ADMIN_URL="http://a").stdout == f"http://a {TOKEN}\n"


def test_options(tmp_path: Path) -> None:
    """What is said counts more."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    env = {"TENTACULO_ADMIN_TOKEN": "Another-admin-token", "TENTACULO_ADMIN_URL": "http://a"}
    result = run("--admin", "http://b", "--admin-token-file", str(file), **env)
    assert result.stdout == f"http://b {TOKEN}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--fault", "use"], 2, "It is so."),
        (["--fault", "call"], 1, "tentaculo: It is so.\n"),
        ([], 2, "Name the admin token's file with --admin-token-file FILE."),
        (["--admin-token-file", "/absent/file"], 2, "--admin-token-file names a file that"),
    ],
)
def test_failures(arguments: list[str], code: int, words: str) -> None:
    """What stands in the way is a sentence, with the code of a failure or of wrong usage."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


@pytest.mark.parametrize("token", ["", "short"])
def test_tokens_that_are_none(token: str) -> None:
    """What can be no token is told before anyone is asked."""
    with pytest.raises(click.UsageError, match="must be a token"):
        checked_token(token)
    assert checked_token(TOKEN) == TOKEN
