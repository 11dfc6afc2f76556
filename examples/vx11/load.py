"""The stack's own load: panels, commands and restarts against a running stack, through its gateway.

`python -m examples.vx11.load` prints one JSON object on stdout, and exits 0 where every panel got every
accepted command's event once, 1 otherwise, 2 for a fault in its own arguments.  Ctrl-C ends it with the
report so far.  The principal token comes from VX11_TOKEN, or from the file that VX11_TOKEN_FILE names.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import orjson
import uvloop
from yarl import URL

from examples.vx11.load_commands import accepted_by, make_senders, pause
from examples.vx11.load_panels import figures_of, make_panels
from examples.vx11.load_restarts import SERVICES, Restarts, read_command
from examples.vx11.load_target import MODES, Target
from examples.vx11.principal import read_principal_token
from examples.vx11.service import stop_signals

OPENING_SECONDS = 30.0
QUIET_SECONDS = 60.0
PROGRESS_SECONDS = 5.0
CHECK_SECONDS = 0.1

Say = Callable[[str], None]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What the load is: seconds, numbers, and commands a second; 0 leaves out renewals and restarts."""

    base_url: str
    mode: str = "gateway"
    seconds: float = 60.0
    panels: int = 20
    commands: float = 5.0
    renew_every: float = 30.0
    restart_every: float = 0.0
    restart: str = ""
    services: tuple[str, ...] = tuple(SERVICES.split(","))


