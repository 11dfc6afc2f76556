"""Where the tests of the log have its lines go, and a secret that must not be in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

SECRET = "S3cr3tAbC-123_xyz"
FORMATS = pytest.mark.parametrize("shape", ["json", "console"])


class Lines:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        self.raw.append(line)

    @property
    def text(self) -> str:
        """Return all of it."""
        return b"".join(self.raw).decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the lines as JSON."""
        return [json.loads(line) for line in self.raw]


def fail(fault: BaseException) -> None:
    """Raise with a secret in a local variable."""
    token = SECRET
    assert token
    raise fault
