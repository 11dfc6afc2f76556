"""The command `tentaculo tail`: its options, where it writes, and how it ends."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tentaculo.admin.tail_filters import LEVELS, Filters, read_statuses
from tentaculo.config.scalars import read_duration

if TYPE_CHECKING:
    from io import BufferedReader

    from tentaculo.admin.tail_layout import Look

FAILED = 1
INTERRUPTED = 130
STDIN = Path("-")
DEFAULT_LINES = 20


def _statuses(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    try:
        return tuple(found for value in values for found in read_statuses(value))
    except ValueError as fault:
        raise click.UsageError(f"--status {fault}.") from None


def _slower(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else read_duration(value)
    except ValueError as fault:
        raise click.UsageError(f"--slower {fault}.") from None


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False, metavar="[FILE]")
@click.option("--route", "routes", multiple=True, metavar="NAME", help="Of this route; a glob.")
@click.option(
    "--status", "statuses", multiple=True, callback=_statuses, metavar="STATUS", help="404, 4xx or 400-499."
)
@click.option("--principal", "principals", multiple=True, metavar="NAME", help="Of this principal; a glob.")
@click.option("--request-id", "request_ids", multiple=True, metavar="ID", help="Its beginning is enough.")
@click.option("--event", "events", multiple=True, metavar="NAME", help="Such as stream.ended or 'stream.*'.")
@click.option("--slower", callback=_slower, metavar="TIME", help="That took at least so long, such as 500ms.")
@click.option("--level", type=click.Choice(LEVELS), metavar="LEVEL", help="At least this level.")
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=DEFAULT_LINES,
    show_default=True,
    help="So many of a file's last lines first; of those that are wanted.",
)
@click.option(
    "--follow/--no-follow", default=True, help="Go on with what comes, or end after the last lines."
)
@click.option("--utc/--local", default=False, help="Times in UTC, or in the time zone here, as usual.")
@click.option("--full", is_flag=True, help="All fields, nothing shortened.")
def tail(file: Path | None, lines: int, *, follow: bool, utc: bool, full: bool, **filters: Any) -> None:
    """Show a log of the gateway for people: readable, coloured, and only what is asked for.

    FILE is followed when it grows, is rotated or comes later. Without one, or with -, the log is read
    from stdin. Lines that are not the gateway's are shown as they are, unless something is asked for.
    Each option may be given several times: any of its values will do, but of all options.

    \b
    Examples:
      tentaculo tail /var/log/tentaculo/gateway.log
      tentaculo tail gateway.log --no-follow --lines 100 --status 5xx,429
      docker logs -f gateway 2>&1 | tentaculo tail --route 'operator-*' --slower 500ms
      tentaculo tail gateway.log --event 'stream.*' --principal operator-ui

    Exit codes: 0 good, 1 the file can't be read, 2 usage, 130 Ctrl-C.
    """
    look = _look(utc=utc, full=full)
    file = _source(file)

    from tentaculo.admin.tail_lines import TailLines  # noqa: PLC0415 - what draws is slow to import
    from tentaculo.admin.tailing import Tail, TailFile  # noqa: PLC0415

    shown = Tail(TailLines(look), Filters(**filters))
    if file == STDIN:
        texts = shown.stream(cast("BufferedReader", sys.stdin.buffer).read1)
    else:
        texts = shown.file(TailFile(file, lines, follow), lambda words: _say(f"{file} {words}"))
    sys.exit(_write(texts, str(file)))


def _source(file: Path | None) -> Path:
    if file is None and sys.stdin.isatty():
        raise click.UsageError("Name a FILE, or pipe a log into it.")
    return file or STDIN


def _look(*, utc: bool, full: bool) -> Look:
    """Fit the terminal, if it is one; what is piped is whole and without colours."""
    from tentaculo.admin.tail_layout import Look  # noqa: PLC0415 - as above

    if not sys.stdout.isatty():
        return Look(utc=utc, full=full)
    colors = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Look(width=shutil.get_terminal_size().columns, colors=colors, utc=utc, full=full)


def _write(texts: Iterable[str], name: str) -> int:
    """Write until it is over, and return the exit code; whoever reads it may leave at any time."""
    try:
        for text in texts:
            data = memoryview(text.encode("utf-8", "replace"))
            while data:  # unbuffered, a write may end in the middle
                data = data[sys.stdout.buffer.write(data) :]
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # What is still buffered would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as fault:
        _say(f"{name}: {fault.strerror}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _say(words: str) -> None:
    click.echo(f"tentaculo: {words}", err=True)
