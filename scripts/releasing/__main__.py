"""Checks that a release may go out; the only place here that prints.

Exit codes: 0 everything holds, 1 something does not, 2 there is nothing to check.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.releasing.commands import Tools
from scripts.releasing.outcomes import CheckFailed, CouldNotRun
from scripts.releasing.release import Check, Release


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; the script itself names the tools and where it was called."""
    parser = argparse.ArgumentParser(
        prog="scripts/release-check", description="Checks that a release may go out."
    )
    for name in ("--origin", "--builder", "--compiler", "--node"):
        parser.add_argument(name, type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--strict", action="store_true", help="fail where a check could not run")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="put what was built there if everything holds"
    )
    return parser.parse_args(arguments)


@dataclass(frozen=True, slots=True)
class Ended:
    """The names of the checks that failed, and of those that could not run."""

    failed: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)


def run_checks(checks: Iterable[tuple[str, Check]]) -> Ended:
    """Run every check, whatever the ones before it said."""
    ended = Ended()
    for name, check in checks:
        try:
            mark, said = "ok", check()
        except CouldNotRun as error:
            mark, said = "--", str(error)
            ended.not_run.append(name)
        except (CheckFailed, OSError) as error:  # a file that is not there is a fault like others
            mark, said = "NO", str(error)
            ended.failed.append(name)
        print(f"{mark}  {name}: " + said.replace("\n", "\n      "), flush=True)
    return ended


def summary(ended: Ended, *, strict: bool) -> tuple[int, str]:
    """Return the exit code and the last line; what could not run fails only where that is demanded."""
    lacking = [*ended.failed, *(ended.not_run if strict else ())]
    if lacking:
        return 1, f"This is no release yet: {', '.join(lacking)}."
    if ended.not_run:
        return 0, f"Everything holds that could be checked here; not run: {', '.join(ended.not_run)}."
    return 0, "Everything holds."


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the checkout that this is run in; return the exit code."""
    options = read_options(arguments)
    tools = Tools(*(path.absolute() for path in (options.builder, options.compiler, options.node)))
    with tempfile.TemporaryDirectory(prefix="tentaculo-release-") as folder:
        try:
            release = Release(Path.cwd(), tools, Path(folder).resolve())
        except CheckFailed as error:
            print(f"scripts/release-check: {error}", file=sys.stderr)
            return 2
        code, line = summary(run_checks(release.checks()), strict=options.strict)
        if code == 0 and options.keep:
            release.keep(options.origin / options.keep)
    print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
