"""Every case of `cases/raw_requests.json` that a gateway without ephemeral tokens can be tried with."""

from __future__ import annotations

import dataclasses

import pytest

from tests.functional.cases import Case, load_cases
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

ALL = load_cases()
NOT_YET = {case.id for case in ALL if case.needs == "sse"}
PLAIN = [case for case in ALL if case.id not in NOT_YET and case.policy is None]

# The outcomes decided in docs/behaviour.md, each stricter than its row in the table.
DECIDED = {
    "hop-conn-xff": {
        "allow": ("200",),
        "upstream": {
            "must_match": [r"(?i)\r\nx-forwarded-for: 127\.0\.0\.1\r\n"],
            "must_not_match": [r"6\.6\.6\.6"],
        },
    },
    "hop-identity-spoof": {"allow": ("200",), "upstream": {"max_requests": 1, "must_not_match": ["CANARY"]}},
    "hop-xfh-spoof": {
        "allow": ("200",),
        "upstream": {
            "must_match": [
                r"(?i)\r\nx-forwarded-host: gateway\.test\r\n",
                r"(?i)\r\nx-forwarded-proto: http\r\n",
            ],
            "must_not_match": ["evil"],
        },
    },
    "te-underscore": {"allow": ("200",), "upstream": {"max_requests": 1, "must_not_match": ["(?i)transfer"]}},
    "tok-dup-same": {"allow": ("400",), "upstream": {"max_requests": 0}},
    "tok-underscore": {"allow": ("401",), "upstream": {"max_requests": 0}},
    "expect-unknown": {"allow": ("417",), "upstream": {"max_requests": 0}},
    "body-over-limit": {"allow": ("413",), "upstream": {"max_requests": 0}},
    "line-options-star": {"allow": ("400",), "upstream": {"max_requests": 0}},
    "upgrade-h2c": {"allow": ("200",)},
    "body-gzip-bad": {"allow": ("200",), "upstream": {"must_match": ["not gzip at all"]}},
    "hdr-value-nonascii": {"allow": ("200",), "upstream": {"must_match": ["\r\nX-A: b\u00ffc\r\n"]}},
    "abs-other-host": {"allow": ("400",), "upstream": {"max_requests": 0}},
}


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.id)
async def test_raw_request(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """A hostile request does nothing but what its row in the table allows."""
    await check(case, start_gateway, start_recorder)


@pytest.mark.parametrize("case", [c for c in ALL if c.id in DECIDED], ids=lambda case: case.id)
async def test_decided_outcome(
    case: Case, start_gateway: StartGateway, start_recorder: StartRecorder
) -> None:
    """Where the table leaves a choice, the outcome is the documented one."""
    strict = dataclasses.replace(case, **DECIDED[case.id])  # type: ignore[arg-type]
    await check(strict, start_gateway, start_recorder)


def test_every_case_is_tried_decided_or_waits_for_ephemeral_tokens() -> None:
    """No row of the table is forgotten."""
    assert {case.id for case in ALL} == NOT_YET | set(DECIDED) | {case.id for case in PLAIN}
    assert len(ALL) == 165
    assert len(NOT_YET) == 34
