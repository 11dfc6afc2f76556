"""Contexts for TLS: made once for what is the same."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tentaculo.config.upstream_settings import TlsSettings
from tentaculo.upstream.tls import TlsContexts, authority_digest
from tests.upstream.certificates import make_certificates


def test_same_settings_have_one_context() -> None:
    """Made once; the name that is asked for makes no difference to anyone else."""
    contexts = TlsContexts()
    plain = contexts.of(TlsSettings())
    assert contexts.of(TlsSettings()) is plain
    assert contexts.of(TlsSettings(verify=False)) is not plain
    assert TlsContexts().of(TlsSettings()) is not plain


def test_verification() -> None:
    """It is on unless it was switched off in so many words."""
    contexts = TlsContexts()
    strict, lax = contexts.of(TlsSettings()), contexts.of(TlsSettings(verify=False))
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    assert strict.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_renewed_authority_makes_another(tmp_path: Path) -> None:
    """The same file name with another authority in it is another context."""
    ca, contexts, made = tmp_path / "current.pem", TlsContexts(), []
    for name in ("one", "one", "two"):
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            make_certificates(folder)
        ca.write_bytes((folder / "ca.pem").read_bytes())
        made.append(contexts.of(TlsSettings(ca=ca)))
    assert made[0] is made[1]
    assert made[2] is not made[0]
    assert len(made[2].get_ca_certs()) == 1


def test_missing_authority(tmp_path: Path) -> None:
    """A file that is not there is an error, now and not at the first connection."""
    settings = TlsSettings(ca=tmp_path / "missing.pem")
    with pytest.raises(FileNotFoundError):
        TlsContexts().of(settings)
    with pytest.raises(FileNotFoundError):
        authority_digest(settings)


def test_no_authority_has_no_digest() -> None:
    """The system's own authorities are not looked at."""
    assert authority_digest(TlsSettings()) == b""
