"""Where nchan is, nginx's module for hubs of streams: found, installed when that is allowed, or asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.benchmarks.tools import INSTALL_SECONDS, Say, ToolMissing, version

PACKAGE = "libnginx-mod-nchan"
MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


def find_nchan(say: Say, module: Path = MODULE) -> Path:
    """Return the path of the module; install its package when root."""
    if not module.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {PACKAGE} by apt-get")
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", PACKAGE]):
            subprocess.run(
                ["apt-get", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=INSTALL_SECONDS,
                check=False,
            )
    if not module.exists():
        raise ToolMissing(f"nchan is missing: install it with `sudo apt-get install {PACKAGE}`.")
    return module


def nchan_version() -> str:
    """Return what Debian says of its package."""
    return "nchan " + version(["dpkg-query", "--show", "--showformat=${Version}", PACKAGE])
