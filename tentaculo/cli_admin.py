"""What the commands have in common that talk to a running gateway: where it is, the token, how they fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from tentaculo.config.tokens import digest_of, read_token_file

FAILED = 1
DEFAULT_ADMIN = "http://127.0.0.1:9100"

Command = TypeVar("Command", bound=Callable[..., Any])


def admin_options(command: Command) -> Command:
    """Add the options --admin and --admin-token-file."""
    where = click.option(
        "--admin",
        metavar="URL",
        envvar="TENTACULO_ADMIN_URL",
        default=DEFAULT_ADMIN,
        help=f"The admin listener; default $TENTACULO_ADMIN_URL, then {DEFAULT_ADMIN}.",
    )
    token = click.option(
        "--admin-token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Holds the admin token; without it, $TENTACULO_ADMIN_TOKEN does.",
    )
    return where(token(command))


@contextmanager
def failures() -> Iterator[None]:
    """Turn what stands in the way into a sentence and an exit code."""
    # The commands that only read a file need no HTTP.
    from tentaculo.admin.client import CallFailed, WrongUse  # noqa: PLC0415

    try:
        yield
    except WrongUse as fault:
        raise click.UsageError(str(fault)) from None
    except CallFailed as fault:
        click.echo(f"tentaculo: {fault}", err=True)
        sys.exit(FAILED)


def read_admin_token(path: Path | None) -> str:
    """Return the admin token of a file, or of the environment."""
    if path is None:
        token = os.environ.get("TENTACULO_ADMIN_TOKEN", "")
        if not token:
            raise click.UsageError("Name the admin token's file with --admin-token-file FILE.")
        return checked_token(token)
    try:
        return checked_token(read_token_file(path))
    except ValueError as fault:
        raise click.UsageError(f"--admin-token-file {fault}.") from None


def checked_token(token: str) -> str:
    """Return a token; one that can be none is wrong usage."""
    try:
        digest_of(token)
    except ValueError as fault:
        raise click.UsageError(f"This {fault}.") from None
    return token
