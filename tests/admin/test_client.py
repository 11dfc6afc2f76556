"""The operators' side of HTTP, against a real gateway and against what is none."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tentaculo.admin.client import Base, CallFailed, WrongUse, call, read_base, revoke
from tests.admin.stacks import ADMIN_TOKEN, answering, running, said
from tests.fakes.client import request
from tests.fakes.ports import free_port
from tests.functional.certificates import Authority
from tests.functional.running import GOOD


@pytest.mark.parametrize(
    ("url", "base", "authority"),
    [
        ("http://127.0.0.1:9100", Base("http", "127.0.0.1", 9100), "127.0.0.1:9100"),
        ("http://gateway.test/", Base("http", "gateway.test", 80), "gateway.test"),
        ("https://Gateway.test", Base("https", "gateway.test", 443), "gateway.test"),
        ("https://[::1]:8443", Base("https", "[::1]", 8443), "[::1]:8443"),
    ],
)
def test_a_base_is_read(url: str, base: Base, authority: str) -> None:
    """Scheme, host and port, with the scheme's own port where none is named."""
    assert read_base(url) == base
    assert base.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:9100", "ftp://h", "http://", "http://user:secret@h", "http://h/path", "http://h?x"),
        *("http://h#x", "http://h:0", "http://h:99999", "http://[::1", "http://h\n", "http://ñ"),
    ],
)
def test_anything_else_is_wrong_use(url: str) -> None:
    """A URL that leads elsewhere, or holds a password, is not used in part."""
    with pytest.raises(WrongUse):
        read_base(url)


async def test_revoking_ends_streams_and_blocks() -> None:
    """The principal's stream ends, its own token is refused meanwhile, and the sentence says both."""
    async with running() as stack:
        client = await stack.gateway.client()
        await client.send(request("GET", "/sse/query", GOOD))
        assert (await client.head()).status == 200
        base = read_base(stack.admin_url)
        done = await said(lambda: revoke(base, ADMIN_TOKEN, "operator-ui", block="1h"))
        assert b"revoked" in await client.until(b"0\r\n\r\n")
        assert (await stack.gateway.call("/sse/query")).status == 403
    assert done == (
        "Revoked operator-ui: its streams and ephemeral tokens end on every instance; "
        "its own token is refused for 1h."
    )


async def test_without_a_block_the_token_still_works() -> None:
    """The sentence says so, since its clients come back at once."""
    async with running() as stack:
        done = await said(lambda: revoke(read_base(stack.admin_url), ADMIN_TOKEN, "operator-ui"))
        reply = await stack.gateway.call("/tokens/query", method="POST")
    assert str(done).endswith("its own token still works.")
    assert reply.status == 200


@pytest.mark.parametrize(
    ("principal", "token", "block", "sentence"),
    [
        (
            "operator-ui",
            "Another-admin-token",
            None,
            "CallFailed: The admin API at {url} refuses the admin token.",
        ),
        ("nobody", ADMIN_TOKEN, None, "CallFailed: The gateway at {url} knows no principal nobody."),
        ("a/b?c d", ADMIN_TOKEN, None, "CallFailed: The gateway at {url} knows no principal a/b?c d."),
        (
            "operator-ui",
            ADMIN_TOKEN,
            "9000h",
            "WrongUse: The admin API does not take --block 9000h: it is 720h at most.",
        ),
    ],
    ids=["token", "principal", "odd-name", "block"],
)
async def test_refusals_are_told_apart(principal: str, token: str, block: str | None, sentence: str) -> None:
    """Each one is a sentence of its own, and none holds a token."""
    async with running() as stack:
        url = stack.admin_url
        assert await said(lambda: revoke(read_base(url), token, principal, block=block)) == sentence.format(
            url=url
        )


async def test_without_an_admin_token_there_is_no_api() -> None:
    """A gateway that has none says 404 to everyone, which is no unknown principal."""
    async with running(admin_token="") as stack:
        url = stack.admin_url
        found = await said(lambda: revoke(read_base(url), ADMIN_TOKEN, "operator-ui"))
    assert str(found).startswith(f"CallFailed: There is no admin API at {url}: ")


