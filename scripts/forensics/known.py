"""The secrets that are known by value: those of the environment, of files, and of containers.

They are read where the script put them, in files that only its user may read, and never printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from tentaculo.wire.sanitize import MIN_SECRET, Sanitizer

MORE_NAMES = ("credential", "credentials", "pass", "passphrase", "private_key", "pwd", "requirepass")
NAMES = Sanitizer(MORE_NAMES)

_FILE = "_FILE"
_USER = re.compile(r"[a-z][a-z0-9+.-]*://([^\s/?#]*)@", re.IGNORECASE)


def known_secrets(environ: Mapping[str, str], folder: Path) -> frozenset[str]:
    """Return what may stand nowhere.

    In `folder` each `*.environ` is a container's environment as a JSON list of `NAME=value`, and every other
    file holds a secret a line.  Values of fewer than 8 characters are no secrets: they stand everywhere.
    """
    found = {*_of_environment(environ), *_of_files(environ)}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(_of_environment(_environment(path)) if path.suffix == ".environ" else _lines(path))
    users = [user for secret in found for user in _of_url(secret)]
    return frozenset(secret for secret in {*found, *users} if len(secret) >= MIN_SECRET)


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if NAMES.is_secret_name(name) and not value.startswith("/"):  # a path that tells where one is
            yield value.strip()
        yield from _of_url(value)


def _of_files(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what the files hold that variables such as VX11_TOKEN_FILE name."""
    for name, value in environ.items():
        path = Path(value)
        if value and name.endswith(_FILE) and NAMES.is_secret_name(name.removesuffix(_FILE)):
            try:
                yield from _lines(path)
            except OSError:
                continue  # then nobody has it from there


def _of_url(text: str) -> Iterator[str]:
    """Yield the password of a URL, as it is written and as it is meant."""
    for match in _USER.finditer(text):
        _, mark, password = match[1].partition(":")
        if mark:
            yield from (password, unquote(password))


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _environment(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8").strip()
    listed: Iterable[str] | None = json.loads(text) if text else None
    pairs = (entry.partition("=") for entry in listed or ())
    return {name: value for name, _, value in pairs}
