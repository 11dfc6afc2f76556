"""Makes a baseline's folder of what the script collected; the only place here that prints.

Exit codes: 0 all that should be there is, 1 something failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.forensics.items import Item, State, index, keep, manifest, read_items, write
from scripts.forensics.known import known_secrets
from scripts.forensics.redaction import Kind, Redactor
from scripts.forensics.variables import read_variables, shell_lines

_MARKS = {State.THERE: "ok", State.MISSING: "--", State.FAILED: "NO"}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Redact, write and index what stands in a folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.forensics", description=__doc__)
    parser.add_argument("collected", type=Path, help="holds items.tsv, variables, items/ and secrets/")
    parser.add_argument("folder", type=Path, help="is there and empty")
    options = parser.parse_args(argv)
    items = make(options.collected, options.folder, environ)
    for item in items:
        print(f"{_MARKS[item.state]}  {item.title}" + (f": {item.note}" if item.note else ""))
    failed = [item.title for item in items if item.state is State.FAILED]
    print(
        f"This is no whole baseline: {', '.join(failed)}." if failed else "Everything is there that can be."
    )
    return 1 if failed else 0


def make(collected: Path, folder: Path, environ: Mapping[str, str]) -> list[Item]:
    """Write the files of a baseline and its index, and return the items."""
    secrets = known_secrets(environ, collected / "secrets")
    redactor = Redactor(secrets)
    items = [
        keep(item, collected / "items", folder, redactor) for item in read_items(collected / "items.tsv")
    ]
    items.append(_variables(collected, folder, redactor))
    said = f"{len(secrets)} known by value, and whatever goes by a secret's name"
    items.append(Item("redaction", "What was looked for and taken out", Kind.TEXT, State.THERE, said))
    write(folder / "MANIFEST.json", json.dumps(manifest(items), indent=2, ensure_ascii=False) + "\n")
    write(folder / "INDEX.md", index(items, f"Baseline {folder.name}"))
    return items


def _variables(collected: Path, folder: Path, redactor: Redactor) -> Item:
    name, title = "VARS.env", "What was found, for scripts"
    text = shell_lines(read_variables(collected / "variables"), redactor)
    if redactor.holds_secret(text):
        return Item(name, title, Kind.TEXT, State.FAILED, "not written: a secret was still in it")
    return Item(name, title, Kind.TEXT, State.THERE, sha256=write(folder / name, text))


if __name__ == "__main__":
    sys.exit(main())
