"""Loads a configuration: YAML, references, shape, rules, and then `Settings` or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tentaculo.config.assembly import assemble
from tentaculo.config.digests import collect_digests
from tentaculo.config.draft import Draft
from tentaculo.config.environment import substitute
from tentaculo.config.file_marks import FileMark, first_marks, mark_of
from tentaculo.config.named_files import named_files
from tentaculo.config.problems import ConfigError, Finding, Problem, show_path
from tentaculo.config.reading import read_tree
from tentaculo.config.rules import apply_rules
from tentaculo.config.settings import Settings
from tentaculo.config.shape import read_shape
from tentaculo.config.tree import Document


def load(path: Path, environ: Mapping[str, str] | None = None, *, workers: int = 1) -> Settings:
    """Return the settings of a file; `environ` is the process's own unless given.

    `workers` is how many processes are to serve it.  Raises ConfigError with all that is wrong.
    """
    before = mark_of(path.absolute())
    return _load(_read(path), before, path, environ, workers=workers)


def load_text(text: str, *, source: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a text that stands, or could stand, in the file `source`.

    Relative file names in it start in the folder of `source`.  Raises ConfigError with all that is wrong.
    """
    return _load(text, mark_of(source.absolute()), source, environ)


def _load(
    text: str, mark: FileMark, source: Path, environ: Mapping[str, str] | None, *, workers: int = 1
) -> Settings:
    """Load a text; `mark` is that of its file before it was read."""
    tree, problems = read_tree(text, str(source))
    filled = substitute(tree, os.environ if environ is None else environ)
    document, missing = filled.document, filled.findings
    file, misshapen, left_out = read_shape(document, (finding.path for finding in missing))
    draft = Draft(file, document, source.parent, left_out, workers)
    _, *named = named_files(draft, source)
    files = first_marks((mark, *filled.files, *map(mark_of, named)))  # before any of them is read
    digests = collect_digests(draft)
    findings = [*missing, *misshapen, *digests.findings, *apply_rules(draft)]
    if problems or findings:
        raise ConfigError([*problems, *_place(findings, document, str(source))], files)
    return replace(assemble(draft, digests.by_principal), files=files)


def _place(findings: Iterable[Finding], document: Document, source: str) -> Iterable[Problem]:
    for finding in findings:
        mark = document.locate(finding.path, at_key=finding.at_key)
        path = finding.path[:-1] if finding.hide_key else document.shorten(finding.path)
        yield Problem(source, mark.line, mark.column, show_path(path), finding.message)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as fault:
        reason = f"the file can't be read: {fault.strerror}"
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            before = content[: fault.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        raise ConfigError([Problem(str(path), line, column, "", "the file is not UTF-8 text")])
    raise ConfigError([Problem(str(path), 1, 1, "", reason)])
