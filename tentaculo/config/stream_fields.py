"""The leaves of the file that are of event streams: when they beat and end, and what is kept of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

from tentaculo.config.scalars import (
    AS_DURATION,
    SIZE_PATTERN,
    count_up_to,
    duration_within,
    or_reference,
    read_size,
    sentence,
)

MOST_EVENTS = 1_000_000
MOST_BYTES = 1024**3
_HOUR = 3600.0


def read_kept_bytes(value: object) -> int:
    """Return how many bytes are kept for, or wait for, a client."""
    size = read_size(value)
    if size > MOST_BYTES:
        raise sentence("must be 1GiB at most")
    return size


Heartbeat = Annotated[
    float,
    PlainValidator(duration_within(1.0, _HOUR, "must be a duration between 1s and 1h")),
    AS_DURATION,
]
Retry = Annotated[
    float,
    PlainValidator(duration_within(0.001, _HOUR, "must be a duration between 1ms and 1h")),
    AS_DURATION,
]
DrainTime = Retry
Gather = Annotated[
    float,
    PlainValidator(duration_within(0.0001, 1.0, "must be a duration between 0.1ms and 1s")),
    AS_DURATION,
]
KeptEvents = Annotated[
    int,
    PlainValidator(count_up_to(MOST_EVENTS)),
    or_reference(type="integer", minimum=1, maximum=MOST_EVENTS),
]
KeptBytes = Annotated[
    int,
    PlainValidator(read_kept_bytes),
    or_reference(type=["integer", "string"], minimum=1, maximum=MOST_BYTES, pattern=SIZE_PATTERN),
]
KeptTime = Annotated[
    float,
    PlainValidator(duration_within(0.001, 24 * _HOUR, "must be a duration between 1ms and 24h")),
    AS_DURATION,
]
