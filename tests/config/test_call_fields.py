"""Leaves that are of calls which the gateway answers itself."""

from __future__ import annotations

import pytest

from tentaculo.config.call_fields import LARGEST_BODY
from tests.config.files import config, problems_of

STATUS = "must be a status between 400 and 599"
PER = "must be principal, client or route"


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("maintenance: {status: 400}", None),
        ("maintenance: {status: 599}", None),
        *(
            (f"maintenance: {{status: {status}}}", f"maintenance.status: {STATUS}")
            for status in ("399", "600", "5030", "200", "x", "[503]")
        ),
        ("maintenance: {body: ''}", None),
        ("maintenance: {body: Back at ten.}", None),
        ("maintenance: {body: [x]}", "maintenance.body: must be text"),
        (f"maintenance: {{body: {'x' * LARGEST_BODY}}}", None),
        (f"maintenance: {{body: {'x' * LARGEST_BODY}y}}", "maintenance.body: must be 64KiB at most"),
        (f"maintenance: {{body: {'ñ' * (LARGEST_BODY // 2)}x}}", "maintenance.body: must be 64KiB at most"),
        ("rate_limit: {rate: 1/s, per: principal}", None),
        ("rate_limit: {rate: 1/s, per: client}", None),
        ("rate_limit: {rate: 1/s, per: route}", None),
        ("rate_limit: {rate: 1/s, per: address}", f"rate_limit.per: {PER}"),
    ],
    ids=lambda text: text and text[:40],
)
def test_leaf_is_within_its_bounds(option: str, problem: str | None) -> None:
    """The first and the last good value are taken, the ones beyond are told."""
    found = problems_of(config(f"{{name: a, path: /a, upstream: backend, {option}}}"))
    assert found == ([] if problem is None else [f"routes[0].{problem}"])


def test_body_can_be_sent() -> None:
    """Bytes of the environment that are no text are told when the file is read, not when it is needed."""
    text = config("{name: a, path: /a, upstream: backend, maintenance: {body: '${B}'}}")
    assert problems_of(text, {"B": "\udcff"}) == ["routes[0].maintenance.body: must be text in UTF-8"]
