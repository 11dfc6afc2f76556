"""References to the environment, `${NAME}` and `${NAME:-default}`, in the file's scalars.

They are filled in after parsing, so that no value can change the structure of the file.  `$${` is a
literal `${`, and an empty variable counts as unset where there is a default.  A variable that is not set may
have its text in a file, which `NAME_FILE` names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tentaculo.config.file_marks import FileMark
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.tree import Document, Entry, MappingNode, Node, ScalarNode, SequenceNode
from tentaculo.config.variables import Variables

# Braces end a plain scalar inside `{}` and `[]`: while YAML is parsed, these stand for a reference's own.
_OPEN, _CLOSE = "\U0010fffc", "\U0010fffd"
RESERVED = (_OPEN, _CLOSE)

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^{}\n]*)?\})?")


@dataclass(frozen=True, slots=True)
class Filled:
    """A document without references; `findings` are those that can't be filled in, each at its scalar.

    `files` are those that the environment names in place of texts, as they were before they were read.
    """

    document: Document
    findings: list[Finding]
    files: tuple[FileMark, ...]


def protect_references(text: str) -> str:
    """Hide the braces of references from YAML; every character keeps its place."""
    return _REFERENCE.sub(_protect, text) if "${" in text else text


def restore_references(text: str) -> str:
    """Undo `protect_references` in a scalar."""
    return text.replace(_OPEN, "{").replace(_CLOSE, "}")


def substitute(document: Document, environ: Mapping[str, str]) -> Filled:
    """Fill in every reference, from the environment or from the files that it names."""
    filling = _Filling(Variables(environ))
    root = filling.fill(document.root, ())
    assert isinstance(root, MappingNode)
    return Filled(Document(root), filling.findings, filling.variables.files)


def _protect(match: re.Match[str]) -> str:
    if match["name"] is None:
        return match[0]
    return f"${_OPEN}{match[0][2:-1]}{_CLOSE}"


@dataclass(slots=True)
class _Filling:
    variables: Variables
    findings: list[Finding] = field(default_factory=list)
    _done: dict[int, Node] = field(default_factory=dict)

    def fill(self, node: Node, path: YamlPath) -> Node:
        if isinstance(node, ScalarNode):
            return self._scalar(node, path) if "${" in node.text else node
        done = self._done.get(id(node))
        if done is None:
            done = self._done[id(node)] = self._collection(node, path)
        return done

    def _collection(self, node: SequenceNode | MappingNode, path: YamlPath) -> Node:
        if isinstance(node, SequenceNode):
            items = tuple([self.fill(item, (*path, index)) for index, item in enumerate(node.items)])
            changed_items = any(new is not old for new, old in zip(items, node.items, strict=True))
            return SequenceNode(node.mark, items) if changed_items else node
        changed = {
            key: Entry(entry.mark, filled)
            for key, entry in node.entries.items()
            if (filled := self.fill(entry.value, (*path, key))) is not entry.value
        }
        return MappingNode(node.mark, {**node.entries, **changed}) if changed else node

    def _scalar(self, node: ScalarNode, path: YamlPath) -> ScalarNode:
        before = len(self.findings)
        text = _REFERENCE.sub(lambda match: self._value(match, path), node.text)
        if len(self.findings) > before:
            text = ""
        return replace(node, text=text, substituted=True)

    def _value(self, match: re.Match[str], path: YamlPath) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            return self._escape_or_fault(match[0], path)
        try:
            value = self.variables.text_of(name, empty_is_unset=default is not None)
        except ValueError as fault:
            self.findings.append(Finding(path, str(fault)))
            return ""
        if value is None and default is not None:
            return default.removeprefix(":-")
        if value is None:
            hint = f"set it or {name}_FILE, or give a default as in ${{{name}:-default}}"
            self.findings.append(Finding(path, f"the environment variable {name} is not set; {hint}"))
        return value or ""

    def _escape_or_fault(self, text: str, path: YamlPath) -> str:
        if text == "${":
            message = "a reference is written ${NAME} or ${NAME:-default}, and a literal ${ as $${"
            self.findings.append(Finding(path, message))
        return "${"
