"""Deploys the stack of examples/vx11, and rolls back; the only place here that prints.

Exit codes: 0 done, 1 not done or not well, 2 it could not begin.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.deploying import machine, planning, security, snapshot, status
from scripts.deploying.commands import ROOT, Interruption
from scripts.deploying.deployment import Deployment, Wanted
from scripts.deploying.outcomes import NotPossible, StepFailed
from scripts.deploying.report import Report
from scripts.deploying.snapshot import Snapshot
from scripts.deploying.stack import Stack

PROGRAM = "scripts/deploy_automation.sh"
REPORTS = ROOT / "docs" / "audit" / "deployments"
COMMANDS = {
    "check": "what a deployment needs of this machine",
    "preflight": "whether one could begin now",
    "deploy": "replace what runs by new images, without a call that fails",
    "verify": "health, the five checks, a command that comes back as an event",
    "test": "the five checks and the command alone",
    "security": "what the containers may do, and what they give away",
    "status": "what runs, and the last deployments",
    "rollback": "go back to a snapshot",
    "help": "this text",
}


def say(line: str) -> None:
    """Print a line at once; where nobody reads any more, or the terminal is gone, go on without."""
    form = sys.stdout.encoding or "utf-8"
    try:
        print(line.encode(form, "replace").decode(form), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    listed = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=f"Deploys the stack that scripts/stack runs.\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("command", choices=COMMANDS, metavar="command")
    add("snapshot", nargs="?", type=Path, help="for rollback: a folder of the reports; else the newest")
    add("--tag", help="deploy the images that have this tag; without it they are built")
    add("--redis", action="store_true", help="replace redis too, which interrupts")
    add(
        "--dry-run",
        action="store_true",
        help="of deploy and rollback: say what would be done, and change nothing",
    )
    add("--yes", action="store_true", help="ask nothing; nothing is asked without a terminal")
    add("--reports", type=Path, default=REPORTS, help="folder of the reports (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.dry_run and options.command not in {"deploy", "rollback"}:
        parser.error("--dry-run is for deploy and rollback")
    if options.snapshot and options.command != "rollback":
        parser.error("only rollback takes a snapshot")
    return options


@contextmanager
def alone(project: str) -> Iterator[None]:
    """Hold what only one deployment of a stack may hold, whatever checkout it is run from."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0vx11-deployment-{project}")  # gone with the process, however it ends
        except OSError:
            raise NotPossible(f"another deployment of {project} runs") from None
        yield


class Commands:
    """The commands, each a method that returns the exit code."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._stack = Stack()
        self._interruption = Interruption()

    def check(self) -> int:
        """See what this machine has."""
        return self._run_all("check", machine.CHECKS)

    def security(self) -> int:
        """See what the containers may do."""
        return self._run_all("security", security.CHECKS)

    def preflight(self) -> int:
        """See whether a deployment could begin; change nothing but what an earlier one left."""
        with alone(self._stack.project):
            code = self._run_all("preflight", machine.CHECKS)
            return max(code, self._judge("preflight", self._check_all))

    def verify(self) -> int:
        """See whether the stack is well."""
        return self._judge("verification", lambda deployment: deployment.verify())

    def test(self) -> int:
        """Try tokens, streams and the command."""
        return self._judge("test", lambda deployment: deployment.test())

    def status(self) -> int:
        """Tell what runs."""
        for line in status.lines(self._stack, self._options.reports):
            say(line)
        return 0

    def deploy(self) -> int:
        """Deploy, or say what that would do."""
        options, wanted = self._options, Wanted(self._options.tag, self._options.redis)
        with alone(self._stack.project):
            before = snapshot.describe(self._stack, planning.now())
            if options.dry_run:
                return self._rehearse(wanted, before)
            report = self._new_report("deployment", before.name)
            with self._interruption.noted():
                return self._deployment(report).deploy(wanted, before)

    def rollback(self) -> int:
        """Go back, after a question where a person can answer one."""
        options = self._options
        with alone(self._stack.project):
            folder = options.snapshot or snapshot.latest(options.reports, self._stack.project)
            before = snapshot.read(folder)
            if before.project != self._stack.project:
                raise NotPossible(f"{folder} is of {before.project}, not of {self._stack.project}")
            if options.dry_run:
                for service, change in planning.changes_back(self._stack, before).items():
                    say(f"would replace {service}: {change.after}")
                return 0
            if not (options.yes or agrees(f"Go back to {folder}?")):
                say("Nothing was done.")
                return 1
            report = self._new_report("rollback", f"{planning.now()}-rollback")
            with self._interruption.noted():
                return self._deployment(report).roll_back(before)

    def _rehearse(self, wanted: Wanted, before: Snapshot) -> int:
        report = Report("rehearsal", self._stack.project, None, say)
        return self._deployment(report).rehearse(wanted, before)

    def _check_all(self, deployment: Deployment) -> None:
        deployment.preflight()
        deployment.check_configuration()

    def _judge(self, kind: str, work: Callable[[Deployment], None]) -> int:
        report = Report(kind, self._stack.project, None, say)
        try:
            work(self._deployment(report))
        except StepFailed:
            report.end("Something is wrong")
            return 1
        report.end("All is well")
        return 0

    def _run_all(self, kind: str, checks: Mapping[str, Callable[[Stack], str]]) -> int:
        """Make every check, whatever the ones before it said."""
        report, failed = Report(kind, "", None, say), False
        for name, check in checks.items():
            try:
                with report.step(name) as step:
                    step.said = check(self._stack)
            except StepFailed:
                failed = True
        return int(failed)

    def _deployment(self, report: Report) -> Deployment:
        return Deployment(self._stack, report, self._interruption)

    def _new_report(self, kind: str, name: str) -> Report:
        folder: Path = self._options.reports / name
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as fault:
            raise NotPossible(f"{folder} can't be made: {fault.strerror}") from None
        return Report(kind, self._stack.project, folder, say)


def agrees(question: str) -> bool:
    """Ask a person; where none sits at a terminal, what was called is what is wanted."""
    if not sys.stdin.isatty():
        return True
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = read_options(["--help"] if list(arguments or sys.argv[1:])[:1] == ["help"] else arguments)
    try:
        code: int = getattr(Commands(options), options.command)()
    except (NotPossible, StepFailed) as fault:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
