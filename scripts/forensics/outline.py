"""Asks a gateway beside it for the outline of its configuration: `python3 outline.py` prints JSON.

It runs alone, in the gateway's container, so it needs nothing but Python.  The admin token is read where
the gateway reads it.  Exit codes: 0 told, 1 it does not answer, 3 its admin API is off.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS = 10
DEFAULT_ADMIN = "127.0.0.1:9100"


def ask(environ: Mapping[str, str]) -> Any:
    """Return the outline.  Raises OSError without a token, or without an answer."""
    port = environ.get("TENTACULO_ADMIN", DEFAULT_ADMIN).rpartition(":")[2]
    token = environ.get("TENTACULO_ADMIN_TOKEN") or Path(environ["TENTACULO_ADMIN_TOKEN_FILE"]).read_text(
        "utf-8"
    )
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/configuration", headers={"Authorization": f"Bearer {token.strip()}"}
    )
    # A proxy that the environment names would get the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=SECONDS) as reply:
        return json.load(reply)


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Ask, print, and return the exit code."""
    try:
        print(json.dumps(ask(environ), indent=2))
    except KeyError:
        print("the gateway has no admin token, so its admin API is off", file=sys.stderr)
        return 3
    except OSError as fault:
        print(f"the admin listener does not tell: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
