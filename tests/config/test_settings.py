"""The frozen settings."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from tentaculo.config.settings import (
    Access,
    EphemeralTokenSettings,
    RouteSettings,
    Secret,
    StreamSettings,
    issue_groups,
)


def test_secret_is_not_shown() -> None:
    """A secret never shows where it is printed, alone or inside something else."""
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {[secret]} {secret!s}"
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize(
    "spread", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"]
)
def test_secret_is_not_spread(spread: object) -> None:
    """A secret can't be copied or serialised by accident."""
    assert callable(spread)
    with pytest.raises(TypeError, match="not serialised"):
        spread(Secret("hunter2"))


def test_secrets_are_compared_by_value() -> None:
    """Equal secrets are equal, so that settings can be compared."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))


@pytest.mark.parametrize(
    ("access", "stream", "bound"),
    [
        (Access.UPSTREAM, StreamSettings(), True),
        (Access.UPSTREAM, None, False),
        (Access.EPHEMERAL_TOKEN, StreamSettings(), True),
        (Access.EPHEMERAL_TOKEN, None, False),
        (Access.HEADER_TOKEN, StreamSettings(), False),
        (Access.PUBLIC, StreamSettings(), False),
        (Access.HEADER_TOKEN, StreamSettings(shared=True), True),
        (Access.PUBLIC, StreamSettings(shared=True), True),
    ],
)
def test_stream_rules_bind_by_access(access: Access, stream: StreamSettings | None, bound: bool) -> None:
    """Only a declared stream that no header token opens, or many share, is bound to the stream rules."""
    route = RouteSettings(name="a", path="/a", upstream="u", access=access, stream=stream)
    assert route.stream_only is bound


def test_routes_share_tokens_by_host_and_issue_path() -> None:
    """What agrees in both shares; other routes have none."""

    def route(name: str, **more: Any) -> RouteSettings:
        return RouteSettings(name=name, path="/p", upstream="u", **more)

    terms = EphemeralTokenSettings(issue_path="/t")
    one, two = route("1", ephemeral_token=terms), route("2", ephemeral_token=terms)
    other = route("3", host="h", ephemeral_token=terms)
    groups = issue_groups((one, route("0"), other, two))
    assert groups == {(None, "/t"): [one, two], ("h", "/t"): [other]}
