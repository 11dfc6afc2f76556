"""Whether the files of certificates, authorities and keys can be used; no sentence quotes what they hold."""

from __future__ import annotations

import ssl
from pathlib import Path

_UNFIT = frozenset({"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})  # the second: of another kind
_WEAK = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})


def certificate_fault(path: Path) -> str | None:
    """Say why a file can't be read as certificates, such as those of authorities; None if it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "names a file that holds no certificate in PEM form"
    except OSError as fault:
        return f"names a file that can't be read: {fault.strerror}"
    return None


def key_fault(certificate: Path, key: Path) -> str | None:
    """Say why a key, or else the good file of a certificate with it, can't serve; None if both can."""
    asked: list[str] = []

    def passphrase() -> str:  # without it OpenSSL would ask at the terminal
        asked.append("")
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as fault:
        return _reason(fault.reason or "", asked)
    except OSError as fault:
        return f"names a file that can't be read: {fault.strerror}"
    return "names a file with a passphrase, which can't be given" if asked else None


def _reason(reason: str, asked: list[str]) -> str:
    if asked:
        return "names a file with a passphrase, which can't be given"
    if reason in _UNFIT:
        return "names a file whose key does not fit the certificate"
    if reason in _WEAK:
        return "belongs to a certificate whose key or signature is too weak"
    return "names a file that holds no private key in PEM form"