class Load:
    """One run against a target; its id is the beginning of every key, and so of every event id."""

    def __init__(self, target: Target, options: LoadOptions, say: Say) -> None:
        run = f"load.{secrets.token_hex(4)}"
        self._target = target
        self._options = options
        self._say = say
        self._panels = make_panels(target, run, options.panels, options.renew_every)
        self._senders = make_senders(target, run, options.commands)
        self._restarts = _make_restarts(options, say)
        self._began = 0.0

    async def run(self, stop: asyncio.Event) -> dict[str, Any]:
        """Run until its time is over and the last events have come, or until `stop`; return the report."""
        self._began = _now()
        watching = [asyncio.create_task(panel.watch()) for panel in self._panels]
        telling = asyncio.create_task(self._tell())
        try:
            await self._until(self._all_opened, stop, OPENING_SECONDS)
            opened = sum(panel.opened.is_set() for panel in self._panels)
            self._say(f"{opened} of {len(self._panels)} panels are open")
            await self._work(stop)
            await self._until(self._all_complete, stop, QUIET_SECONDS)
        finally:
            await _cancel([*watching, telling])
        return self._report(interrupted=stop.is_set())

    async def _work(self, stop: asyncio.Event) -> None:
        end = asyncio.Event()
        sending = [asyncio.create_task(sender.send_until(end)) for sender in self._senders]
        restarting = asyncio.create_task(self._restart_until(end))
        try:
            await pause(stop, self._options.seconds)
            end.set()
            self._say("waiting for the last commands and events")
            await restarting
            await self._until(lambda: all(task.done() for task in sending), stop, QUIET_SECONDS)
        finally:
            await _cancel([*sending, restarting])

    async def _restart_until(self, end: asyncio.Event) -> None:
        if self._restarts is not None:
            await self._restarts.run_until(end)

    async def _until(self, holds: Callable[[], bool], stop: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds() and not stop.is_set():
                    await pause(stop, CHECK_SECONDS)

    def _all_opened(self) -> bool:
        return all(panel.opened.is_set() for panel in self._panels)

    def _all_complete(self) -> bool:
        expected = set(accepted_by(self._senders))
        return all(expected <= panel.received.keys for panel in self._panels)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            received = sum(len(panel.received.keys) for panel in self._panels)
            accepted = len(accepted_by(self._senders))
            self._say(
                f"{accepted} commands accepted, {received} events received by {len(self._panels)} panels"
            )

    def _report(self, *, interrupted: bool) -> dict[str, Any]:
        accepted = accepted_by(self._senders)
        return {
            "mode": self._options.mode,
            "seconds": round(_now() - self._began, 1),
            "interrupted": interrupted,
            "panels": len(self._panels),
            "commands_accepted": len(accepted),
            "answers": {
                "calls": dict(sorted(self._target.calls.items())),
                "tokens": dict(sorted(self._target.tokens.items())),
                "streams": dict(sorted(self._target.streams.items())),
            },
            **figures_of(self._panels, accepted),
            "restarts": [asdict(restart) for restart in self._restarts.done] if self._restarts else [],
        }


def read_options(arguments: argparse.Namespace) -> LoadOptions:
    """Return the options that the arguments ask for; raises ValueError with a sentence."""
    options = LoadOptions(
        base_url=_loopback(arguments.base_url),
        mode=arguments.mode,
        seconds=_within("--seconds", arguments.seconds, 86_400.0),
        panels=_within("--panels", arguments.panels, 1_000),
        commands=_within("--commands", arguments.commands, 1_000.0),
        renew_every=_within("--renew-every", arguments.renew_every, 86_400.0, zero=True),
        restart_every=_within("--restart-every", arguments.restart_every, 86_400.0, zero=True),
        restart=arguments.restart,
        services=tuple(filter(None, arguments.services.split(","))),
    )
    if options.restart_every:
        read_command(options.restart)
        if not options.services:
            raise ValueError("--services must name a service.")
    return options


def _loopback(given: str) -> str:
    try:
        url = URL(given)
        host = url.host or ""
        is_own = host == "localhost" or ipaddress.ip_address(host).is_loopback
        is_origin = url.scheme in {"http", "https"} and url == url.origin()
    except ValueError:
        is_own = is_origin = False
    if not (is_own and is_origin):
        raise ValueError("--base-url must be of this machine, such as http://127.0.0.1:8000.")
    return str(url)


def _within(name: str, given: Number, most: Number, *, zero: bool = False) -> Number:
    if not (0 < given <= most or (zero and given == 0)):
        raise ValueError(f"{name} must be {'0' if zero else 'more than 0'} to {most:g}.")
    return given


def _make_restarts(options: LoadOptions, say: Say) -> Restarts | None:
    if not options.restart_every:
        return None
    return Restarts(options.restart, options.services, every=options.restart_every, say=say)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def run_load(options: LoadOptions, token: str, say: Say) -> dict[str, Any]:
    """Run a load until it is over or a signal comes; return its report."""
    async with Target(options.base_url, token, options.mode) as target:
        load = Load(target, options, say)
        with stop_signals() as signalled:
            return await load.run(signalled)


def is_good(report: Mapping[str, Any]) -> bool:
    """Whether something was sent, and all of it came everywhere, once."""
    return bool(report["commands_accepted"]) and not report["lost"] and not report["repeated"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.vx11.load",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--base-url", default="http://127.0.0.1:8000", help="the gateway, on this machine")
    add("--mode", choices=MODES, default="gateway", help="who issues the ephemeral tokens")
    add("--seconds", type=float, default=60.0, help="for so long commands are posted")
    add("--panels", type=int, default=20, help="so many clients keep the event stream open")
    add("--commands", type=float, default=5.0, help="so many commands a second, over all senders")
    add(
        "--renew-every",
        type=float,
        default=30.0,
        help="a third of the panels open a new stream so often; 0: never",
    )
    add("--restart-every", type=float, default=0.0, help="seconds before each restart; 0: none")
    add("--restart", default="", help="the command that restarts {service}; no shell reads it")
    add("--services", default=SERVICES, help="what is restarted, in turn")
    return parser


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run a load and print its report; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        options = read_options(arguments)
        principal = read_principal_token(environ)
    except ValueError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"The file in VX11_TOKEN_FILE can't be read: {error.strerror}.")
    if principal is None:
        return _fail("Set VX11_TOKEN or VX11_TOKEN_FILE to the principal token.")
    report = uvloop.run(run_load(options, principal.token, _say))
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if is_good(report) else 1


def _fail(sentence: str) -> int:
    _say(sentence)
    return 2


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
