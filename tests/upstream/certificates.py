"""An authority of the tests' own and a server certificate by it, made with the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

SERVER_NAME = "upstream.test"


@dataclass(frozen=True, slots=True)
class Certificates:
    """`authority` is the CA's certificate; the server's is for `upstream.test` and 127.0.0.1."""

    authority: Path
    server: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Make what a TLS server needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Write an authority, and a server certificate that it signed, to a folder."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    names = f"subjectAltName=DNS:{SERVER_NAME},IP:127.0.0.1"
    _request(
        folder / "ca.key", made.authority, "/CN=Test authority", "-addext", "keyUsage=keyCertSign,cRLSign"
    )
    signer = ["-CA", str(made.authority), "-CAkey", str(folder / "ca.key")]
    _request(
        made.key, made.server, "/CN=server", *signer, "-addext", names, "-addext", "basicConstraints=CA:FALSE"
    )
    return made


def _request(key: Path, certificate: Path, subject: str, *more: str) -> None:
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
    command = ["openssl", "req", "-x509", "-days", "2", "-subj", subject, "-out", str(certificate), *new_key]
    subprocess.run([*command, *more], check=True, capture_output=True)
