"""The files that a configuration was read from or names: a change of any of them may change its meaning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tentaculo.config.draft import Draft


def named_files(draft: Draft, source: Path) -> tuple[Path, ...]:
    """Return absolute paths, `source` first and each once; symbolic links stay as they are.

    The log's file is none of them: the gateway writes it.
    """
    paths = [source, *(draft.directory / name for name in _names(draft))]
    return tuple(dict.fromkeys(path.absolute() for path in paths))


def _names(draft: Draft) -> Iterator[Path]:
    for certificate in draft.file.listen.tls if draft.file.listen else ():
        yield from filter(None, (certificate.certificate, certificate.key))
    for principal in draft.file.principals:
        yield from principal.token_file or ()
    for upstream in (draft.file.upstreams or {}).values():
        if upstream.tls is not None and upstream.tls.ca is not None:
            yield upstream.tls.ca
