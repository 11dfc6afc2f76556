"""The leaves of the file that are of upstreams: weights, how often something may fail, shares."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator

from tentaculo.config.scalars import (
    DURATION_PATTERN,
    duration_within,
    or_reference,
    read_count,
    sentence,
    word_of,
)
from tentaculo.config.settings import Balance

MOST_WEIGHT = 1000
MOST_ATTEMPTS = 10

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%").fullmatch
_HOUR = 3600.0


def read_weight(value: object) -> int:
    """Return a server's share beside those of the others."""
    weight = read_count(value)
    if weight > MOST_WEIGHT:
        raise sentence(f"must be {MOST_WEIGHT} at most")
    return weight


def read_attempts(value: object) -> int:
    """Return how often a call is tried in all."""
    attempts = read_count(value)
    if attempts > MOST_ATTEMPTS:
        raise sentence(f"must be {MOST_ATTEMPTS} at most")
    return attempts


def read_percentage(value: object) -> float:
    """Return a share of the whole, which is 1."""
    match = _PERCENTAGE(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise sentence("must be a percentage between 0% and 100%, such as 20%")
    return float(match[1]) / 100


_TIME = or_reference(type="string", pattern=DURATION_PATTERN)

Weight = Annotated[
    int, PlainValidator(read_weight), or_reference(type="integer", minimum=1, maximum=MOST_WEIGHT)
]
Attempts = Annotated[
    int, PlainValidator(read_attempts), or_reference(type="integer", minimum=1, maximum=MOST_ATTEMPTS)
]
Percentage = Annotated[
    float,
    PlainValidator(read_percentage),
    or_reference(type="string", pattern=r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"),
]
CheckInterval = Annotated[
    float,
    PlainValidator(duration_within(0.01, _HOUR, "must be a duration between 10ms and 1h")),
    _TIME,
]
CheckTimeout = Annotated[
    float,
    PlainValidator(duration_within(0.001, _HOUR, "must be a duration between 1ms and 1h")),
    _TIME,
]
BalanceWord = Annotated[Balance, PlainValidator(word_of(Balance)), or_reference(enum=list(Balance))]
