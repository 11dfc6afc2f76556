"""Settings on their way from the supervisor to a worker, in memory that only those two can open.

A worker never reads the configuration itself: what is on disk may be an edit that was rejected.
"""

from __future__ import annotations

import copyreg
import io
import math
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tentaculo.config.secret import Secret
from tentaculo.config.settings import Settings


@contextmanager
def in_memory(data: bytes) -> Iterator[int]:
    """Yield a descriptor of memory that holds the data, up to the end of the block."""
    descriptor = os.memfd_create("tentaculo")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield descriptor
    finally:
        os.close(descriptor)


def read_memory(descriptor: int) -> bytes:
    """Return what memory holds, and close the descriptor."""
    try:
        # Where it is read from is not the descriptor's place in it: others read it by copies of the same one.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def pack(settings: Settings) -> bytes:
    """Return settings as data for a worker, secrets too."""
    file = io.BytesIO()
    _Packer(file).dump(settings)
    return file.getvalue()


def unpack(descriptor: int) -> Settings:
    """Return the settings that the supervisor packed, and close the descriptor."""
    settings = pickle.loads(read_memory(descriptor))  # noqa: S301 - by whoever started this process
    assert isinstance(settings, Settings)
    return settings


def share_of(settings: Settings, first: Settings, *, workers: int, admin_digest: bytes) -> Settings:
    """Return what one of several workers works with: its share of the limits for the whole gateway.

    What only a restart changes stays as it was in the `first` settings, or later workers would differ.
    Only the supervisor, who knows the token of `admin_digest`, may use a worker's admin API.
    """
    limits = settings.limits
    return replace(
        settings,
        limits=replace(
            limits,
            connections=math.ceil(limits.connections / workers),
            streams=math.ceil(limits.streams / workers),
        ),
        admin_digest=admin_digest,
        token_store=first.token_store,
        log=replace(first.log, sanitize=settings.log.sanitize),
    )


class _Packer(pickle.Pickler):
    """Packs secrets too, which by themselves refuse to be."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.dispatch_table = copyreg.dispatch_table.copy()
        self.dispatch_table[Secret] = lambda secret: (Secret, (secret.reveal(),))
