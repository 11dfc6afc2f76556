"""Every case of `cases/raw_requests.json`; where one needs an ephemeral token, each gets its own."""

from __future__ import annotations

import dataclasses

import pytest

from tests.functional.cases import Case, load_cases
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

ALL = load_cases()
PLAIN = [case for case in ALL if case.policy is None]
ON_STREAMS = [case for case in ALL if case.needs == "sse"]

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
    "sse-post": {"allow": ("405",), "upstream": {"max_requests": 0}},
    "sse-hidden-upstream": {
        "allow": ("200",),
        "upstream": {
            "max_requests": 1,
            "must_match": [r"^GET /minted/up\?keep=1 HTTP"],
            "must_not_match": ["{{SSETOK}}", "token"],
        },
    },
    "sse-ok": {"allow": ("200",), "client": {"must_match": ["data: recorded"]}},
    "sse-dup-same": {"allow": ("400",), "upstream": {"max_requests": 0}},
    "sse-dup-good-bad": {"allow": ("400",), "upstream": {"max_requests": 0}},
    "sse-newline": {"allow": ("401",), "upstream": {"max_requests": 0}},
    "sse-header-token-in-query": {"allow": ("401",), "upstream": {"max_requests": 0}},
    "sse-other-param-intact": {
        "allow": ("200",),
        "upstream": {"must_match": [r"^GET /minted/up\?a=%2B%20b\+c&x=%E2%82%AC&y=;&z HTTP"]},
    },
    "get-body-sse": {"allow": ("200",), "upstream": {"max_requests": 1, "no_leftover": True}},
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


def test_every_case_is_tried_or_decided() -> None:
    """No row of the table is forgotten."""
    assert {case.id for case in ALL} == set(DECIDED) | {case.id for case in PLAIN}
    assert len(ALL) == 165
    assert len(ON_STREAMS) == 34
