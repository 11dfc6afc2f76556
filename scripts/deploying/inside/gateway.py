"""Runs in the gateway's container: asks its admin listener for a path, and prints what it answers."""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path


def main() -> None:
    """Ask for the path that is given, with the admin token."""
    token = Path(os.environ["TENTACULO_ADMIN_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://127.0.0.1:9100{sys.argv[1]}", headers=headers)
    # A proxy that the environment names would get the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5) as answer:
        sys.stdout.buffer.write(answer.read())


main()
