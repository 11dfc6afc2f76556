"""YAML text to a tree, from PyYAML's parsing events; nothing is ever constructed from tags.

Syntax errors give the place and never the text: a line of the file may hold a secret.
"""

from __future__ import annotations

import re
from typing import cast

import yaml

from tentaculo.config.environment import RESERVED, protect_references
from tentaculo.config.problems import START, ConfigError, Mark, Problem
from tentaculo.config.tree import Document, MappingNode
from tentaculo.config.tree_builder import TreeBuilder

# The parser of libyaml is ten times as fast; the pure one takes over where PyYAML was built without it.
_LOADER = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_UNREADABLE = re.compile(
    rf"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[{''.join(RESERVED)}]"
).search
_SYNTAX = (
    (
        "cannot start any token",
        "quote text that begins with a special character; indent with spaces, not tabs",
    ),
    ("tab character", "indent with spaces, not tabs"),
    ("mapping values are not allowed", 'a ":" is not allowed here; quote the text or check the indentation'),
    ("could not find expected ':'", 'a ":" is missing after a key'),
    ("expected ',' or", "a comma or a closing bracket is missing"),
    ("expected '-'", "the indentation does not fit the list that it stands in"),
    ("expected key", "the indentation does not fit the lines above"),
    ("<block end>", "the indentation does not fit the lines above"),
    ("unexpected end of stream", "a quote is not closed"),
)
# Noticed only behind the fault, so that the place where the scalar began says more.
_FOUND_LATE = ("unexpected end of stream", "could not find expected ':'")


def read_tree(text: str, source: str) -> tuple[Document, tuple[Problem, ...]]:
    """Return the tree of one YAML document and the problems that left it readable.

    Raises ConfigError where there is nothing to go on with.
    """
    builder = TreeBuilder(source)
    _check_characters(text, source)
    problem = _build(builder, text, source)
    if problem is not None:  # raised here, where no fault of PyYAML is its context
        raise ConfigError((*builder.problems, problem))
    return _checked_root(builder, source), tuple(builder.problems)


def _build(builder: TreeBuilder, text: str, source: str) -> Problem | None:
    try:
        for event in yaml.parse(protect_references(text), Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as fault:
        return _syntax_problem(fault, source)
    return None


def _checked_root(builder: TreeBuilder, source: str) -> Document:
    root = builder.root
    if isinstance(root, MappingNode):
        return Document(root)
    mark, message = START, "the file is empty"
    if root is not None and getattr(root, "value", "") is not None:
        mark, message = root.mark, "the file must be a mapping of keys to values"
    raise ConfigError((*builder.problems, Problem(source, mark.line, mark.column, "", message)))


def _check_characters(text: str, source: str) -> None:
    found = _UNREADABLE(text)
    if found is None:
        return
    before = text[: found.start()]
    column = found.start() - (before.rfind("\n") + 1) + 1
    message = "the file holds a character that YAML does not allow"
    raise ConfigError([Problem(source, before.count("\n") + 1, column, "", message)])


def _syntax_problem(fault: yaml.YAMLError, source: str) -> Problem:
    said = str(getattr(fault, "problem", ""))
    found = getattr(fault, "problem_mark", None)
    if any(part in said for part in _FOUND_LATE):
        found = getattr(fault, "context_mark", None) or found
    mark = START if found is None else Mark(found.line + 1, found.column + 1)
    hint = next((hint for part, hint in _SYNTAX if part in said), None)
    message = f"this is not valid YAML: {hint}" if hint else "this is not valid YAML"
    return Problem(source, mark.line, mark.column, "", message)
