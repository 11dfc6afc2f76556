"""The text that greets the user; its commands are run by the test of the whole stack."""

from __future__ import annotations

import subprocess

import pytest

from examples.vx11.welcome import base_url, welcome


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:8000", id="loopback"),
        pytest.param("0.0.0.0", "http://127.0.0.1:8000", id="every-address"),
        pytest.param("::", "http://[::1]:8000", id="every-address-v6"),
        pytest.param("fd00::1", "http://[fd00::1]:8000", id="v6"),
        pytest.param("gateway.test", "http://gateway.test:8000", id="name"),
    ],
)
def test_the_url_reaches_the_listener_from_here(host: str, url: str) -> None:
    """An address that stands for all of them is shown as the loopback one."""
    assert base_url(host, 8000) == url


def test_a_made_token_is_shown() -> None:
    """The only way to learn a token that was made is to read it here."""
    text = welcome("http://h:1", "made-token", made=True)
    assert "made for this run: made-token\n" in text
    assert text.count('"X-VX11-Token: made-token"') == 3


def test_the_panel_is_named_where_it_is_built() -> None:
    """Its URL is in the text, unless there is none."""
    assert "http://h:1/panel/\n" in welcome("http://h:1", "t", made=True, panel="http://h:1/panel/")
    assert "browser" not in welcome("http://h:1", "t", made=True)


def test_a_given_token_is_left_to_the_shell() -> None:
    """A token of the user's own is named and not shown."""
    text = welcome("http://h:1", "$VX11_TOKEN", made=False)
    assert "made for this run" not in text
    assert text.count('"X-VX11-Token: $VX11_TOKEN"') == 3


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        pytest.param('{"sse_token": "a-b", "ttl_sec": 60}', "a-b", id="spaced"),
        pytest.param('{"ttl_sec":60,"sse_token":"a-b"}', "a-b", id="compact"),
        pytest.param('{"code": "unauthorized"}', "", id="problem"),
    ],
)
def test_the_token_is_found_in_the_answer(answer: str, token: str) -> None:
    """The last command's filter yields the token alone, and nothing of a problem."""
    command = welcome("http://h:1", "t", made=True).rpartition(" | ")[2].strip().removesuffix(')"')
    found = subprocess.run(["sh", "-c", command], input=answer, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == token
