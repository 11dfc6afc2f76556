"""Required keys are there, and no name or header field is given twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding, YamlPath, show_path
from tentaculo.config.section import Section


def missing_keys(draft: Draft) -> Iterator[Finding]:
    """Yield the required keys that were not given."""
    yield from _missing(draft, draft.file, ())


def repeated_names(draft: Draft, names: Iterable[tuple[YamlPath, str | None]]) -> Iterator[Finding]:
    """Yield the names that an item before had; None is an item without a name."""
    first: dict[str, YamlPath] = {}
    for path, name in names:
        if name is not None and first.setdefault(name, path) != path:
            quoted = draft.document.quote(path)
            yield Finding(path, f"the name {quoted} is taken by {show_path(first[name][:-1])}")


def repeated_fields(path: YamlPath, names: Iterable[str]) -> Iterator[Finding]:
    """Yield the header fields of the list at `path` that it held before, in whatever case."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name.lower() in seen:
            yield Finding((*path, index), "this header is in the list already")
        seen.add(name.lower())


def _missing(draft: Draft, section: Section, path: YamlPath) -> Iterator[Finding]:
    for key in section.required:
        if getattr(section, key) is None and draft.is_clear(*path, key):
            yield Finding((*path, key), "this key is required")
    for key, value in section:
        for below, place in _sections(value, (*path, key)):
            yield from _missing(draft, below, place)


def _sections(value: object, path: YamlPath) -> Iterator[tuple[Section, YamlPath]]:
    if isinstance(value, Section):
        yield value, path
    elif isinstance(value, list | dict):
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        for step, item in pairs:
            if isinstance(item, Section):
                yield item, (*path, step)
