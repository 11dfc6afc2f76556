"""What connections over TLS are made with, kept for as long as it is the same: making it takes long."""

from __future__ import annotations

import hashlib
import ssl

from tentaculo.config.upstream_settings import TlsSettings


class TlsContexts:
    """The contexts that were made; share one of these by all upstreams, and past a reload."""

    def __init__(self) -> None:
        self._made: dict[tuple[TlsSettings, bytes], ssl.SSLContext] = {}

    def of(self, settings: TlsSettings) -> ssl.SSLContext:
        """Return the context for settings, a new one where the authority's file changed.  Raises OSError."""
        key = (settings, authority_digest(settings))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _make(settings)
        return made


def authority_digest(settings: TlsSettings) -> bytes:
    """Return a digest of the authority's file, nothing where there is none.  Raises OSError."""
    return hashlib.sha256(settings.ca.read_bytes()).digest() if settings.ca is not None else b""


def _make(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # the default is the system's, and may be any
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
