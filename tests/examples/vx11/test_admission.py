"""Who may issue a token and who may open the stream; over connections that is tested with the operator."""

from __future__ import annotations

import uuid

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from examples.vx11.admission import CREDENTIAL_HEADER, Admission
from examples.vx11.principal import PrincipalToken
from examples.vx11.problems import Refused
from examples.vx11.tokens import StreamTokens
from tentaculo.access.memory_store import MemoryStore
from tests.examples.vx11.conftest import TOKEN, AwayStore
from tests.fakes.clock import Clock

PROVED = ((CREDENTIAL_HEADER, TOKEN),)


@pytest.fixture
def admission(clock: Clock) -> Admission:
    """One that knows the test's principal."""
    return Admission(PrincipalToken(TOKEN), StreamTokens(MemoryStore(clock=clock)))


async def _refusal(admission: Admission, target: str, *headers: tuple[str, str]) -> str | None:
    try:
        await admission.admit(make_mocked_request("GET", target, CIMultiDict(headers)))
    except Refused as refused:
        return refused.code
    return None


async def test_a_token_lives_as_long_as_was_said(admission: Admission, clock: Clock) -> None:
    """It lets whoever has it pass, is counted, and is neither any more afterwards."""
    token = await admission.issue(make_mocked_request("POST", "/", CIMultiDict(PROVED)), 5)
    assert await _refusal(admission, f"/?token={token}") is None
    assert await admission.count_tokens() == 1
    clock.advance(5)
    assert await _refusal(admission, f"/?token={token}") == "unauthorized"
    assert await admission.count_tokens() == 0


@pytest.mark.parametrize(
    ("target", "headers", "refusal"),
    [
        pytest.param("/", PROVED, None, id="principal"),
        pytest.param("/", (), "unauthorized", id="nothing"),
        pytest.param(f"/?token={TOKEN}", (), "unauthorized", id="principal-in-the-url"),
        pytest.param("/", (*PROVED, *PROVED), "ambiguous_credential", id="two"),
        pytest.param("/?token=x", PROVED, "ambiguous_credential", id="both-ways"),
    ],
)
async def test_who_may_open_the_stream(
    admission: Admission, target: str, headers: tuple[tuple[str, str], ...], refusal: str | None
) -> None:
    """Exactly one credential, in its own place."""
    assert await _refusal(admission, target, *headers) == refusal


async def test_a_store_that_is_away_is_no_refusal_for_good() -> None:
    """Steps that need it are 503, and counting tells that it can't."""
    admission = Admission(PrincipalToken(TOKEN), StreamTokens(AwayStore()))
    assert await _refusal(admission, f"/?token={uuid.uuid4()}") == "token_store_unavailable"
    with pytest.raises(Refused, match="token_store_unavailable"):
        await admission.issue(make_mocked_request("POST", "/", CIMultiDict(PROVED)), 5)
    assert await admission.count_tokens() is None
