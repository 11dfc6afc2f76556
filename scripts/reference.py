"""Write docs/configuration.md: every key of the file with type, default, meaning and an example.

Types, defaults and meanings are those of the sections that read the file, examples those of
config/every-key.yaml.  A part of scripts/docs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from tentaculo.config.models import FileSection
from tentaculo.config.schema import json_schema
from tentaculo.config.section import Section

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
EXAMPLES = ROOT / "config" / "every-key.yaml"

NONE = "none"

# Mappings that are there with all their defaults where the file does not hold them.
_WHOLE = frozenset(
    {"log", "limits", "drain"}
    | {f"upstreams.NAME.{key}" for key in ("timeouts", "limits", "retries", "breaker")}
)
_REFERENCE = {"type": "string", "pattern": r"\$\{"}
_NULL = {"type": "null"}
# What a text is, by the end of the pattern that it has to match.
_KINDS = {
    "(ms|s|m|h)$": "duration",
    "/(s|m|h)$": "rate",
    "(B|KiB|MiB|GiB)?$": "size",
    ")%$": "percentage",
    "{0,63}$": "name",
    "{1,64}$": "name",
    "0-9A-Za-z-]+$": "header name",
    ":[0-9]{1,5}$": "address",
    "{64}$": "64 hexadecimal digits",
    "^https?://[^/?#@]+$": "URL",
    "://.+)$": "`memory` or URL",
    "://[^/?#@]+)$": "origin",
    "[A-Z0-9-]*$": "method",
}
_INTRODUCTION = """\
# Configuration

<!-- Written by scripts/docs from the sections that read the file and from config/every-key.yaml. -->

All of the gateway is one YAML file, read at the start and again whenever it is edited. `tentaculo check FILE`
tells all that is wrong with one, each problem with line and column; `tentaculo schema` prints the JSON Schema
that gives editors completion. `config/tentaculo.yaml` is a file to begin with; `config/every-key.yaml` has
each of these keys once.

| type | written as |
|---|---|
| duration | a number with its unit: `500ms`, `15s`, `1m`, `4h` |
| size | bytes, or with a unit: `8192`, `64KiB`, `1MiB`, `1GiB` |
| rate | so many in a time: `50/s`, `10/m`, `1/h` |
| name | at most 64 letters, digits, `.`, `_` and `-` |
| path | begins with `/`; in a route's `path` a `/*` at the end is everything beneath, `{name}` one segment |

Of `null` as a value its key says what it means; where it says nothing, it stands for the default. `${NAME}`
in a value is taken from the environment, `${NAME:-default}` where there may be none. Unknown keys, missing
variables and routes that no request can reach are problems, and a file with a problem is not used.

Where `NAME` is not set, its text may come from the file that the variable `NAME_FILE` names, without the
newline at its end, so that no secret has to stand in the environment. The file is UTF-8 text of 64 KiB at
most; a relative name starts in the working directory. It is read again whenever it is edited, like the
configuration itself. A file that can't be read or is empty is a problem, even where there is a default, and
so are `NAME` and `NAME_FILE` set both. An empty `NAME_FILE` counts as unset, an empty `NAME` where there is a
default.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping of the file: where it stands, its section, and the examples of it."""

    path: str
    section: type[Section]
    examples: tuple[dict[str, Any], ...]


def page() -> str:
    """Return the text of the page."""
    definitions = json_schema()
    definitions = {**definitions["$defs"], "FileSection": definitions}
    first = Part("", FileSection, (yaml.safe_load(EXAMPLES.read_text(encoding="utf-8")),))
    homes: dict[type[Section], str] = {}
    # A section that stands in two places is told of in the first.
    parts = [part for part in _parts(first) if homes.setdefault(part.section, part.path) == part.path]
    chapters = (_chapter(part, definitions[part.section.__name__], homes) for part in parts)
    return "\n".join((_INTRODUCTION, *chapters))


def default_of(schema: dict[str, Any], *, required: bool) -> str:
    """Return the default that a key's schema or its description tells, in code where it is a value."""
    if required:
        return "required"
    if "default" in schema:
        return f"`{json.dumps(schema['default'])}`"
    told = schema.get("description", "")
    found = re.search(r"(\S+) \(default", told) or re.search(r"^Default (\w+):|[Dd]efault ([^;]+?)\.?$", told)
    if found is None:
        return NONE
    text = next(group for group in found.groups() if group)
    return text if " " in text or text in (NONE, "all") else f"`{text}`"


