"""What every test shares: the event loop that the gateway itself runs on."""

from __future__ import annotations

import asyncio
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.fakes.quiet_port import QuietPort


class StrictLoop(uvloop.Loop):
    """A loop that closes whatever a test left open, and then fails that test."""

    def close(self) -> None:
        with warnings.catch_warnings(record=True) as left_open:
            warnings.simplefilter("always", ResourceWarning)
            super().close()
        if left_open:
            pytest.fail("\n".join(str(warning.message) for warning in left_open))


def pytest_configure(config: pytest.Config) -> None:
    """Have processes that tests start heed Ctrl-C, which a shell's background jobs are told to ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test on uvloop."""
    return {"uvloop": StrictLoop}


@pytest.fixture
def quiet_port() -> Iterator[int]:
    """A port that refuses connections until the test listens there."""
    quiet = QuietPort()
    yield quiet.port
    quiet.close()
