"""A docker that runs nothing: a command that answers from a file, and notes what it is told to do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.deploying.stack import GATEWAY, SERVICES, Stack

PROGRAM = """#!{python}
import json, sys
state = json.load(open({state!r}))
if any(text in " ".join(sys.argv) for text in state["faults"]):
    print("the output of what failed")
    sys.exit("its fault")
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
    case ["compose", "run", *told] if state["beside"]:
        state["containers"].append(state["beside"].pop())
        state["containers"][-1]["Name"] = "/" + told[told.index("--name") + 1]
        json.dump(state, open({state!r}, "w"))
    case ["logs", *_]:
        print("its last words, token=of-the-test")
    case ["exec", *_, last] if last in state["answers"]:
        print(state["answers"][last].pop(0))
        json.dump(state, open({state!r}, "w"))
    case told:
        open({log!r}, "a").write(" ".join(told) + "\\n")
"""

BINDINGS = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}


class Engine:
    """The engine that `docker` on the PATH asks, with a stack of seven healthy services."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._state, self._log = folder / "state.json", folder / "log"
        self.images = {f"vx11/{name}:latest": f"sha256:{name}" for name in SERVICES}
        self.containers = [container(name) for name in SERVICES]
        self.answers: dict[str, list[str]] = {}
        self.beside: list[dict[str, Any]] = []
        self.faults: list[str] = []
        program = folder / "docker"
        program.write_text(
            PROGRAM.format(python=sys.executable, state=str(self._state), log=str(self._log)),
            encoding="utf-8",
        )
        program.chmod(0o755)
        rules = folder / "iptables"  # this machine's rules are not for tests
        rules.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        rules.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    @property
    def told(self) -> list[str]:
        """What it was told to do."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def stack(self) -> Stack:
        """Return the stack as it is now."""
        services = {name: {"image": f"vx11/{name}:latest", "ports": []} for name in SERVICES}
        services[GATEWAY]["ports"] = ["127.0.0.1:8000:8000/tcp"]
        state = {
            "config": {"services": services},
            "images": self.images,
            "containers": self.containers,
            "answers": self.answers,
            "beside": self.beside,
            "faults": self.faults,
        }
        self._state.write_text(json.dumps(state), encoding="utf-8")
        return Stack()

    @property
    def unasked(self) -> list[str]:
        """Which answers were not asked for yet."""
        state = json.loads(self._state.read_text(encoding="utf-8"))
        return [text for texts in state["answers"].values() for text in texts]


def container(service: str, *, health: str = "healthy", image: str = "", **labels: str) -> dict[str, Any]:
    """Return what an engine tells of a container."""
    compose = {"project": "vx11", "service": service, "oneoff": "True" if labels else "False"}
    return {
        "Id": f"id-of-{service}{len(labels) or ''}",
        "Name": f"/vx11_{service}_{len(labels) or 1}",
        "Image": image or f"sha256:{service}",
        "State": {"Running": health != "gone", "Pid": 7, "Health": {"Status": health}},
        "Config": {
            "Image": f"vx11/{service}:latest",
            "Env": [],
            "Labels": {**{f"com.docker.compose.{key}": value for key, value in compose.items()}, **labels},
        },
        "HostConfig": {"PortBindings": BINDINGS if service == GATEWAY else {}},
        "NetworkSettings": {"Ports": {}, "Networks": {}},
    }


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine for one test."""
    folder = tmp_path / "engine"
    folder.mkdir()
    return Engine(folder, monkeypatch)
