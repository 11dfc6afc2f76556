"""Files of certificates and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tentaculo.config.certificates import certificate_fault, key_fault
from tests.config.pem import make_pair

MISSING = "names a file that can't be read: No such file or directory"
NO_CERTIFICATE = "names a file that holds no certificate in PEM form"
NO_KEY = "names a file that holds no private key in PEM form"
LOCKED = "names a file with a passphrase, which can't be given"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold certificates with their keys, good and bad."""
    made = tmp_path_factory.mktemp("certificates")
    make_pair(made, "good")
    make_pair(made, "other")
    make_pair(made, "weak", "rsa:512")
    make_pair(made, "locked", passphrase="hunter2")
    make_pair(made, "rsa", "rsa:2048")
    (made / "text").write_text("-----BEGIN hunter2")
    (made / "both").write_text((made / "good.key").read_text() + (made / "good.pem").read_text())
    return made


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("good.pem", None),
        ("both", None),
        ("good.key", NO_CERTIFICATE),
        ("text", NO_CERTIFICATE),
        ("none", MISSING),
    ],
)
def test_certificates_are_read(folder: Path, name: str, fault: str | None) -> None:
    """A file must be there and hold a certificate."""
    assert certificate_fault(folder / name) == fault


@pytest.mark.parametrize(
    ("certificate", "key", "fault"),
    [
        ("good.pem", "good.key", None),
        ("both", "both", None),
        ("good.pem", "other.key", "names a file whose key does not fit the certificate"),
        ("good.pem", "rsa.key", "names a file whose key does not fit the certificate"),
        ("good.pem", "good.pem", NO_KEY),
        ("good.pem", "text", NO_KEY),
        ("good.pem", "none", MISSING),
        ("good.pem", "", "names a file that can't be read: Is a directory"),
        ("locked.pem", "locked.key", LOCKED),
        ("weak.pem", "weak.key", "belongs to a certificate whose key or signature is too weak"),
    ],
)
def test_key_serves_its_certificate(folder: Path, certificate: str, key: str, fault: str | None) -> None:
    """A key must be there and fit, and nobody is asked for its passphrase."""
    assert key_fault(folder / certificate, folder / key) == fault


def test_key_with_an_empty_passphrase_is_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that opens without a word could not be opened by whoever does not answer."""
    make_pair(folder, "empty", passphrase="")
    assert key_fault(folder / "empty.pem", folder / "empty.key") == LOCKED
