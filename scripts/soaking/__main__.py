"""The command line of a soak; the only place here that prints.

Exit codes: 0 it ended level, 1 it did not, 2 it could not be run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvloop

from scripts.soaking.report import as_text
from scripts.soaking.soak import SoakFailed, soak


def minutes(text: str) -> float:
    """Read a number of minutes."""
    value = float(text)
    if not 0 < value <= 24 * 60:
        raise argparse.ArgumentTypeError("a number of minutes, at most a day")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak as the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("minutes", type=minutes, metavar="MINUTES")
    options = parser.parse_args(arguments)
    try:
        result = uvloop.run(soak(60 * options.minutes))
    except SoakFailed as error:
        print(error, file=sys.stderr)
        return 2
    print(as_text(result))
    return 0 if result.level else 1


if __name__ == "__main__":
    sys.exit(main())
