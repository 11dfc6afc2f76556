"""TLS of the main listener: what is agreed on, and which certificate a client is shown.

Knows files and names; connections are `handshake`'s.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from tentaculo.config.certificates import certificate_fault, key_fault
from tentaculo.config.settings import TlsCertificate
from tentaculo.wire.certificate_names import dns_names

# With TLS 1.2 only what TLS 1.3 has too: a fresh key for each connection, and authenticated encryption.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
PROTOCOL = "http/1.1"
_PEM = re.compile(f"{ssl.PEM_HEADER}.+?{ssl.PEM_FOOTER}", re.DOTALL)


class CertificateFault(Exception):
    """A certificate can't be served; the text names its file and says why."""


class ServerTls:
    """What TLS clients are shown; the first certificate is for names that none is for, and for no name.

    It never changes: a listener that is given another one shows that from the next handshake on, and
    handshakes that have begun end with what they began with.  Raises CertificateFault.
    """

    def __init__(self, certificates: tuple[TlsCertificate, ...]) -> None:
        contexts = [_context(certificate) for certificate in certificates]
        self.context = contexts[0]
        self._by_name: dict[str, ssl.SSLContext] = {}
        for certificate, context in zip(certificates, contexts, strict=True):
            for name in _names(certificate.certificate):
                self._by_name.setdefault(name, context)
        if len(contexts) > 1:
            self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Switch to the certificate for a name; a wildcard is for exactly one label (RFC 6125)."""
        if name is not None:
            asked = name.lower()
            _, _, parent = asked.partition(".")
            connection.context = self._by_name.get(asked) or self._by_name.get(f"*.{parent}") or context


def _context(certificate: TlsCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([PROTOCOL])
    try:
        # Without a passphrase OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate.certificate, certificate.key, password=lambda: "")
    except OSError:
        raise CertificateFault(_fault(certificate)) from None
    return context


def _fault(certificate: TlsCertificate) -> str:
    if fault := certificate_fault(certificate.certificate):
        return f"{certificate.certificate}: {_without_subject(fault)}"
    fault = key_fault(certificate.certificate, certificate.key)
    return f"{certificate.key}: {_without_subject(fault or 'changed while it was read')}"


def _without_subject(fault: str) -> str:
    return fault.removeprefix("names ")


def _names(path: Path) -> tuple[str, ...]:
    """Return the names of the first certificate in a file, which is the server's own."""
    try:
        found = _PEM.search(path.read_text("ascii", "replace"))
        return dns_names(ssl.PEM_cert_to_DER_cert(found[0])) if found else ()
    except (OSError, ValueError):
        raise CertificateFault(f"{path}: its names can't be read") from None


def ignore_undecodable_names() -> Callable[[], None]:
    """Have nothing printed when a client sends a server name that is not ASCII; the handshake fails anyway.

    Python calls it an error that nobody can catch, and anyone could fill the log with it.  Return
    what takes this back.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not (unraisable.exc_type is UnicodeDecodeError and isinstance(unraisable.object, bytes)):
            before(unraisable)

    def restore() -> None:
        sys.unraisablehook = before

    sys.unraisablehook = hook
    return restore