def _parts(part: Part) -> Iterator[Part]:
    """Yield a mapping and those in it, as they stand in the file."""
    yield part
    for key, field in part.section.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is not None:
            many = _is_many(field.annotation)
            path = f"{part.path}.{key}".removeprefix(".") + many
            yield from _parts(Part(path, inner, tuple(_mappings(part.examples, key))))


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)


def _is_many(annotation: object) -> str:
    """Return what a path says of a list, `[]`, or of a mapping by name, `.<name>`."""
    text = str(annotation)
    return ".NAME" if "dict[" in text else "[]" if "list[" in text else ""


def _mappings(examples: tuple[dict[str, Any], ...], key: str) -> Iterator[dict[str, Any]]:
    """Yield the mappings that stand at a key: itself, in a list, or by name."""
    for example in examples:
        value = example.get(key)
        values = value if isinstance(value, list) else [value]
        if key == "upstreams" and isinstance(value, dict):
            values = list(value.values())
        yield from (inner for inner in values if isinstance(inner, dict))


def _chapter(part: Part, schema: dict[str, Any], homes: dict[type[Section], str]) -> str:
    properties = schema.get("properties") or next(
        choice["properties"] for choice in schema["anyOf"] if "properties" in choice
    )
    title = f"`{part.path}`" if part.path else "The file"
    short = f" A text in its place is its `{part.section.short}`." if part.section.short else ""
    lines = [
        f"{'#' * (2 + part.path.count('.'))} {title}",
        "",
        schema["description"] + short,
        "",
        "| key | type | default | meaning | example |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(part, key, properties[key], homes) for key in part.section.model_fields]
    return "\n".join((*lines, ""))


def _anchor(path: str) -> str:
    """Return the anchor of a mapping's heading, which readers of Markdown make by themselves."""
    return re.sub(r"[^a-z0-9_]", "", path.lower())


def _row(part: Part, key: str, schema: dict[str, Any], homes: dict[type[Section], str]) -> str:
    inner = _section_in(part.section.model_fields[key].annotation)
    kind = _kind(schema)
    example = _example(part, key)
    default = default_of(schema, required=key in part.section.required)
    shown = f"`{_written(example)}`"
    if inner is not None:
        kind, shown = f"[{kind}](#{_anchor(homes[inner])})", "see there"
        if f"{part.path}.{key}".removeprefix(".") in _WHOLE and default == NONE:
            default = "those of its keys"
    meaning = re.sub(r"[;,] default [^;,)]+\.$", ".", schema["description"]).replace("*", r"\*")
    return f"| `{key}` | {kind} | {default} | {meaning} | {shown} |"


def _example(part: Part, key: str) -> Any:
    found = [example[key] for example in part.examples if key in example]
    if not found:
        raise KeyError(f"{EXAMPLES.name} has no {part.path}.{key}".replace(" .", " "))
    return found[0]


def _written(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return "mapping"
    if "anyOf" in schema:
        kinds = [_kind(choice) for choice in schema["anyOf"] if choice not in (_REFERENCE, _NULL)]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    return _plain_kind(schema)


def _plain_kind(schema: dict[str, Any]) -> str:
    match schema["type"]:
        case "array":
            return f"list of {_kind(schema['items'])}"
        case "object":
            return "mapping of names to mappings" if "$ref" in str(schema) else "mapping of names to text"
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return "number" if "maximum" not in schema else f"number up to {schema['maximum']}"
    pattern = schema.get("pattern", "")
    if pattern.startswith("^/"):
        return "path"
    return next((kind for end, kind in _KINDS.items() if pattern.endswith(end)), "text")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
