"""Settings on their way to a worker, and what of them is its share."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace

import pytest

from tentaculo.config.settings import Limits, LogSettings, TokenStoreSettings
from tentaculo.workers.handing import in_memory, pack, read_memory, share_of, unpack
from tests.workers.parts import worker_settings


def test_settings_arrive_whole() -> None:
    """They are the same with all secrets, for each who is handed a copy of the descriptor."""
    settings = worker_settings()
    with in_memory(pack(settings)) as descriptor:
        copies = [os.dup(descriptor) for _ in range(2)]
        assert [unpack(copy) for copy in copies] == [settings, settings]
    for closed in (descriptor, *copies):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(closed)
    url = settings.token_store.url
    assert url is not None
    assert url.reveal().encode() in pack(settings)


def test_secrets_are_still_not_serialised_elsewhere() -> None:
    """Only what goes to a worker has them."""
    with pytest.raises(TypeError):
        pickle.dumps(worker_settings())


def test_memory() -> None:
    """What was put there is read, and the descriptor closed."""
    with in_memory(b"some data") as descriptor:
        assert read_memory(os.dup(descriptor)) == b"some data"


def test_share() -> None:
    """The limits of the gateway are divided, rounded up; what only a restart changes is as at the start."""
    first = worker_settings(log=LogSettings(level="warning"))
    edited = replace(
        first,
        limits=Limits(connections=10, streams=9),
        log=LogSettings(level="debug", sanitize=("more",)),
        token_store=TokenStoreSettings(),
        admin_digest=b"of the operator",
    )
    share = share_of(edited, first, workers=4, admin_digest=b"of the supervisor")
    assert (share.limits.connections, share.limits.streams) == (3, 3)
    assert share.limits.keep_alive == edited.limits.keep_alive
    assert share.log == LogSettings(level="warning", sanitize=("more",))
    assert share.token_store == first.token_store
    assert share.admin_digest == b"of the supervisor"
