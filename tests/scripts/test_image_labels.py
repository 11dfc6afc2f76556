"""What the image says of itself; scripts/test-image reads the same from a built one."""

from __future__ import annotations

import re
from pathlib import Path

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"
LABEL = re.compile(r'org\.opencontainers\.image\.(\w+)="(.*?)"')


def test_labels() -> None:
    """It has a name, a version and an origin, and claims no address and no licence."""
    assert dict(LABEL.findall(DOCKERFILE.read_text())) == {
        "title": "tentaculo",
        "description": "Checks tokens, forwards HTTP calls, passes event streams through",
        "version": "${VERSION}",
        "revision": "${REVISION}",
        "created": "${CREATED}",
    }


def test_arguments_of_the_build() -> None:
    """Each has a default, and all stand behind what takes time to build."""
    last = DOCKERFILE.read_text().rpartition('\nCMD ["serve"]\n')[2]
    assert re.findall(r"^ARG (\w+)=.+$", last, re.MULTILINE) == ["VERSION", "REVISION", "CREATED"]
    assert not re.search(r"^(RUN|COPY) ", last, re.MULTILINE)
