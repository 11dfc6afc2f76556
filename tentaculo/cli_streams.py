"""The command `tentaculo streams`: its options, what it asks before it ends anything, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tentaculo.cli_admin import admin_options, failures, read_admin_token

if TYPE_CHECKING:
    from tentaculo.admin.stream_calls import Choice, Listed, StreamCalls


@click.command()
@click.option("--route", metavar="NAME", help="Only those of this route.")
@click.option("--principal", metavar="NAME", help="Only those of this principal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with whole ids and exact numbers.")
@click.option("--end", "ended", metavar="ID", help="End the stream of this id; its beginning is enough.")
@click.option("--end-all", is_flag=True, help="End all of --route, of --principal, or of one on the other.")
@click.option("--yes", is_flag=True, help="Do not ask before --end-all.")
@admin_options
def streams(
    route: str | None,
    principal: str | None,
    admin: str,
    admin_token_file: Path | None,
    ended: str | None,
    *,
    as_json: bool,
    end_all: bool,
    yes: bool,
) -> None:
    """List the streams that a running gateway has open, the newest last, or end them.

    Streams are ended as revoked ones. Nothing keeps their clients from coming back, which
    `tentaculo revoke` does; on other instances of the gateway nothing ends.

    \b
    Examples:
      tentaculo streams --admin-token-file /run/secrets/admin-token
      TENTACULO_ADMIN_TOKEN=... tentaculo streams --route operator-events --json
      tentaculo streams --end 3f9c12ab
      tentaculo streams --principal operator-ui --end-all --yes

    Exit codes: 0 good, 1 failed or not confirmed, 2 usage.
    """
    from tentaculo.admin.client import read_base  # noqa: PLC0415 - other commands need no HTTP
    from tentaculo.admin.stream_calls import Choice, StreamCalls  # noqa: PLC0415
    from tentaculo.admin.tail_events import visible  # noqa: PLC0415

    choice = Choice(route, principal)
    _check_use(choice, ended, end_all=end_all, as_json=as_json)
    with failures():
        calls = StreamCalls(read_base(admin), read_admin_token(admin_token_file))
        if ended is not None:
            click.echo(f"Ended {visible(calls.end_one(ended))}.")
        elif end_all:
            _end_all(calls, choice, asks=not yes and sys.stdin.isatty())
        else:
            _show(calls.listed(choice), choice, as_json=as_json)


def _check_use(choice: Choice, ended: str | None, *, end_all: bool, as_json: bool) -> None:
    if "" in (choice.route, choice.principal, ended):  # what a script forgot must not pass for all
        raise click.UsageError("--route, --principal and --end take no empty text.")
    if ended is not None and (end_all or choice):
        raise click.UsageError("--end takes no --route, no --principal and no --end-all.")
    if end_all and not choice:
        raise click.UsageError("--end-all needs a --route or a --principal.")
    if as_json and (end_all or ended is not None):
        raise click.UsageError("--json is for the list.")


def _end_all(calls: StreamCalls, choice: Choice, *, asks: bool) -> None:
    if asks:
        total = calls.listed(choice, limit=1).total
        click.confirm(f"End {_streams(total)}{choice}?", abort=True, err=True)
    click.echo(f"Ended {_streams(calls.end_all(choice))}{choice}.")


def _show(listed: Listed, choice: Choice, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"total": listed.total, "streams": listed.rows}, indent=2))
        return
    if listed.rows:
        from tentaculo.admin.stream_table import stream_table  # noqa: PLC0415 - slow to import

        width, colors = _terminal()
        click.echo(stream_table(listed.rows, width=width, colors=colors), nl=False)
    click.echo(f"{_streams(listed.total, 'open stream')}{choice}")


def _terminal() -> tuple[int | None, bool]:
    """Return how wide the terminal is, and whether it is to have colours; a pipe has neither."""
    if not sys.stdout.isatty():
        return None, False
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return shutil.get_terminal_size().columns, colors


def _streams(count: int, noun: str = "stream") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
