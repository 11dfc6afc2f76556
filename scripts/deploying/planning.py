"""Which images are to run: built from this checkout, or those that have a tag already."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from scripts.deploying.commands import attempt
from scripts.deploying.outcomes import NotPossible, StepFailed
from scripts.deploying.replacing import Change
from scripts.deploying.snapshot import Snapshot, revision
from scripts.deploying.stack import GATEWAY, SERVICES, TAGS, Stack

BUILD_SECONDS = 1800.0
BUILT = (GATEWAY, "madre", "frontend")
"""A service for each image that is built; madre's is that of all backends."""


def now() -> str:
    """Return the time in a form that sorts, and that a tag or a folder may bear."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def new_tag() -> str:
    """Return a tag for what is built now; a revision may have characters that no tag has."""
    return f"{re.sub(r'[^A-Za-z0-9.-]', '-', revision())[:100].lstrip('.-')}-{now()}"


def build(stack: Stack, tag: str, *, with_redis: bool) -> str:
    """Build all images under a tag; those that run keep theirs."""
    extra = dict.fromkeys(TAGS.values(), tag)
    commit = attempt("git", "rev-parse", "HEAD").text.strip() or "unknown"
    created = datetime.now(UTC).isoformat(timespec="seconds")
    arguments = ("--build-arg", f"REVISION={commit}", "--build-arg", f"CREATED={created}")
    built = (*BUILT, "redis") if with_redis else BUILT
    for service in built:
        said = arguments if service == GATEWAY else ()
        stack.compose("build", "--quiet", *said, service, seconds=BUILD_SECONDS, extra=extra)
    return ", ".join(stack.tagged(service, tag) for service in built)


def changes_to(stack: Stack, snapshot: Snapshot, tag: str, *, with_redis: bool) -> dict[str, Change]:
    """Return the services that are to run another image than now; one without an image of the tag stays.

    Raises NotPossible where no service has one.
    """
    names = [name for name in SERVICES if name != "redis" or with_redis]
    found = {name: stack.image_id(stack.tagged(name, tag)) for name in names}
    if not any(found.values()):
        raise NotPossible(f"no image has the tag {tag}: without --tag they are built")
    return {
        name: Change(name, snapshot.names[name], snapshot.ids[name], image, tag)
        for name, image in found.items()
        if image is not None and image != snapshot.ids[name]
    }


def changes_back(stack: Stack, snapshot: Snapshot) -> dict[str, Change]:
    """Return the services that do not run, or not well, what they did at the snapshot."""
    own, changes = stack.own(), {}
    for name, image in snapshot.ids.items():
        runs = own[name].image if name in own else ""
        if runs == image and own[name].health == "healthy":
            continue
        if stack.image_id(image) is None:
            raise StepFailed(f"the image that {name} had is gone")
        changes[name] = Change(name, snapshot.names[name], runs, image, snapshot.tags[name])
    return changes


def check_configuration(stack: Stack, tag: str | None) -> str:
    """Let a gateway's image read the configuration of this checkout; None stands for the one that runs."""
    if tag is None:
        stack.execute(stack.container(GATEWAY), "tentaculo", "check")
        return "the gateway that runs takes it"
    image = stack.tagged(GATEWAY, tag)
    if stack.image_id(image) is None:
        return check_configuration(stack, None)
    options = ("--rm", "--no-deps", "-T", GATEWAY, "check")
    stack.compose("run", *options, extra={TAGS[GATEWAY]: tag})
    return f"{image} takes it"
