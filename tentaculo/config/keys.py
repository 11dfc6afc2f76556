"""Keys that the file may not hold: which known key was meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import get_args

from tentaculo.config.models import FileSection
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.section import Section

# Lists and mappings of sections: the step after them is an index or a name.
_COLLECTIONS = frozenset({"principals", "upstreams", "routes"})
# A secret in a key's place has digits or odd characters, a misspelt key has none.
_HARMLESS = re.compile(r"[A-Za-z]([A-Za-z_-]{0,30}[A-Za-z])?|token_sha[0-9]*").fullmatch


def unknown_key(path: YamlPath) -> Finding:
    """Return what is to be said about a key that its section does not take."""
    section, key = section_at(path[:-1]), str(path[-1])
    near = nearest_key(section, key)
    meant = None if near is None else (*path[:-1], near)
    message = f"unknown key; {_hint(section, near)}"
    return Finding(path, message, at_key=True, hide_key=_HARMLESS(key) is None, meant=meant)


@lru_cache(maxsize=1024)
def nearest_key(section: type[Section], key: str) -> str | None:
    """Return the known key that resembles a key most, None if none does."""
    return next(iter(get_close_matches(key.lower(), section.model_fields, n=1, cutoff=0.5)), None)


def section_at(path: YamlPath) -> type[Section]:
    """Return the section that a path of known keys leads to."""
    section: type[Section] = FileSection
    steps = path[:1] + path[2:] if path[:1] and path[0] in _COLLECTIONS else path
    for step in steps:
        if isinstance(step, str):
            found = _section_in(section.model_fields[step].annotation)
            assert found is not None, "only sections refuse keys"
            section = found
    return section


def _hint(section: type[Section], near: str | None) -> str:
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known here are {', '.join(section.model_fields)}"


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)
