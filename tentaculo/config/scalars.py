"""The leaves of the file that are not about HTTP: text, names, words, switches, counts, times, sizes.

Each reader takes the scalar's text and raises one sentence that never quotes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, GetJsonSchemaHandler, PlainValidator, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)

SENTENCE = "sentence"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("auto", "json", "console")
LONGEST = 366 * 24 * 3600.0
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
SIZE_PATTERN = "^[0-9]+(B|KiB|MiB|GiB)?$"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)").fullmatch
_SIZE = re.compile(r"([0-9]{1,15})(|B|KiB|MiB|GiB)").fullmatch
_PER_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/(s|m|h)").fullmatch
_COUNT = re.compile(r"[0-9]{1,15}").fullmatch
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SWITCH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def sentence(text: str) -> PydanticCustomError:
    """Return the error that puts a sentence into a problem."""
    return PydanticCustomError(SENTENCE, text)


def or_reference(**schema: Any) -> WithJsonSchema:
    """Describe a leaf for editors: what the schema says, or text with a reference to the environment."""
    return WithJsonSchema({"anyOf": [schema, {"type": "string", "pattern": r"\$\{"}]})


def read_text(value: object) -> str:
    """Return a scalar's text."""
    if not isinstance(value, str):
        raise sentence("must be text")
    if not value:
        raise sentence("must not be empty")
    return value


def read_name(value: object) -> str:
    """Return a name; it appears in logs, metrics and header fields."""
    text = read_text(value)
    if _NAME(text) is None:
        raise sentence('must be a name of at most 64 letters, digits, ".", "_" and "-"')
    return text


def read_switch(value: object) -> bool:
    """Return a truth value."""
    found = _SWITCH.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise sentence("must be true or false")
    return found


def read_count(value: object) -> int:
    """Return a whole number that is more than zero."""
    if not isinstance(value, str) or _COUNT(value) is None or int(value) == 0:
        raise sentence("must be a whole number, 1 or more")
    return int(value)


def read_duration(value: object) -> float:
    """Return a time in seconds."""
    seconds = _read_seconds(value)
    if not 0.001 <= seconds <= LONGEST:
        raise sentence("must be a duration between 1ms and 8784h")
    return seconds


def duration_within(least: float, most: float, said: str) -> Callable[[object], float]:
    """Return a reader that takes a time within bounds, in seconds; `said` is the sentence for others."""

    def read(value: object) -> float:
        seconds = _read_seconds(value)
        if not least <= seconds <= most:
            raise sentence(said)
        return seconds

    return read


def _read_seconds(value: object) -> float:
    match = _DURATION(value) if isinstance(value, str) else None
    if match is None:
        raise sentence("must be a duration with its unit, such as 500ms, 15s, 1m or 4h")
    return float(match[1]) * _SECONDS[match[2]]


def count_up_to(most: int) -> Callable[[object], int]:
    """Return a reader that takes whole numbers, 1 or more, up to a bound."""

    def read(value: object) -> int:
        count = read_count(value)
        if count > most:
            raise sentence(f"must be {most} at most")
        return count

    return read


def read_per_time(value: object) -> float:
    """Return how many a second."""
    match = _PER_TIME(value) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise sentence("must be a rate of more than zero, such as 50/s, 10/m or 1/h")
    return float(match[1]) / _SECONDS[match[2]]


def read_size(value: object) -> int:
    """Return a number of bytes."""
    match = _SIZE(value) if isinstance(value, str) else None
    if match is None:
        raise sentence("must be a size in bytes, such as 8192, 64KiB or 1MiB")
    size = int(match[1]) * _BYTES[match[2]]
    if size == 0:
        raise sentence("must be a size of 1 byte or more")
    return size


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a reader that takes one of a few words."""
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}"

    def read(value: object) -> str:
        if value not in choices:
            raise sentence(f"must be {listed}")
        return str(value)

    return read


def word_of(words: type[W]) -> Callable[[object], W]:
    """Return a reader that takes the words of an enumeration."""
    read = one_of(*words)
    return lambda value: words(read(value))


class OrSingle:
    """Tells editors that one item may stand in place of a list."""

    @staticmethod
    def __get_pydantic_json_schema__(core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the list's schema, or its item's."""
        schema = handler(core)
        return {"anyOf": [schema["items"], schema]}


def _nothing_to_empty(value: object) -> object:
    return [] if value is None else value


def _single_to_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, PlainValidator(read_text), WithJsonSchema({"type": "string", "minLength": 1})]
Name = Annotated[
    str,
    PlainValidator(read_name),
    or_reference(type="string", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
]
Switch = Annotated[bool, PlainValidator(read_switch), or_reference(type="boolean")]
Count = Annotated[int, PlainValidator(read_count), or_reference(type="integer", minimum=1)]
AS_DURATION = or_reference(type="string", pattern=DURATION_PATTERN)
Duration = Annotated[float, PlainValidator(read_duration), AS_DURATION]
PerTime = Annotated[
    float,
    PlainValidator(read_per_time),
    or_reference(type="string", pattern=r"^[0-9]+(\.[0-9]+)?/(s|m|h)$"),
]
Size = Annotated[
    int,
    PlainValidator(read_size),
    or_reference(type=["integer", "string"], minimum=1, pattern=SIZE_PATTERN),
]
LogLevel = Annotated[str, PlainValidator(one_of(*LOG_LEVELS)), or_reference(enum=list(LOG_LEVELS))]
LogFormat = Annotated[str, PlainValidator(one_of(*LOG_FORMATS)), or_reference(enum=list(LOG_FORMATS))]
Many = Annotated[list[T], BeforeValidator(_nothing_to_empty)]
OneOrMany = Annotated[list[T], BeforeValidator(_single_to_list)]
