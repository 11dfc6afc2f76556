"""Which services are to run another image, on the way there and on the way back."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from scripts.deploying import planning, snapshot
from scripts.deploying.outcomes import NotPossible, StepFailed
from scripts.deploying.replacing import Change
from scripts.deploying.stack import SERVICES
from tests.scripts.deploying.engine import Engine, container


def test_there(engine: Engine) -> None:
    """Those with an image of the tag that is not what runs; redis only where it was asked for."""
    engine.images |= {
        "vx11/madre:new": "sha256:madre-new",
        "vx11/frontend:new": "sha256:frontend",
        "vx11/redis:new": "sha256:redis-new",
    }
    stack = engine.stack()
    before = snapshot.describe(stack, "20260101T000000Z")
    assert planning.changes_to(stack, before, "new", with_redis=False) == {
        "madre": Change("madre", "vx11/madre:latest", "sha256:madre", "sha256:madre-new", "new")
    }
    assert set(planning.changes_to(stack, before, "new", with_redis=True)) == {"madre", "redis"}


def test_no_image(engine: Engine) -> None:
    """A tag that no image has is a mistake."""
    stack = engine.stack()
    with pytest.raises(NotPossible, match="no image has the tag other"):
        planning.changes_to(stack, snapshot.describe(stack, "now"), "other", with_redis=True)


def test_back(engine: Engine) -> None:
    """Those that run something else, those that are not well, and those that are gone."""
    before = snapshot.describe(engine.stack(), "20260101T000000Z")
    engine.images |= {image: image for image in before.ids.values()}
    others = [
        one
        for one in engine.containers
        if one["Name"] not in {"/vx11_madre_1", "/vx11_switch_1", "/vx11_hermes_1"}
    ]
    engine.containers = [
        *others,
        container("madre", image="sha256:madre-new"),
        container("switch", health="unhealthy"),
    ]
    changes = planning.changes_back(engine.stack(), before)
    assert {name: (one.before, one.after, one.tag) for name, one in changes.items()} == {
        "hermes": ("", "sha256:hermes", "latest-before-20260101t000000z"),
        "switch": ("sha256:switch", "sha256:switch", "latest-before-20260101t000000z"),
        "madre": ("sha256:madre-new", "sha256:madre", "latest-before-20260101t000000z"),
    }


def test_image_gone(engine: Engine) -> None:
    """What is gone can't be gone back to, and that is said."""
    before = snapshot.describe(engine.stack(), "now")
    engine.containers[0] = container(SERVICES[0], image="sha256:new")
    with pytest.raises(StepFailed, match=f"the image that {SERVICES[0]} had is gone"):
        planning.changes_back(engine.stack(), before)


def test_not_whole(engine: Engine) -> None:
    """A stack that is not whole is not replaced."""
    engine.containers.pop()
    with pytest.raises(NotPossible, match="redis does not run"):
        snapshot.describe(engine.stack(), "now")


@pytest.mark.parametrize("revision", [None, "release/1.0+more-3-gabc-dirty", "-.x", "v" * 200])
def test_names(revision: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag is one that engines take, whatever the revision is called, and times sort."""
    if revision:
        (tmp_path / "git").write_text(f"#!/bin/sh\necho '{revision}'\n")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert re.fullmatch(r"\w[A-Za-z0-9_.-]{0,127}", planning.new_tag(), re.ASCII)
    assert re.fullmatch(r"\d{8}T\d{6}Z", planning.now())
