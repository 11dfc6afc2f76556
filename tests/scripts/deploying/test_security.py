"""What a container may do."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.deploying.security import freedoms
from scripts.deploying.stack import Container

HOST = {
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "CapAdd": None,
    "Privileged": False,
    "SecurityOpt": ["no-new-privileges:true"],
    "Memory": 1000,
    "PidsLimit": 64,
}


def container(user: str = "65532:65532", **changed: Any) -> Container:
    """A container that is confined, but for what is changed."""
    labels = {"com.docker.compose.service": "madre"}
    return Container({"Config": {"User": user, "Labels": labels}, "HostConfig": {**HOST, **changed}})


def test_confined() -> None:
    """One that is confined has no freedoms."""
    assert freedoms(container()) == []


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({"ReadonlyRootfs": False}, "a root that is read-only"),
        ({"CapDrop": None}, "no capabilities"),
        ({"CapAdd": ["NET_ADMIN"]}, "no capabilities"),
        ({"Privileged": True}, "no capabilities"),
        ({"SecurityOpt": None}, "no new privileges"),
        ({"Memory": 0}, "a bound on memory"),
        ({"PidsLimit": None}, "a bound on processes"),
        ({"user": ""}, "a user of its own"),
        ({"user": "0:0"}, "a user of its own"),
    ],
)
def test_freedoms(changed: dict[str, Any], lacks: str) -> None:
    """Each freedom is told."""
    assert freedoms(container(**changed)) == [f"madre lacks {lacks}"]
