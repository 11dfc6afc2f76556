"""Which services of the stack a gateway holds calls back from, as it tells itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from scripts.deploying.stack import SERVICES

Held = dict[str, str]
"""States by what is held back: an upstream's name, or the token store."""
GOOD = frozenset({"up", "slow_start"})

_STORE_IS_DOWN = re.compile(r"^tentaculo_token_store_up(?:\{[^}]*\})? 0(?:\.0)?$", re.MULTILINE)


def held_back(upstreams: str, exposition: str) -> Held:
    """Return what a gateway's lists of upstreams and of metrics tell of.

    `half_open` stands for what the next call will try; upstreams that are not of the stack do not count,
    nor does what no gateway would say.
    """
    held = dict(_of_upstreams(upstreams))
    if _STORE_IS_DOWN.search(exposition):
        held["the token store"] = "down"
    return held


def _of_upstreams(listed: str) -> Iterator[tuple[str, str]]:
    try:
        for upstream in json.loads(listed)["upstreams"]:
            for server in upstream["servers"]:
                if urlsplit(server["address"]).hostname in SERVICES and server["state"] not in GOOD:
                    yield upstream["name"], server["state"]
    except (ValueError, KeyError, TypeError):
        return
