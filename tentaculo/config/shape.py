"""From the tree to sections: what has the wrong shape is reported and left out, the rest is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tentaculo.config.keys import unknown_key
from tentaculo.config.models import FileSection
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.scalars import SENTENCE
from tentaculo.config.tree import Data, Document, to_data

_COLLECTIONS = frozenset({"principals", "upstreams", "routes"})
_UNKNOWN = "extra_forbidden"
_KEY = "[key]"
_SHAPES = {"list_type": "must be a list", "dict_type": "must be a mapping of keys to values"}


def read_shape(
    document: Document, flawed: Iterable[YamlPath] = ()
) -> tuple[FileSection, list[Finding], frozenset[YamlPath]]:
    """Return the sections, what is wrong with their shape, and the paths that were left out.

    `flawed` are paths that are known to be wrong already; nothing is reported about them.
    """
    data = to_data(document.root)
    left_out = {_leave_out(data, Finding(path, "")) for path in flawed}
    section, findings = _validate(data, document)
    left_out |= {finding.meant for finding in findings if finding.meant is not None}
    rest = findings
    while section is None:  # leaving out can leave too little behind, which is no problem of its own
        left_out |= {_leave_out(data, finding) for finding in rest}
        section, rest = _validate(data, document)
    return section, findings, frozenset(left_out)


def _validate(data: Data, document: Document) -> tuple[FileSection | None, list[Finding]]:
    try:
        return FileSection.model_validate(data), []
    except ValidationError as fault:
        errors = fault.errors(include_url=False, include_input=False)
    return None, [_describe(error, document) for error in errors]


def _describe(error: ErrorDetails, document: Document) -> Finding:
    path, kind = error["loc"], error["type"]
    if kind == _UNKNOWN:
        return unknown_key(path)
    if path[-1] == _KEY:
        return Finding(path[:-1], error["msg"], at_key=True)
    path = path[: document.find(path)[1]]
    return Finding(path, error["msg"] if kind == SENTENCE else _sentence(kind, error.get("ctx", {})))


def _sentence(kind: str, context: dict[str, Any]) -> str:
    if kind == "too_short":
        return f"must hold at least {_items(context['min_length'])}"
    if kind == "too_long":
        return f"must hold at most {_items(context['max_length'])}"
    return _SHAPES[kind]


def _items(count: int) -> str:
    return "one item" if count == 1 else f"{count} items"


def _leave_out(data: Data, finding: Finding) -> YamlPath:
    """Take what a finding is about out of the data; return the path that is gone or emptied."""
    path = _present(data, finding.path)
    if len(path) == 2 and path[0] in _COLLECTIONS and not finding.at_key:
        _at(data, path[:1])[path[1]] = {}
        return path
    while isinstance(path[-1], int):
        path = path[:-1]
    _at(data, path[:-1]).pop(path[-1], None)
    return path


def _present(data: Data, path: YamlPath) -> YamlPath:
    for end in range(len(path)):
        if not isinstance(_at(data, path[:end]), list | dict):
            return path[:end]
    return path


def _at(data: Data, path: YamlPath) -> Any:
    found: Any = data
    for step in path:
        found = found.get(step) if isinstance(found, dict) else found[step]
    return found
