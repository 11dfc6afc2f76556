"""The commands: they read arguments, print, and choose the exit code; all work is done below.

Exit codes: 0 good, 1 failed, 2 usage or configuration.  What only some need, such as the event loop, is
imported there, so that the other commands start fast.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tentaculo import __version__
from tentaculo.admin.explaining import explain, route_rows
from tentaculo.cli_admin import FAILED, admin_options, checked_token, failures, read_admin_token
from tentaculo.cli_streams import streams
from tentaculo.cli_tail import tail
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tentaculo.config.scalars import read_duration
from tentaculo.config.schema import json_schema
from tentaculo.config.settings import Settings
from tentaculo.config.tokens import digest_of
from tentaculo.errors import BadRequest, BadTarget
from tentaculo.wire.authority import check_host
from tentaculo.wire.target import Target, parse_target

BAD_CONFIGURATION = 2
DEFAULT_CONFIG = "config/tentaculo.yaml"
MOST_WORKERS = 256

_FILE = click.Path(dir_okay=False, path_type=Path)
_file_argument = click.argument(
    "file", type=_FILE, envvar="TENTACULO_CONFIG", default=DEFAULT_CONFIG, metavar="[FILE]"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tentaculo", message="%(prog)s %(version)s")
def main() -> None:
    """Tentáculo, a gateway that keeps tokens out of URLs and passes event streams through.

    Without a FILE, commands read $TENTACULO_CONFIG, then config/tentaculo.yaml.

    \b
    Examples:
      tentaculo check
      tentaculo routes --match "GET /operator/api/events/stream"
      tentaculo serve --config /etc/tentaculo/tentaculo.yaml

    Exit codes: 0 good, 1 failed, 2 usage or configuration.
    """


@main.command()
@click.option(
    "--config",
    type=_FILE,
    envvar="TENTACULO_CONFIG",
    default=DEFAULT_CONFIG,
    metavar="FILE",
    help="The configuration; default $TENTACULO_CONFIG, then config/tentaculo.yaml.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    envvar="TENTACULO_WORKERS",
    default=1,
    metavar="N",
    help="How many processes serve, each on a core of its own; default $TENTACULO_WORKERS, then 1.",
)
def serve(config: Path, workers: int) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    The first signal drains: streams end over drain.time, calls have until drain.hard_cap. A second one
    cuts what is left.

    One process uses one core. Several workers need Redis as their token_store.

    \b
    Examples:
      tentaculo serve
      tentaculo serve --workers 4
      VX11_TOKEN=... tentaculo serve --config config/tentaculo.yaml

    Exit codes: 0 all was drained, 1 something was cut or it could not start, 2 configuration.
    """
    settings = _load(config, workers=workers)
    # The only command that needs the event loop.
    from tentaculo.listening import StartError  # noqa: PLC0415

    try:
        code = _run(settings, config, workers)
    except StartError as fault:
        click.echo(f"tentaculo: {fault}", err=True)
        code = FAILED
    sys.exit(code)


def _run(settings: Settings, config: Path, workers: int) -> int:
    from tentaculo import serving  # noqa: PLC0415 - as above

    if workers == 1:
        return serving.run(settings, lambda: load(config))
    from tentaculo.workers import supervisor  # noqa: PLC0415 - most have one

    return supervisor.run(settings, lambda: load(config, workers=workers), workers)


@main.command()
@_file_argument
@click.option("--diff", is_flag=True, help="Tell what it would change in the gateway that runs.")
@admin_options
def check(file: Path, *, diff: bool, admin: str, admin_token_file: Path | None) -> None:
    """Tell whether a configuration is good, or all that is wrong with it.

    Each problem is one line on stderr, with file, line and column. References to the environment
    must be set, and files with secrets are read; nothing is connected to.

    With --diff a running gateway is asked, and what the file would change is listed: + new, - removed,
    ~ changed, = renamed, ! only with a restart. The last line counts the open streams that would end.

    \b
    Examples:
      tentaculo check
      tentaculo check my-routes.yaml && echo good
      tentaculo check --diff --admin-token-file /run/secrets/admin-token
    """
    settings = _load(file)
    if diff:
        from tentaculo.admin import client, comparing  # noqa: PLC0415 - a check alone needs no HTTP
        from tentaculo.config.outline import outline_of  # noqa: PLC0415

        with failures():
            running = comparing.ask(client.read_base(admin), read_admin_token(admin_token_file))
            for line in comparing.differences(running, outline_of(settings)):
                click.echo(line)
        return
    counts = (
        _count(len(settings.routes), "route"),
        _count(len(settings.upstreams), "upstream"),
        _count(len(settings.principals), "principal"),
    )
    click.echo(f"{file}: good ({', '.join(counts)})")


