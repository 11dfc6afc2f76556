"""The base of every mapping of the file: short forms, and which keys must be there."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from tentaculo.config.scalars import sentence


class Section(BaseModel):
    """A mapping of the file; null in its place is an empty one.

    Required keys may be missing here, so that the rules can go on with what is there;
    `rules.presence` reports them.  `short` is the key for which a scalar may stand in the mapping's
    place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    required: ClassVar[tuple[str, ...]] = ()
    short: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _open(cls, value: object) -> object:
        if value is None:
            return {}
        if isinstance(value, str) and cls.short is not None:
            return cls.expand(value)
        if not isinstance(value, dict):
            raise sentence("must be a mapping of keys to values")
        return value

    @classmethod
    def expand(cls, value: str) -> dict[str, object]:
        """Return the long form of a scalar."""
        return {str(cls.short): value}


def given(section: Section | None) -> dict[str, Any]:
    """Return the keys of a section that have a value, by name."""
    return {key: value for key, value in section or () if value is not None}
