"""What a deployment needs of the machine that it runs on."""

from __future__ import annotations

import shutil

from scripts.deploying.commands import ROOT, attempt
from scripts.deploying.outcomes import StepFailed, hold
from scripts.deploying.redirects import lack
from scripts.deploying.stack import SERVICES, Stack

FREE_BYTES = 3 * 2**30


def tools(stack: Stack) -> str:
    """The commands that are used are there."""
    hold([f"{name} is not installed" for name in ("docker", "git") if shutil.which(name) is None])
    return "docker, git"


def engine(stack: Stack) -> str:
    """An engine answers."""
    done = attempt("docker", "info", "--format", "{{.ServerVersion}}", seconds=20)
    if done.code != 0:
        raise StepFailed("no container engine answers docker")
    return f"engine {done.text.strip()}"


def compose_files(stack: Stack) -> str:
    """Compose can read its files, and they have the seven services."""
    services = stack.rendered["services"]
    hold([f"{name} is missing in the compose files" for name in SERVICES if name not in services])
    return f"{len(SERVICES)} services"


def disk(stack: Stack) -> str:
    """There is room for images, where the engine keeps them, and for reports."""
    root = attempt("docker", "info", "--format", "{{.DockerRootDir}}", seconds=20).text.strip()
    free = min(shutil.disk_usage(folder).free for folder in (ROOT, root) if _is_here(folder))
    hold([] if free > FREE_BYTES else [f"{free // 2**20} MiB are free, and {FREE_BYTES // 2**20} needed"])
    return f"{free // 2**20} MiB are free"


def redirecting(stack: Stack) -> str:
    """Tell whether connections can be led elsewhere while a service is replaced; no fault where not."""
    missing = lack()
    if missing is None:
        return "connections can be led elsewhere: the gateway is replaced without a gap"
    return f"connections can't be led elsewhere, for {missing}: the gateway will be away for a moment"


CHECKS = {
    "tools": tools,
    "engine": engine,
    "compose files": compose_files,
    "disk": disk,
    "redirects": redirecting,
}


def _is_here(folder: object) -> bool:
    try:
        shutil.disk_usage(str(folder))
    except OSError:
        return False
    return True
