"""What runs: images, tags and health of each service, what a deployment left, and the last reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.deploying.redirects import Redirects
from scripts.deploying.stack import SERVICES, Stack

SHOWN = 5


def lines(stack: Stack, reports: Path) -> Iterator[str]:
    """Return what there is to say, line by line."""
    own = stack.own()
    yield f"stack {stack.project}"
    for name in SERVICES:
        if name not in own:
            yield f"  {name:17} gone"
            continue
        one = own[name]
        newer = (
            "" if stack.image_id(stack.images[name]) == one.image else "; the name means another image now"
        )
        image = one.image.removeprefix("sha256:")[:12]
        yield f"  {name:17} {one.health:10} {image} {stack.images[name]}{newer}"
    for extra in stack.extras():
        yield f"  beside it: {extra.name}, {extra.health}"
    if rules := Redirects(stack.project).count():
        yield f"  {rules} rules lead connections elsewhere"
    yield from _reports(stack.project, reports)


def _reports(project: str, folder: Path) -> Iterator[str]:
    found = []
    for file in sorted(folder.glob("*/report.json"), reverse=True):
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["project"] == project:
            found.append(
                f"  {told['began']} {told['kind']}: {told['result']}, {told['seconds']} s, {file.parent}"
            )
    yield "last deployments" if found else "no deployment has a report"
    yield from found[:SHOWN]
