"""The commands: they read arguments, print, and choose the exit code; all work is done below.

Exit codes: 0 good, 1 failed, 2 usage or configuration.  What only `serve` needs is imported there, so
that the other commands start fast.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from tentaculo import __version__
from tentaculo.config.loader import load
from tentaculo.config.problems import ConfigError
from tentaculo.config.schema import json_schema
from tentaculo.config.settings import RouteSettings, Settings
from tentaculo.config.tokens import digest_of
from tentaculo.errors import BadRequest, BadTarget
from tentaculo.routing import Explanation, Pattern, RouteTable
from tentaculo.wire.authority import check_host
from tentaculo.wire.target import Target, parse_target

FAILED = 1
BAD_CONFIGURATION = 2
DEFAULT_CONFIG = "config/tentaculo.yaml"

_NEVER_FORWARDED = frozenset({"CONNECT", "TRACE"})
_STREAM_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADINGS = ("NAME", "METHODS", "HOST", "PATH", "ACCESS", "UPSTREAM", "STATE")
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
def serve(config: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    \b
    Examples:
      tentaculo serve
      VX11_TOKEN=... tentaculo serve --config config/tentaculo.yaml
    """
    settings = _load(config)
    from tentaculo.gateway import StartError, run  # noqa: PLC0415 - the only command that needs the event loop

    try:
        code = run(settings)
    except StartError as fault:
        click.echo(f"tentaculo: {fault}", err=True)
        code = FAILED
    sys.exit(code)


@main.command()
@_file_argument
def check(file: Path) -> None:
    """Tell whether a configuration is good, or all that is wrong with it.

    Each problem is one line on stderr, with file, line and column. References to the environment
    must be set, and files with secrets are read; nothing is connected to.

    \b
    Examples:
      tentaculo check
      tentaculo check my-routes.yaml && echo good
    """
    settings = _load(file)
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
        _print_columns([_HEADINGS, *(_route_row(route) for route in settings.routes)])
        return
    method, target = _read_match(match, host)
    lines, taken = _explain(settings, method, target, check_host(host))
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
    try:
        click.echo(digest_of(_read_token()).hex())
    except ValueError as fault:
        raise click.UsageError(f"This {fault}.") from None


def _load(path: Path) -> Settings:
    try:
        return load(path)
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


def _route_row(route: RouteSettings) -> tuple[str, ...]:
    methods = "any" if route.methods is None else ",".join(sorted(route.methods))
    state = "on" if route.enabled else "off"
    return route.name, methods, route.host or "any", route.path, str(route.access), route.upstream, state


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


def _explain(settings: Settings, method: str, target: Target, host: str) -> tuple[list[str], bool]:
    request = f"{method} {target.path} for host {host}"
    if target.path == settings.health_path:
        return [f"{request} is answered by the gateway itself, as health_path"], True
    table = RouteTable(
        (route.name, Pattern(route.path, route.host, route.methods), route) for route in settings.routes
    )
    found = table.explain(host, target.path, method)
    if found.winner is None:
        return [f"{request} is answered {found.status}: {'; '.join(found.reasons)}", *_losers(found)], False
    route = table.match(host, target.path, method)
    lines = [f"{request} goes to {route.name}", f"  upstream {route.upstream}, access {route.access}"]
    lines += [f"  won by {', '.join(found.reasons)}", *_losers(found)]
    refusal = _refusal(route, method, target)
    return ([*lines, f"  but is answered {refusal}"] if refusal else lines), refusal is None


def _losers(found: Explanation) -> Iterator[str]:
    for name, reason in found.losers:
        yield f"  lost: {name}, because {reason}"


def _refusal(route: RouteSettings, method: str, target: Target) -> str | None:
    """Return how a matched request is refused before its credentials are looked at."""
    if method in _NEVER_FORWARDED:
        return "405 method_not_allowed: the method is never forwarded"
    if not target.found <= route.allow_in_path:
        return f"400 bad_target: allow_in_path lacks {', '.join(sorted(target.found - route.allow_in_path))}"
    if route.token_stream and method not in _STREAM_METHODS:
        return "405 method_not_allowed: a stream takes only GET, HEAD and OPTIONS"
    return None if route.enabled else "503 route_disabled: enabled is false"
