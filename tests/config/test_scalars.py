"""Leaves that are not about HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_core import PydanticCustomError

from tentaculo.config.scalars import (
    LOG_LEVELS,
    count_up_to,
    duration_within,
    one_of,
    read_count,
    read_duration,
    read_name,
    read_per_time,
    read_size,
    read_switch,
    read_text,
    sentence,
    word_of,
)
from tentaculo.config.settings import Access

BRIEF = "must be a time between 1s and 2s"

GOOD: list[tuple[Callable[[object], object], str, object]] = [
    (read_text, "text", "text"),
    (read_name, "a", "a"),
    (read_name, "0.A_b-9", "0.A_b-9"),
    (read_name, "a" * 64, "a" * 64),
    *((read_switch, word, True) for word in ("true", "True", "YES", "on", "1")),
    *((read_switch, word, False) for word in ("false", "FALSE", "No", "off", "0")),
    (read_count, "1", 1),
    (read_count, "10000", 10_000),
    (read_duration, "500ms", 0.5),
    (read_duration, "15s", 15.0),
    (read_duration, "1.5s", 1.5),
    (read_duration, "1m", 60.0),
    (read_duration, "4h", 14_400.0),
    (read_duration, "8784h", 366 * 86_400.0),
    (read_size, "8192", 8192),
    (read_size, "1B", 1),
    (read_size, "64KiB", 65_536),
    (read_size, "1MiB", 1_048_576),
    (read_size, "2GiB", 2_147_483_648),
    (one_of(*LOG_LEVELS), "debug", "debug"),
    *((word_of(Access), word.value, word) for word in Access),
    (count_up_to(9), "9", 9),
    (duration_within(1.0, 2.0, BRIEF), "1s", 1.0),
    (duration_within(1.0, 2.0, BRIEF), "2s", 2.0),
    (read_per_time, "50/s", 50.0),
    (read_per_time, "0.5/s", 0.5),
    (read_per_time, "30/m", 0.5),
    (read_per_time, "1800/h", 0.5),
]

NOTHING: tuple[object, ...] = (None, [], {}, "")
BAD: list[tuple[Callable[[object], object], object, str]] = [
    *(
        (read, value, "")
        for read in (
            read_text,
            read_name,
            read_switch,
            read_count,
            read_duration,
            read_per_time,
            read_size,
            word_of(Access),
        )
        for value in NOTHING
    ),
    (read_name, "-a", "must be a name"),
    (read_name, "a b", "must be a name"),
    (read_name, "é", "must be a name"),
    (read_name, "a\n", "must be a name"),
    (read_name, "a" * 65, "at most 64"),
    (read_switch, "2", "true or false"),
    (read_switch, "maybe", "true or false"),
    (read_count, "0", "1 or more"),
    (read_count, "-1", "whole number"),
    (read_count, "1.5", "whole number"),
    (read_count, "1_000", "whole number"),
    (read_count, "٣", "whole number"),
    (count_up_to(9), "10", "must be 9 at most"),
    (count_up_to(9), "0", "1 or more"),
    (read_duration, "15", "with its unit"),
    (read_duration, "15 s", "with its unit"),
    (read_duration, "-1s", "with its unit"),
    (read_duration, "1d", "with its unit"),
    (read_duration, "1h30m", "with its unit"),
    (read_duration, "0s", "between 1ms and 8784h"),
    (read_duration, "8785h", "between 1ms and 8784h"),
    (read_size, "64KB", "64KiB"),
    (read_size, "64k", "64KiB"),
    (read_size, "1.5MiB", "1MiB"),
    (read_size, "0", "1 byte or more"),
    (one_of(*LOG_LEVELS), "verbose", "must be debug, info, warning, error or critical"),
    (one_of(*LOG_LEVELS), None, "must be debug"),
    (word_of(Access), "private", "must be header-token, ephemeral-token, upstream or public"),
    (duration_within(1.0, 2.0, BRIEF), "999ms", BRIEF),
    (duration_within(1.0, 2.0, BRIEF), "2001ms", BRIEF),
    (duration_within(1.0, 2.0, BRIEF), "2", "with its unit"),
    (read_per_time, "0/s", "more than zero"),
    (read_per_time, "0.000/h", "more than zero"),
    (read_per_time, "-1/s", "50/s"),
    (read_per_time, "50", "50/s"),
    (read_per_time, "50/d", "50/s"),
    (read_per_time, "50 / s", "50/s"),
    (read_per_time, "1e3/s", "50/s"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_text_is_read(read: Callable[[object], object], text: str, value: object) -> None:
    """A leaf's text becomes its value in the unit of the settings."""
    found = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("read", "value", "said"), BAD)
def test_bad_value_is_one_sentence(read: Callable[[object], object], value: object, said: str) -> None:
    """What can't be read is told in one sentence that says what would be right."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    message = caught.value.message()
    assert said in message
    assert message.startswith("must ")


@pytest.mark.parametrize(
    "read",
    [
        read_name,
        read_switch,
        read_count,
        read_duration,
        read_per_time,
        read_size,
        one_of("a", "b"),
        word_of(Access),
    ],
)
def test_sentence_never_quotes_the_value(read: Callable[[object], object]) -> None:
    """A value may be a misplaced secret."""
    with pytest.raises(PydanticCustomError) as caught:
        read("hunter2 the secret")
    assert "hunter2" not in str(caught.value)


def test_braces_in_a_sentence_stay() -> None:
    """A sentence is no template."""
    assert sentence("write ${NAME} or {}").message() == "write ${NAME} or {}"
