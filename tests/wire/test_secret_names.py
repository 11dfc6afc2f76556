"""Names that carry secrets, and names that only look so."""

from __future__ import annotations

import pytest

from tentaculo.wire.secret_names import SecretNames

NAMES = SecretNames(["ticket", "own_name", " Half-Width ", "", "a.b*"])
SECRET = (
    *("token", "TOKEN", "X-VX11-Token", "sseToken", "access_token", "token[]", "token[0][a]", "auth[token]"),
    *(
        "auth.token",
        "token.0",
        "password",
        "db_passwd",
        "clientSecret",
        "apikey",
        "API-Key",
        "x_api_key",
        "jwt",
    ),
    *("PHPSESSION", "x-signature", "Authorization", "Proxy-Authorization", "cookie", "Set-Cookie"),
    *(
        "key",
        "sig",
        "code",
        "auth",
        "sid",
        "a[code]",
        "a.code",
        "%74oken",
        " token ",
        "+token+",
        "to\u200bken",
    ),
    *("ticket", "my_ticket", "Ticket[]", "own-name", "half_width", "A.B*"),
)
HARMLESS = (
    *(
        "",
        "tokens",
        "token_ttl",
        "tokenize",
        "secretary",
        "sessions",
        "session_id",
        "monkey",
        "zipcode",
        "x-code",
    ),
    *("author", "design", "inside", "key_id", "sticket", "ticket_id", "unown_name", "axbb", "token.10000000"),
)


@pytest.mark.parametrize("name", SECRET)
def test_secret_name(name: str) -> None:
    """Endings, exact names and the user's own count, in any spelling and with array suffixes."""
    assert NAMES.includes(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_name(name: str) -> None:
    """Names that only contain such a word, or merely end like a short one, do not count."""
    assert not NAMES.includes(name)


def test_hint_covers_occurrences() -> None:
    """Whatever an occurrence begins with is found by the quick look too."""
    for name in (*SECRET[:30], "bearer x", "basic x", "eyjabcd.efgh", "my_ticket"):
        text = f"{name.lower().strip()}=x".replace("%74", "t").replace("\u200b", "")
        assert NAMES.hint.search(text), text
        assert NAMES.start.search(text), text
