"""Certificates and keys as files, made with the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path

ELLIPTIC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def make_pair(folder: Path, name: str, *kind: str, passphrase: str | None = None) -> None:
    """Write NAME.pem, which it signed itself, and NAME.key to a folder; `kind` is openssl's `-newkey`."""
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    locked = ["-nodes"] if passphrase is None else ["-passout", f"pass:{passphrase}"]
    command = ["openssl", "req", "-x509", "-days", "2", "-subj", f"/CN={name}", *files, *locked]
    subprocess.run([*command, "-newkey", *(kind or ELLIPTIC)], check=True, capture_output=True)
