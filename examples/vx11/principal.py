"""The one long-lived secret of the example, the principal token: where it is read and how it is checked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class PrincipalToken:
    """Checks what was presented against the digest of the principal token, which is not kept."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    def is_proved_by(self, presented: str) -> bool:
        """Whether this is the token, compared in constant time."""
        return hmac.compare_digest(self._digest, _digest(presented))


@dataclass(frozen=True, slots=True)
class KnownToken:
    """The principal token, and what stands for it in a shell command inside double quotes."""

    token: str = field(repr=False)
    in_shell: str = field(repr=False)


def read_principal_token(environ: Mapping[str, str]) -> KnownToken | None:
    """Return `VX11_TOKEN`, else what the file `VX11_TOKEN_FILE` holds, else None; reading raises OSError."""
    if token := environ.get("VX11_TOKEN"):
        return KnownToken(token, "$VX11_TOKEN")
    if not (name := environ.get("VX11_TOKEN_FILE")):
        return None
    path = Path(name).resolve()
    token = path.read_text(encoding="utf-8").strip()
    # An empty token would be proved by an empty header.
    return KnownToken(token, f"$(cat {shlex.quote(str(path))})") if token else None


def make_principal_token() -> KnownToken:
    """Return a token that nobody else knows yet."""
    token = secrets.token_urlsafe(24)
    return KnownToken(token, token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
