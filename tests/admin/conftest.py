"""The admin API behind a listener of its own, with a token store that may be away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.access.faulty_store import FaultyStore
from tests.admin.consoles import Consoles, consoles_of
from tests.admin.served import TOKEN, Call, Reloads, Start, serve
from tests.fakes.clock import Clock


@pytest.fixture
def store() -> FaultyStore:
    """A store that a test may take away."""
    return FaultyStore(Clock())


@pytest.fixture
def reloads() -> Reloads:
    """What reloads come to."""
    return Reloads()


@pytest.fixture
async def start(store: FaultyStore, reloads: Reloads) -> AsyncIterator[Start]:
    """Start admin listeners, with a token or without, and return how to call them."""
    async with AsyncExitStack() as stack:

        async def listen(token: str | None) -> Call:
            return await stack.enter_async_context(serve(token, store, reloads))

        yield listen


@pytest.fixture
async def call(start: Start) -> Call:
    """Call the API of a gateway with an admin token."""
    return await start(TOKEN)


@pytest.fixture
async def consoles() -> AsyncIterator[Consoles]:
    """The console of a relay."""
    async with consoles_of() as consoles:
        yield consoles
