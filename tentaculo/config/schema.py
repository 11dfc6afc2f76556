"""The JSON Schema of the file, made from the sections, for editors and for whoever writes the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tentaculo.config.models import FileSection
from tentaculo.config.section import Section

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL = {"type": "null"}


def json_schema() -> Schema:
    """Return the schema as JSON data."""
    schema = FileSection.model_json_schema()
    definitions = schema.pop("$defs")
    sections = {section.__name__: section for section in _sections(Section)}
    for name, definition in definitions.items():
        definitions[name] = _finish(definition, sections[name])
    root = _finish(schema, FileSection)
    return {"$schema": _DIALECT, "title": "Tentáculo configuration", **root, "$defs": definitions}


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        yield section
        yield from _sections(section)


def _finish(schema: Schema, section: type[Section]) -> Schema:
    """Take out what pydantic says of Python, and put in what it can't know."""
    schema.pop("title")
    properties = schema.get("properties", {})
    for key, value in properties.items():
        properties[key] = _finish_key(value, required=key in section.required)
    if section.required:
        schema["required"] = list(section.required)
    if section.short is None:
        return schema
    return {
        "description": schema.pop("description"),
        "anyOf": [_short_form(properties[section.short]), schema],
    }


def _finish_key(schema: Schema, *, required: bool) -> Schema:
    default = schema.pop("default", None)
    schema.pop("title", None)
    if isinstance(default, bool):
        schema["default"] = default
    choices = list(_flat(schema.pop("anyOf", [])))
    if required:
        choices = [choice for choice in choices if choice != _NULL]
    if len(choices) == 1:
        return {**choices[0], **schema}
    return {"anyOf": choices, **schema} if choices else schema


def _flat(choices: list[Schema]) -> Iterator[Schema]:
    for choice in choices:
        yield from _flat(choice["anyOf"]) if choice.keys() == {"anyOf"} else [choice]


def _short_form(schema: Schema) -> Schema:
    """Return what a scalar in the section's place may be: the key itself, or the one item of its list."""
    short: Schema = schema.get("items", schema)
    return {key: value for key, value in short.items() if key != "description"}
