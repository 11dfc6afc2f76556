"""A worker process by itself; with its supervisor it is in tests/functional/test_workers*.py."""

from __future__ import annotations

from tentaculo.workers.channel import Channel, make_pair
from tentaculo.workers.worker import run


def test_supervisor_that_is_gone_already() -> None:
    """There is nothing to serve."""
    ours, theirs = make_pair()
    ours.close()
    channel = Channel(theirs)
    assert run(channel) == 1
    channel.close()
