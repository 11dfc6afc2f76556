"""The host names that a certificate is for, read from its DER form (RFC 5280).

Pure.  Nothing is verified: what is read here was given by the operator, and OpenSSL has taken it.
"""

from __future__ import annotations

from collections.abc import Iterator

SUBJECT_ALT_NAME = bytes.fromhex("551d11")  # 2.5.29.17
SEQUENCE = 0x30
OBJECT_IDENTIFIER = 0x06
OCTET_STRING = 0x04
EXTENSIONS = 0xA3
DNS_NAME = 0x82
LONG_LENGTH = 0x80


def dns_names(certificate: bytes) -> tuple[str, ...]:
    """Return the DNS names among the subject's alternative names, in lower case, in their order.

    Names of other kinds, and the subject's own, are not looked at by today's clients either.
    Raises ValueError for what is no certificate.
    """
    names: list[str] = []
    for extension in _extensions(certificate):
        parts = list(_elements(extension))
        if parts and parts[0] == (OBJECT_IDENTIFIER, SUBJECT_ALT_NAME) and parts[-1][0] == OCTET_STRING:
            values = _only(parts[-1][1], SEQUENCE)
            names += [value.decode("ascii").lower() for tag, value in _elements(values) if tag == DNS_NAME]
    return tuple(names)


def _extensions(certificate: bytes) -> Iterator[bytes]:
    signed = _only(_only(certificate, SEQUENCE), SEQUENCE)
    for tag, value in _elements(signed):
        if tag == EXTENSIONS:
            yield from (extension for _, extension in _elements(_only(value, SEQUENCE)))


def _only(data: bytes, tag: int) -> bytes:
    """Return the contents of the first element, which must have this tag."""
    for found, value in _elements(data):
        if found == tag:
            return value
        break
    raise ValueError("this is no certificate")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split DER into tags and contents (X.690 section 8.1); tags above 30 do not come here."""
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            raise ValueError("a length is missing")
        tag, size = data[at], data[at + 1]
        at += 2
        if size >= LONG_LENGTH:
            count = size - LONG_LENGTH
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[at : at + size]
        at += size