@main.command()
@_file_argument
@click.option("--match", metavar='"METHOD /path"', help="Explain which route a request goes to, and why.")
@click.option("--host", default="localhost", show_default=True, help="The host that --match asks for.")
def routes(file: Path, match: str | None, host: str) -> None:
    """List the routes, or explain where one request goes.

    The paths that issue tokens are listed too, with the names of the routes whose tokens they are.
    With --match the exit code is 0 when a route takes the request, else 1.

    \b
    Examples:
      tentaculo routes
      tentaculo routes my-routes.yaml
      tentaculo routes --match "POST /operator/api/events/sse-token"
      tentaculo routes --match "GET /reports/2024" --host reports.example.org
    """
    settings = _load(file)
    if match is None:
        _print_columns(list(route_rows(settings)))
        return
    method, target = _read_match(match, host)
    lines, taken = explain(settings, method, target, check_host(host))
    for line in lines:
        click.echo(line)
    sys.exit(0 if taken else FAILED)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors.

    \b
    Example:
      tentaculo schema > tentaculo.schema.json
    and as the first line of the configuration:
      # yaml-language-server: $schema=./tentaculo.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@main.command()
@_file_argument
def openapi(file: Path) -> None:
    """Print what the gateway answers itself, as an OpenAPI document.

    That is health_path, the issue paths and the browser files of the configuration, and the admin
    listener. What routes forward is described by the services behind.

    \b
    Examples:
      tentaculo openapi > tentaculo.openapi.json
      tentaculo openapi my-routes.yaml
    """
    settings = _load(file)
    from tentaculo.admin.openapi import describe  # noqa: PLC0415 - it reads the console's files

    click.echo(json.dumps(describe(settings), indent=2, ensure_ascii=False))


@main.command("hash-token")
def hash_token() -> None:
    """Print the SHA-256 of a token, for token_sha256.

    The token is read from stdin, or asked for without showing it. It is no argument, since those
    are seen by every user of the machine.

    \b
    Examples:
      tentaculo hash-token
      tentaculo hash-token < /run/secrets/operator-token
    """
    click.echo(digest_of(checked_token(_read_token())).hex())


@main.command()
@click.argument("route")
@_file_argument
@click.option("--gateway", metavar="URL", help="Where the gateway is; default the file's listen address.")
@click.option("--path", metavar="PATH", help="The stream's path, where the route matches more than one.")
def issue(route: str, file: Path, gateway: str | None, path: str | None) -> None:
    """Print a curl line that opens a stream of ROUTE, with an ephemeral token issued for it.

    The principal token is read from $TENTACULO_TOKEN, else from stdin, or asked for without showing
    it. It is no argument, since those are seen by every user of the machine.

    \b
    Examples:
      tentaculo issue events
      tentaculo issue events my-routes.yaml --gateway https://gateway.example.org
      eval "$(tentaculo issue events < /run/secrets/operator-token)"
    """
    from tentaculo.admin import curl  # noqa: PLC0415 - what needs HTTP, as below

    with failures():
        order = curl.make_order(_load(file), route, gateway=gateway, path=path)
        issued = curl.issue(order, checked_token(os.environ.get("TENTACULO_TOKEN") or _read_token()))
        click.echo(curl.curl_line(order, issued))
    click.echo(f"Opens {route} within {_count(issued.seconds, 'second')}.", err=True)


@main.command()
@click.argument("principal")
@click.option("--block", metavar="TIME", help="Refuse its own token too for so long, such as 1h.")
@admin_options
def revoke(principal: str, block: str | None, admin: str, admin_token_file: Path | None) -> None:
    """End the streams and ephemeral tokens of PRINCIPAL, on every instance of the gateway.

    Its own token goes on to work, so without --block its clients come back at once.

    \b
    Examples:
      tentaculo revoke operator-ui --block 1h --admin-token-file /run/secrets/admin-token
      TENTACULO_ADMIN_TOKEN=... tentaculo revoke operator-ui --admin http://10.0.0.5:9100
    """
    from tentaculo.admin import client  # noqa: PLC0415 - the commands above need no HTTP

    with failures():
        token = read_admin_token(admin_token_file)
        click.echo(client.revoke(client.read_base(admin), token, principal, block=_checked_block(block)))


main.add_command(streams)
main.add_command(tail)


def _checked_block(block: str | None) -> str | None:
    try:
        if block is not None:
            read_duration(block)
    except ValueError as fault:
        raise click.UsageError(f"--block {fault}.") from None
    return block


def _load(path: Path, *, workers: int = 1) -> Settings:
    try:
        return load(path, workers=workers)
    except ConfigError as fault:
        problems = fault.problems
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(_count(len(problems), "problem"), err=True)
    sys.exit(BAD_CONFIGURATION)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _read_token() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _read_match(text: str, host: str) -> tuple[str, Target]:
    method, _, path = text.strip().partition(" ")
    if not path:
        raise click.UsageError('--match takes a method and a path, such as "GET /path".')
    try:
        check_host(host)
    except BadRequest as fault:
        raise click.UsageError(f"--host: {fault.reason}.") from None
    try:
        return method, parse_target(path.strip(), host)
    except BadTarget as fault:
        click.echo(f"{method} is answered 400 bad_target: {fault.reason}")
        sys.exit(FAILED)
