"""The leaves of the file that are of calls which the gateway answers in the upstream's place."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator

from tentaculo.config.scalars import or_reference, sentence, word_of
from tentaculo.config.settings import RatePer

LARGEST_BODY = 64 * 1024

_FAILURE = re.compile(r"[45][0-9][0-9]").fullmatch


def read_failure(value: object) -> int:
    """Return a status that says that there is no good answer."""
    if not isinstance(value, str) or _FAILURE(value) is None:
        raise sentence("must be a status between 400 and 599")
    return int(value)


def read_body(value: object) -> str:
    """Return the text of a response; it may be empty."""
    if not isinstance(value, str):
        raise sentence("must be text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:  # odd bytes of the environment
        raise sentence("must be text in UTF-8") from None
    if size > LARGEST_BODY:
        raise sentence("must be 64KiB at most")
    return value


FailureStatus = Annotated[
    int, PlainValidator(read_failure), or_reference(type="integer", minimum=400, maximum=599)
]
BodyText = Annotated[str, PlainValidator(read_body), or_reference(type="string")]
RatePerWord = Annotated[RatePer, PlainValidator(word_of(RatePer)), or_reference(enum=list(RatePer))]
