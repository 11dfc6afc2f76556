"""Names of certificates: found among the alternative ones, wherever those stand."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tentaculo.wire.certificate_names import dns_names

FAULTS = r"certificate|length|longer"


def certificate(folder: Path, *options: str) -> bytes:
    """Make a certificate with the openssl command."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "key")]
    command = ["openssl", "req", "-x509", "-subj", "/CN=subject.test", *key, *options]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return ssl.PEM_cert_to_DER_cert(made.stdout)


@pytest.mark.parametrize(
    ("alternative", "names"),
    [
        ("DNS:a.test", ("a.test",)),
        ("DNS:A.Test,DNS:*.B.test", ("a.test", "*.b.test")),
        ("IP:127.0.0.1,email:x@y.test,URI:https://z.test/,DNS:a.test", ("a.test",)),
        ("IP:127.0.0.1", ()),
        (",".join(f"DNS:host-{n}.a-rather-long-name.test" for n in range(2000)), None),
    ],
    ids=["one", "case", "kinds", "no-name", "many"],
)
def test_alternative_names(alternative: str, names: tuple[str, ...] | None, tmp_path: Path) -> None:
    """Only DNS names count, in lower case, however many there are."""
    config = tmp_path / "openssl.cnf"
    listed = "\n".join(
        f"{kind}.{n}={value}"
        for n, (kind, _, value) in enumerate(item.partition(":") for item in alternative.split(","))
    )
    config.write_text(
        f"[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n"
        f"keyUsage=critical,digitalSignature\nsubjectAltName=@names\n[names]\n{listed}\n"
    )
    found = dns_names(certificate(tmp_path, "-config", str(config)))
    assert found == (names if names is not None else tuple(item[4:] for item in alternative.split(",")))


def test_critical_extension(tmp_path: Path) -> None:
    """An extension that is marked as critical is read like any other."""
    assert dns_names(certificate(tmp_path, "-addext", "subjectAltName=critical,DNS:a.test")) == ("a.test",)


def test_certificate_without_alternative_names(tmp_path: Path) -> None:
    """The subject's own name is no host name any more."""
    assert dns_names(certificate(tmp_path)) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x05",
        b"\x30\x00",
        b"\x30\x02\x02\x00",
        b"\x30\x84\xff\xff\xff\xff\x00",
        b"GET / HTTP",
    ],
    ids=["nothing", "no-length", "cut", "empty", "other", "long", "text"],
)
def test_what_is_no_certificate(data: bytes) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError, match=FAULTS):
        dns_names(data)


def test_cut_certificate(tmp_path: Path) -> None:
    """Every cut is noticed."""
    whole = certificate(tmp_path, "-addext", "subjectAltName=DNS:a.test")
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=FAULTS):
            dns_names(whole[:size])
