"""The frozen settings."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.config.settings import (
    Access,
    EphemeralTokenSettings,
    RouteSettings,
    StreamSettings,
    issue_groups,
)


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
