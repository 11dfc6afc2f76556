"""The files of the listener's certificates can be used, and the log has a place to be written to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tentaculo.config.certificates import certificate_fault, key_fault
from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding


def file_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with the files that the configuration names, those of upstreams apart."""
    yield from _certificates(draft)
    if draft.file.log is not None and draft.file.log.file is not None:
        fault = _log_fault(draft.directory / draft.file.log.file)
        if fault is not None:
            yield Finding(("log", "file"), fault)


def _certificates(draft: Draft) -> Iterator[Finding]:
    for index, section in enumerate(draft.file.listen.tls if draft.file.listen else ()):
        path = ("listen", "tls", index)
        if section.certificate is None:
            continue
        certificate = draft.directory / section.certificate
        fault, key = certificate_fault(certificate), "certificate"
        if fault is None and section.key is not None:
            fault, key = key_fault(certificate, draft.directory / section.key), "key"
        if fault is not None:
            yield Finding((*path, key), fault)


def _log_fault(path: Path) -> str | None:
    if os.path.isdir(path):  # a path that can't be looked at is none, without an error
        return "names a folder, and must name a file"
    return None if os.path.isdir(path.parent) else "names a file in a folder that can't be found"
