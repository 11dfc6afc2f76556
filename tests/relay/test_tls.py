"""Certificates: who is shown which, and what is said of bad ones."""

from __future__ import annotations

import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from tentaculo.config.settings import TlsCertificate
from tentaculo.relay.tls import CertificateFault, ServerTls, ignore_undecodable_names
from tentaculo.wire.certificate_names import dns_names
from tests.functional.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who issues the certificates."""
    return Authority(tmp_path_factory.mktemp("tls"), "authority")


def trusting() -> ssl.SSLContext:
    """Make a client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Greeting:
    """A client and a server in one process, shaking hands step by step."""

    def __init__(self, server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> None:
        self.up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(down, self.up, server_hostname=name)
        self.server = server.wrap_bio(self.up, down, server_side=True)

    def finish(self) -> Greeting:
        """Go on to the end."""
        for side in (self.client, self.server) * 3:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
        return self

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the certificate that the client was shown."""
        certificate = self.client.getpeercert(binary_form=True)
        assert certificate is not None
        return dns_names(certificate)


def shown(tls: ServerTls, name: str | None) -> tuple[str, ...]:
    """Ask for a name; the names of the certificate that comes."""
    return Greeting(tls.context, trusting(), name).finish().shown


FIRST, EXACT, WILD = ("first.test",), ("a.wild.test", "other.test"), ("*.wild.test",)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("first.test", FIRST),
        ("other.test", EXACT),
        ("OTHER.Test", EXACT),
        ("a.wild.test", EXACT),
        ("b.wild.test", WILD),
        ("B.WILD.test", WILD),
        ("a.b.wild.test", FIRST),
        ("wild.test", FIRST),
        ("unknown.test", FIRST),
        ("localhost", FIRST),
        (None, FIRST),
    ],
)
def test_certificate_for_a_name(asked: str | None, names: tuple[str, ...], authority: Authority) -> None:
    """The exact name comes first, then a wildcard for one label, then the first certificate."""
    files = [authority.issue(*(f"DNS:{name}" for name in wanted)) for wanted in (FIRST, WILD, EXACT)]
    assert shown(ServerTls(tuple(files)), asked) == names


def test_first_certificate_of_two_for_a_name(authority: Authority) -> None:
    """The file's order decides."""
    both = (authority.issue("DNS:x.test", "DNS:one.test"), authority.issue("DNS:x.test", "DNS:two.test"))
    assert shown(ServerTls(both), "x.test") == ("x.test", "one.test")
    assert shown(ServerTls(both[::-1]), "x.test") == ("x.test", "two.test")


@pytest.mark.parametrize("name", ["first.test", "other.test"])
@pytest.mark.parametrize(
    ("version", "alpn"),
    [(ssl.TLSVersion.TLSv1_2, ["h2", "http/1.1"]), (ssl.TLSVersion.TLSv1_3, ["http/1.1"])],
)
def test_what_is_agreed_on(version: ssl.TLSVersion, alpn: list[str], name: str, authority: Authority) -> None:
    """Keys are fresh, encryption is authenticated, and the protocol is HTTP/1.1, for every certificate."""
    tls = ServerTls((authority.issue("DNS:first.test"), authority.issue("DNS:other.test")))
    client = trusting()
    client.minimum_version = client.maximum_version = version
    client.set_alpn_protocols(alpn)
    agreed = Greeting(tls.context, client, name).finish().client
    assert agreed.selected_alpn_protocol() == "http/1.1"
    assert agreed.compression() is None
    cipher, _, bits = agreed.cipher() or ("", "", 0)
    assert "GCM" in cipher or "CHACHA20" in cipher
    assert bits >= 128


@pytest.mark.parametrize(
    "ciphers", ["ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA"]
)
def test_old_ciphers_are_refused(ciphers: str, authority: Authority) -> None:
    """A client that knows no better gets no connection."""
    client = trusting()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        Greeting(ServerTls((authority.issue("DNS:first.test"),)).context, client, None).finish()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_versions_are_refused(authority: Authority) -> None:
    """TLS 1.1 is too old."""
    client = trusting()
    client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        Greeting(ServerTls((authority.issue("DNS:first.test"),)).context, client, None).finish()


def test_replaced_files(authority: Authority, tmp_path: Path) -> None:
    """Files are read once: what is shown stays, and what is made anew differs."""
    old, new = authority.issue("DNS:old.test"), authority.issue("DNS:new.test")
    files = TlsCertificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    made = []
    for source in (old, new):
        files.certificate.write_bytes(source.certificate.read_bytes())
        files.key.write_bytes(source.key.read_bytes())
        made.append(ServerTls((files,)))
    assert [shown(tls, None) for tls in made] == [("old.test",), ("new.test",)]


def test_chain_and_text_around_a_certificate(authority: Authority, tmp_path: Path) -> None:
    """The first certificate of a file is the server's; its authorities and remarks may follow."""
    made = authority.issue("DNS:chained.test")
    chain = tmp_path / "chain.pem"
    chain.write_text(
        f"Übersicht\n{made.certificate.read_text()}\nissuer:\n{authority.certificate.read_text()}", "utf-8"
    )
    tls = ServerTls((authority.issue("DNS:first.test"), TlsCertificate(chain, made.key)))
    assert shown(tls, "chained.test") == ("chained.test",)


BAD = {
    "no-certificate": "cert.pem: a file that can't be read: No such file or directory",
    "no-key": "key.pem: a file that can't be read: No such file or directory",
    "text": "cert.pem: a file that holds no certificate in PEM form",
    "text-key": "key.pem: a file that holds no private key in PEM form",
    "other-key": "key.pem: a file whose key does not fit the certificate",
    "passphrase": "key.pem: a file with a passphrase, which can't be given",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_file(kind: str, authority: Authority, tmp_path: Path) -> None:
    """It is said which file is bad, and why."""
    good = authority.issue("DNS:good.test")
    files = TlsCertificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    if kind != "no-certificate":
        files.certificate.write_text("hello" if kind == "text" else good.certificate.read_text())
    if kind == "passphrase":
        encrypt = ["openssl", "ec", "-aes256", "-passout", "pass:s3cret", "-in", str(good.key)]
        subprocess.run([*encrypt, "-out", str(files.key)], check=True, capture_output=True)
    elif kind != "no-key":
        other = authority.issue("DNS:other.test") if kind == "other-key" else good
        files.key.write_text("hello" if kind == "text-key" else other.key.read_text())
    with pytest.raises(CertificateFault) as fault:
        ServerTls((good, files))
    assert str(fault.value) == f"{tmp_path}/{BAD[kind]}"


def test_names_that_are_no_text(authority: Authority, tmp_path: Path) -> None:
    """A certificate whose names nobody can ask for is bad."""
    made = authority.issue("DNS:gr\u00fcn.test")
    with pytest.raises(CertificateFault, match=r"\.pem: its names can't be read$"):
        ServerTls((made,))


# Names that are no text.


def greet_with_bytes(authority: Authority) -> None:
    """Ask for a name that is not ASCII, as no library would."""
    tls = ServerTls((authority.issue("DNS:first.test"), authority.issue("DNS:other.test")))
    greeting = Greeting(tls.context, trusting(), "other.test")
    with suppress(ssl.SSLWantReadError):
        greeting.client.do_handshake()
    greeting.up.write(greeting.up.read().replace(b"other.test", b"\xff\xfeher.test"))
    with pytest.raises(ssl.SSLError):
        greeting.server.do_handshake()


def test_name_that_is_not_ascii(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake fails, and nothing is printed; other errors that nobody can catch still are."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    greet_with_bytes(authority)
    assert len(told) == 1
    restore = ignore_undecodable_names()
    greet_with_bytes(authority)
    assert len(told) == 1
    other = SimpleNamespace(exc_type=UnicodeDecodeError, object=None)
    sys.unraisablehook(other)
    assert told[1:] == [other]
    restore()
    greet_with_bytes(authority)
    assert len(told) == 3
