"""The leaves of the file that are of upstreams: weights, how often something may fail, shares."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator

from tentaculo.config.scalars import (
    AS_DURATION,
    count_up_to,
    duration_within,
    or_reference,
    sentence,
    word_of,
)
from tentaculo.config.settings import Balance

MOST_WEIGHT = 1000
MOST_ATTEMPTS = 10

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%").fullmatch
_HOUR = 3600.0
_MINUTE = 60.0


def read_percentage(value: object) -> float:
    """Return a share of the whole, which is 1."""
    match = _PERCENTAGE(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        raise sentence("must be a percentage between 0% and 100%, such as 20%")
    return float(match[1]) / 100


Weight = Annotated[
    int,
    PlainValidator(count_up_to(MOST_WEIGHT)),
    or_reference(type="integer", minimum=1, maximum=MOST_WEIGHT),
]
Attempts = Annotated[
    int,
    PlainValidator(count_up_to(MOST_ATTEMPTS)),
    or_reference(type="integer", minimum=1, maximum=MOST_ATTEMPTS),
]
Percentage = Annotated[
    float,
    PlainValidator(read_percentage),
    or_reference(type="string", pattern=r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"),
]
CheckInterval = Annotated[
    float,
    PlainValidator(duration_within(0.01, _HOUR, "must be a duration between 10ms and 1h")),
    AS_DURATION,
]
CheckTimeout = Annotated[
    float,
    PlainValidator(duration_within(0.001, _HOUR, "must be a duration between 1ms and 1h")),
    AS_DURATION,
]
Patience = Annotated[
    float,
    PlainValidator(duration_within(0.001, _MINUTE, "must be a duration between 1ms and 1m")),
    AS_DURATION,
]
BalanceWord = Annotated[Balance, PlainValidator(word_of(Balance)), or_reference(enum=list(Balance))]
