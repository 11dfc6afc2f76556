"""Several worker processes keep nothing that each of them would have to know alone."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding
from tentaculo.config.settings import Secret


def worker_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what one process can do and several can't."""
    if draft.workers == 1 or not draft.is_clear("token_store", "url"):
        return
    url = None if draft.file.token_store is None else draft.file.token_store.url
    if not isinstance(url, Secret):
        said = "memory, the default," if url is None else "memory"
        yield Finding(
            ("token_store",),
            f"{said} is for one worker, and {draft.workers} were asked for: "
            "name a Redis that they share, such as redis://localhost:6379",
        )
