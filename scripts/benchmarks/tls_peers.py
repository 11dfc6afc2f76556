"""Peers with TLS on their listener: the configurations of `calls`, in which only the listener is another.

All use the same certificate, which is made for the run.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.call_peers import make_caddy, make_haproxy
from scripts.benchmarks.http_peers import GATEWAY_CONFIG, make_gateway
from scripts.benchmarks.peers import PEERS, Peer, Place
from scripts.benchmarks.rounds import BenchFailed
from scripts.benchmarks.tools import Say, find_debian

ENVOY_TLS = """transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: {filename: @CERTIFICATE@}
                    private_key: {filename: @KEY@}
          """


@dataclass(frozen=True, slots=True)
class Certificate:
    """The PEM files of a certificate and of its key, and of both in one."""

    certificate: Path
    key: Path
    both: Path


def make_certificate(folder: Path, say: Say) -> Certificate:
    """Make a certificate for 127.0.0.1 with an ECDSA key on P-256; raise ToolMissing."""
    openssl = find_debian("openssl", say)
    made = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "both.pem")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    done = subprocess.run([*command, *names, *files], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise BenchFailed(f"openssl made no certificate: {done.stderr.strip()[-500:]}.")
    made.both.write_text(made.certificate.read_text() + made.key.read_text())
    return made


@dataclass(frozen=True, slots=True)
class Listener:
    """What a peer's `file` has for its listener without TLS, and what with it."""

    make: Callable[[Place], Peer]
    file: str
    plain: str
    secured: str


LISTENERS: Mapping[str, Listener] = {
    "tentaculo": Listener(
        make_gateway,
        f"{GATEWAY_CONFIG}/tentaculo.yaml",
        "listen: 127.0.0.1:@PORT@\n",
        "listen: {address: 127.0.0.1:@PORT@, tls: [{certificate: @CERTIFICATE@, key: @KEY@}]}\n",
    ),
    "nginx": Listener(
        PEERS["nginx"],
        "nginx.conf",
        "listen 127.0.0.1:@PORT@ backlog=4096;",
        "listen 127.0.0.1:@PORT@ ssl backlog=4096; ssl_protocols TLSv1.2 TLSv1.3;\n"
        "        ssl_certificate @CERTIFICATE@; ssl_certificate_key @KEY@;",
    ),
    "haproxy": Listener(
        make_haproxy,
        "haproxy.cfg",
        "bind 127.0.0.1:@PORT@ backlog 4096",
        "bind 127.0.0.1:@PORT@ backlog 4096 ssl crt @BOTH@",
    ),
    "caddy": Listener(
        make_caddy,
        "Caddyfile",
        "http://:@PORT@ {",
        "https://:@PORT@ {\n\ttls @CERTIFICATE@ @KEY@",
    ),
    "envoy": Listener(
        PEERS["envoy"],
        "envoy.yaml",
        "- filters:\n",
        "- " + ENVOY_TLS + "filters:\n",
    ),
}


def make_secured(name: str, place: Place, certificate: Certificate) -> Peer:
    """Return the peer with TLS; its configuration is in the place's folder."""
    listener = LISTENERS[name]
    peer = listener.make(place)
    path = place.folder / listener.file
    text = path.read_text()
    plain, secured = (_filled(part, peer, certificate) for part in (listener.plain, listener.secured))
    if text.count(plain) != 1:
        raise BenchFailed(f"{path.name} has not the one listener that TLS is for.")
    path.write_text(text.replace(plain, secured))
    return peer


def _filled(text: str, peer: Peer, made: Certificate) -> str:
    values = {"PORT": str(peer.port), "CERTIFICATE": str(made.certificate), "KEY": str(made.key)}
    for key, value in (values | {"BOTH": str(made.both)}).items():
        text = text.replace(f"@{key}@", value)
    return text
