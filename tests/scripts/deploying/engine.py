"""A docker that runs nothing: a command that answers from a file, and notes what it is told to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.deploying.stack import SERVICES, Stack

PROGRAM = """#!{python}
import json, sys
state = json.load(open({state!r}))
match sys.argv[1:]:
    case ["compose", "version"]:
        pass
    case ["compose", "config"]:
        print(json.dumps(state["config"]))
    case ["compose", "ps", "--quiet"] | ["ps", *_]:
        print("\\n".join(one["Id"] for one in state["containers"]))
    case ["image", "inspect", "--format", _, name]:
        if name not in state["images"]:
            sys.exit(1)
        print(state["images"][name])
    case ["inspect", "--type", "container", *ids]:
        print(json.dumps([one for one in state["containers"] if one["Id"] in ids]))
    case ["logs", *_]:
        print("its last words")
    case told:
        open({log!r}, "a").write(" ".join(told) + "\\n")
"""


class Engine:
    """The engine that `docker` on the PATH asks, with a stack of seven healthy services."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._state, self._log = folder / "state.json", folder / "log"
        self.images = {f"vx11/{name}:latest": f"sha256:{name}" for name in SERVICES}
        self.containers = [container(name) for name in SERVICES]
        program = folder / "docker"
        program.write_text(
            PROGRAM.format(python=sys.executable, state=str(self._state), log=str(self._log)),
            encoding="utf-8",
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    @property
    def told(self) -> list[str]:
        """What it was told to do."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def stack(self) -> Stack:
        """Return the stack as it is now."""
        services = {name: {"image": f"vx11/{name}:latest"} for name in SERVICES}
        state = {"config": {"services": services}, "images": self.images, "containers": self.containers}
        self._state.write_text(json.dumps(state), encoding="utf-8")
        return Stack()


def container(service: str, *, health: str = "healthy", image: str = "", **labels: str) -> dict[str, Any]:
    """Return what an engine tells of a container."""
    compose = {"project": "vx11", "service": service, "oneoff": "True" if labels else "False"}
    return {
        "Id": f"id-of-{service}{len(labels) or ''}",
        "Name": f"/vx11_{service}_{len(labels) or 1}",
        "Image": image or f"sha256:{service}",
        "State": {"Running": health != "gone", "Pid": 7, "Health": {"Status": health}},
        "Config": {
            "Labels": {**{f"com.docker.compose.{key}": value for key, value in compose.items()}, **labels}
        },
        "NetworkSettings": {"Ports": {}, "Networks": {}},
    }


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine for one test."""
    folder = tmp_path / "engine"
    folder.mkdir()
    return Engine(folder, monkeypatch)
