"""A detour: what it is started with, and when it is not begun.

That it leads everybody is seen on a stack.
"""

from __future__ import annotations

import pytest

from scripts.deploying.detour import Detour
from scripts.deploying.outcomes import StepFailed
from scripts.deploying.stack import LABEL
from tests.scripts.deploying.engine import Engine, container

NAME = "vx11-tentaculo_link-beside-1"


@pytest.mark.parametrize(
    ("host", "option"),
    [
        ("127.0.0.1", "--publish 127.0.0.1::8000 "),
        ("::1", "--publish [::1]::8000 "),
        ("", "--publish 8000 "),
    ],
)
def test_publishing(host: str, option: str, engine: Engine) -> None:
    """The gateway beside is published at the same address as the stack's own, at a port that is free."""
    gateway = next(one for one in engine.containers if one["HostConfig"]["PortBindings"])
    gateway["HostConfig"] = {"PortBindings": {"8000/tcp": [{"HostIp": host, "HostPort": "8000"}]}}
    with pytest.raises(StepFailed, match=f"{NAME} is not there any more"):
        Detour(engine.stack()).start({"tentaculo_link": "new"})
    assert option in engine.told[0]


def test_engine_elsewhere(engine: Engine) -> None:
    """Where the engine's processes are another machine's, no rule is put into the network of one here."""
    beside = container("tentaculo_link", **{LABEL: "new"})
    engine.beside = [beside]
    engine.answers = {"import os; print(os.readlink('/proc/self/ns/net'))": ["net:[1]"]}
    with pytest.raises(StepFailed, match="are not those of this machine"):
        Detour(engine.stack()).start({"tentaculo_link": "new"})
