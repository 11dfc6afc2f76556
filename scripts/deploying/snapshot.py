"""What a stack was before a deployment: all that a rollback needs, and what people then want to look at."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.deploying.commands import ROOT, attempt
from scripts.deploying.outcomes import NotPossible, StepFailed
from scripts.deploying.stack import SERVICES, Stack, repository_of, tag_of
from scripts.deploying.verification import INSIDE
from scripts.forensics.redaction import Kind, Redactor

FILE = "snapshot.json"
BACKUP_SECONDS = 60.0
KEPT = 3
"""So many snapshots keep their images under a name."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stack at a moment: image names and ids by service, health, and the checkout's revision.

    `tags` are names that keep the images.
    """

    project: str
    name: str
    revision: str
    names: dict[str, str]
    ids: dict[str, str]
    tags: dict[str, str]
    health: dict[str, str]


def describe(stack: Stack, name: str) -> Snapshot:
    """Return what runs now; `name` is what the snapshot is called."""
    own = stack.own()
    missing = [service for service in SERVICES if service not in own]
    if missing:
        raise NotPossible(f"{', '.join(missing)} does not run: a deployment replaces what is there")
    return Snapshot(
        project=stack.project,
        name=name,
        revision=revision(),
        names=dict(stack.images),
        ids={service: own[service].image for service in SERVICES},
        tags={service: f"{tag_of(image)}-before-{name.lower()}" for service, image in stack.images.items()},
        health=stack.health(),
    )


def take(stack: Stack, folder: Path, snapshot: Snapshot) -> str:
    """Write the snapshot, compose's files, config/ and the events to a folder, for its owner only."""
    old = os.umask(0o077)
    try:
        for service, image in snapshot.ids.items():
            stack.docker("tag", image, stack.tagged(service, snapshot.tags[service]))
        (folder / FILE).write_text(json.dumps(asdict(snapshot), indent=2) + "\n", encoding="utf-8")
        (folder / "compose.yaml").write_text(masked(stack.rendered), encoding="utf-8")
        shutil.copytree(ROOT / "config", folder / "config", copy_function=shutil.copyfile)
        size = _back_up(stack, folder / "events.db")
    finally:
        os.umask(old)
    return f"7 image ids, compose.yaml, config/, {size} bytes of events, revision {snapshot.revision}"


def read(folder: Path) -> Snapshot:
    """Read what `take` wrote."""
    try:
        return Snapshot(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise NotPossible(f"{folder} holds no snapshot") from None


def latest(folder: Path, project: str) -> Path:
    """Return the folder of a project's newest snapshot.  Raises NotPossible where there is none."""
    for one in _all(folder):
        if one.project == project:
            return folder / one.name
    raise NotPossible(f"{folder} holds no snapshot of {project}")


def forget(stack: Stack, folder: Path) -> str:
    """Take the names away that snapshots older than the KEPT newest gave to images; say how many."""
    mine = [one for one in _all(folder) if one.project == stack.project]
    tags = [(old.names[service], tag) for old in mine[KEPT:] for service, tag in old.tags.items()]
    names = {f"{repository_of(name)}:{tag}" for name, tag in tags}
    known = sorted(name for name in names if stack.image_id(name))
    if known:
        attempt("docker", "rmi", *known)  # an image that still runs keeps its other names
    return f"{len(known)} names of images older than {KEPT} deployments"


def revision() -> str:
    """Return the checkout's revision, or that there is none."""
    done = attempt("git", "describe", "--always", "--tags", "--dirty")
    return done.text.strip() if done.code == 0 else "unknown"


def masked(rendered: Mapping[str, Any]) -> str:
    """Return compose's files as YAML without the values that may be secret: those whose names say so."""
    return Redactor(()).redacted(yaml.safe_dump(dict(rendered), sort_keys=False), Kind.YAML)


def _all(folder: Path) -> Iterator[Snapshot]:
    for one in sorted(folder.glob("*/"), reverse=True):
        with suppress(NotPossible):
            yield read(one)


def _back_up(stack: Stack, file: Path) -> int:
    program = (INSIDE / "backup.py").read_bytes()
    command = ("docker", "exec", "--interactive", stack.container("hermes").id, "python3", "-")
    done = attempt(*command, given=program, seconds=BACKUP_SECONDS)
    if done.code != 0:
        raise StepFailed("the events can't be copied: " + (done.errors.strip().splitlines() or ["?"])[-1])
    file.write_bytes(done.output)
    return len(done.output)
