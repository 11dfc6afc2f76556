"""Reloading by the admin API, and what it shows of the configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tentaculo.config.outline import Difference, Outline
from tentaculo.relay.reloading import Reloaded
from tests.admin.served import GOOD, NOTHING, STRANGERS, TOKEN, Call, Reloads, Start, check_problem
from tests.fakes.client import Fields, told

CHANGES = replace(
    NOTHING,
    routes=Difference(added=("a",), removed=("b",), changed=("c",), renamed=(("d", "e"),)),
    keys=("listen",),
    fixed=("log",),
)


async def test_reload(call: Call, reloads: Reloads) -> None:
    """It says what has changed."""
    reloads.outcome = Reloaded(CHANGES)
    reply = await call("/reload", GOOD, "POST")
    nothing: dict[str, list[str]] = {"added": [], "removed": [], "changed": [], "renamed": []}
    assert (reply.status, told(reply)) == (
        200,
        {
            "reloaded": True,
            "changes": {
                "routes": {"added": ["a"], "removed": ["b"], "changed": ["c"], "renamed": [["d", "e"]]},
                "upstreams": nothing,
                "principals": nothing,
                "keys": ["listen"],
                "fixed": ["log"],
            },
        },
    )
    assert reloads.asked == 1


async def test_bad_configuration(call: Call, reloads: Reloads) -> None:
    """It lists all that is wrong with it, and that nothing was done."""
    reloads.outcome = Reloaded(None, ("t.yaml:1:1: one", "t.yaml:2:1: other"))
    reply = await call("/reload", GOOD, "POST")
    assert (reply.status, told(reply)) == (
        422,
        {"reloaded": False, "problems": ["t.yaml:1:1: one", "t.yaml:2:1: other"]},
    )


async def test_configuration(call: Call, reloads: Reloads) -> None:
    """It is shown as digests, with the open streams of each route."""
    reloads.outline = Outline({"a": "1"}, {"b": "2"}, {"c": "3"}, {"listen": "4"})
    reloads.streams = {"a": 7}
    reply = await call("/configuration", GOOD, "GET")
    assert (reply.status, told(reply)) == (
        200,
        {
            "routes": {"a": "1"},
            "upstreams": {"b": "2"},
            "principals": {"c": "3"},
            "keys": {"listen": "4"},
            "streams": {"a": 7},
        },
    )


CALLS = [("POST", "/reload"), ("GET", "/configuration")]


@pytest.mark.parametrize(("method", "target"), CALLS)
@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
async def test_strangers(fields: Fields, method: str, target: str, call: Call, reloads: Reloads) -> None:
    """Without exactly the admin token nothing is done or shown."""
    for place in (target, f"{target}?token={TOKEN}"):
        check_problem(await call(place, fields, method), 401, "unauthorized")
    assert reloads.asked == 0


@pytest.mark.parametrize(("method", "target"), CALLS)
async def test_off_without_a_token(method: str, target: str, start: Start, reloads: Reloads) -> None:
    """Where none is configured nobody gets in."""
    call = await start(None)
    check_problem(await call(target, GOOD, method), 404, "route_not_found")
    assert reloads.asked == 0


@pytest.mark.parametrize(("method", "target"), [("GET", "/reload"), ("POST", "/configuration")])
async def test_other_methods(method: str, target: str, call: Call, reloads: Reloads) -> None:
    """Only POST reloads, so that no link does, and only GET shows."""
    assert (await call(target, GOOD, method)).status == 405
    assert reloads.asked == 0
