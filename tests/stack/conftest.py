"""A stack for each module of tests, removed with all that it kept."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.stack.monitored import MonitoredStack
from tests.stack.stack import Stack


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Run the seven services, all of them healthy."""
    name = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    with Stack(f"vx11-{name}-{os.getpid()}") as stack:
        yield stack


@pytest.fixture(scope="module")
def monitored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MonitoredStack]:
    """Run them with a Prometheus that is in a hurry, all of them healthy and no alert raised."""
    name = request.module.__name__.rpartition(".test_")[2].replace("_", "-")
    with MonitoredStack(f"vx11-{name}-{os.getpid()}", tmp_path_factory.mktemp("project")) as stack:
        yield stack