async def test_the_main_listener_is_no_admin_api() -> None:
    """Neither is the listener for clients."""
    async with running() as stack:
        url = stack.url
        found = await said(lambda: revoke(read_base(url), ADMIN_TOKEN, "operator-ui"))
    assert str(found).startswith(f"CallFailed: There is no admin API at {url}: ")


async def test_a_store_that_is_away_is_no_success(tmp_path: Path) -> None:
    """Nobody knows whether the revocation was kept, and that is what it says."""
    async with running(store=f"unix://{tmp_path}/redis.sock") as stack:
        found = await said(lambda: revoke(read_base(stack.admin_url), ADMIN_TOKEN, "operator-ui"))
    assert str(found).startswith("CallFailed: The token store does not answer, ")


def test_nobody_there_is_one_sentence() -> None:
    """It names the address and the reason."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CallFailed) as caught:
        revoke(read_base(url), ADMIN_TOKEN, "operator-ui")
    assert str(caught.value) == f"{url} can't be reached: Connection refused."


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin token goes to the gateway and to nobody between."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(CallFailed, match="can't be reached"):
            revoke(read_base(f"http://127.0.0.1:{free_port()}"), ADMIN_TOKEN, "operator-ui")


def _reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nLocation: /x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer in HTTP."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "answers 200; is it the admin listener?"),
        (
            _reply(200, b'{"principal":"another"}'),
            "answers 200; is it the admin listener?",
        ),
        (_reply(302, b""), "answers 302; is it the admin listener?"),
        (_reply(401, b""), "answers 401; is it the admin listener?"),
        (
            _reply(500, rb'{"code":"\u001b[2J","title":"\u001b[2J oh"}'),
            "answers 500; is it the admin listener?",
        ),
        (
            _reply(503, b'{"code":"draining","title":"It is going"}'),
            "answers 503 draining: It is going; is it the admin listener?",
        ),
    ],
    ids=["ssh", "cut", "another", "redirect", "other-401", "escapes", "problem"],
)
async def test_other_answers_are_described(reply: bytes, sentence: str) -> None:
    """What is no admin API of a gateway is described by what it said, without its control characters."""
    async with answering(reply) as (port, _):
        url = f"http://127.0.0.1:{port}"
        found = await said(lambda: revoke(read_base(url), ADMIN_TOKEN, "operator-ui"))
    assert found == f"CallFailed: {url} {sentence}"


async def test_the_name_is_escaped_and_the_token_a_bearer() -> None:
    """A name can't change the path that is asked for, and the token's bytes are UTF-8."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, received):
        base = read_base(f"http://127.0.0.1:{port}")
        await said(lambda: revoke(base, "tökén-of-admin", "a/../b?c", block="1h"))
    lines = received.decode().split("\r\n")
    assert lines[0] == "DELETE /principals/a%2F..%2Fb%3Fc/tokens?block=1h HTTP/1.1"
    assert {"Authorization: Bearer tökén-of-admin", f"Host: 127.0.0.1:{port}"} <= set(lines)


async def test_certificates_are_verified(tmp_path: Path) -> None:
    """A server that nobody vouches for gets no token."""
    context = Authority(tmp_path, "unknown").server_context("DNS:localhost")
    async with answering(b"", context) as (port, received):
        base = Base("https", "localhost", port)
        found = await said(lambda: revoke(base, ADMIN_TOKEN, "operator-ui"))
    assert str(found).startswith(f"CallFailed: {base} can't be reached: its certificate is not trusted (")
    assert not received


async def test_a_certificate_of_a_known_authority_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's authorities are those of OpenSSL, and its environment."""
    authority = Authority(tmp_path, "known")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    context = authority.server_context("DNS:localhost")
    async with answering(b"HTTP/1.1 204 No\r\n\r\n", context) as (port, _):
        assert (await asyncio.to_thread(call, Base("https", "localhost", port), "GET", "/")).status == 204


async def test_a_plain_server_under_https_is_one_sentence() -> None:
    """It says that TLS is what fails."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, _):
        async with asyncio.timeout(5):
            found = await said(lambda: call(Base("https", "127.0.0.1", port), "GET", "/"))
    assert str(found).startswith(f"CallFailed: https://127.0.0.1:{port} can't be reached: ")
