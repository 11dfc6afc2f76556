"""Certificates made for a test: an authority of its own, servers that it vouches for, and their clients."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

from tentaculo.config.settings import TlsCertificate
from tests.fakes.client import RawClient
from tests.fakes.sockets import Wire, WireProtocol

SERVER_NAME = "gateway.test"


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._openssl("req", "-x509", *_new_key(self._key), "-subj", f"/CN={name}", "-out", self.certificate)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Make a server's context, with a certificate for these names (`DNS:…`, `IP:…`)."""
        files = self.issue(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make the context of a client that believes this authority."""
        return ssl.create_default_context(cafile=self.certificate)

    def issue(self, *names: str) -> TlsCertificate:
        """Make the files of a server's certificate for these names."""
        stem = self._directory / f"server-{abs(hash(names))}"
        key, csr, certificate, extensions = (stem.with_suffix(s) for s in (".key", ".csr", ".pem", ".ext"))
        extensions.write_text(f"subjectAltName={','.join(names)}\n")
        self._openssl("req", *_new_key(key), "-subj", "/CN=server", "-out", csr)
        signer = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        self._openssl(
            "x509", "-req", "-in", csr, *signer, "-days", "2", "-extfile", extensions, "-out", certificate
        )
        return TlsCertificate(certificate, key)

    @staticmethod
    def _openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path)


async def secure_client(port: int, context: ssl.SSLContext, name: str | None = SERVER_NAME) -> RawClient:
    """Open a connection under TLS, which asks for a certificate for `name`."""
    wire, loop = Wire(), asyncio.get_running_loop()
    await loop.create_connection(
        lambda: WireProtocol(wire), "127.0.0.1", port, ssl=context, server_hostname=name or ""
    )
    return RawClient(wire)
