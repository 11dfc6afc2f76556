"""What is taken out of a text of each kind, and what stays."""

from __future__ import annotations

import json
import urllib.parse

import pytest
import yaml

from scripts.forensics.redaction import AT_ONCE, Kind, Redactor

SECRET = 'pl"anted secret/1'
OWN = "0123456789abcdef" * 3
LINES = {
    "parameter": ("GET /stream?token=abcdefgh&x=1", "GET /stream?token=***&x=1"),
    "header": ("Authorization: Bearer abcdefgh", "Authorization: ***"),
    "assignment": ("VX11_TOKEN=abcdefgh", "VX11_TOKEN=***"),
    "URL": ("at redis://:pw@redis:6379/0", "at redis://***@redis:6379/0"),
    "option": ("--requirepass abcdefgh", "--requirepass ***"),
    "known": (f"it is {SECRET}!", "it is ***!"),
    "known and escaped": (f"/x/{urllib.parse.quote(SECRET)}", "/x/***"),
    "form of the stack's own": (f"old {OWN} gone", "old *** gone"),
    "digest": (f"sha256:{OWN}{'0' * 16}", f"sha256:{OWN}{'0' * 16}"),
    "nothing": ("tentaculo_link\trunning\thealthy", "tentaculo_link\trunning\thealthy"),
}


@pytest.fixture
def redactor() -> Redactor:
    """One that knows more than it looks for at once."""
    return Redactor([SECRET, "8642086420", *(f"another-secret-{number}" for number in range(AT_ONCE + 1))])


@pytest.mark.parametrize(("line", "shown"), LINES.values(), ids=LINES)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.LOG])
def test_lines(kind: Kind, line: str, shown: str, redactor: Redactor) -> None:
    """Known values and what goes by a secret's name leave every line."""
    assert redactor.redacted(f"{line}\r\nnext\n{line}", kind) == f"{shown}\r\nnext\n{shown}"


def test_event_of_a_log(redactor: Redactor) -> None:
    """It is read by its keys: an error's code stays, what `secrets` says does not count."""
    event = {
        "event": "x",
        "code": "route_disabled",
        "api_key": "abcdefgh",
        "url": f"/?q={SECRET}",
        "secrets": 1,
    }
    shown = json.loads(redactor.redacted(json.dumps(event), Kind.LOG))
    assert shown == {"event": "x", "code": "route_disabled", "api_key": "***", "url": "/?q=***"}


def test_broken_event_of_a_log(redactor: Redactor) -> None:
    """What is no JSON is a line like others."""
    assert redactor.redacted('{"token": "abcdefgh", ', Kind.LOG) == '{"token": "***", '


def test_figures(redactor: Redactor) -> None:
    """Names say nothing there, known values still do."""
    assert redactor.redacted("abc  tests/token/x.py\n", Kind.FIGURES) == "abc  tests/token/x.py\n"
    assert redactor.redacted(f'"token": "{SECRET}"', Kind.FIGURES) == '"token": "***"'


def test_private_key(redactor: Redactor) -> None:
    """It is taken out whole, with its end or without."""
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n"
    assert redactor.redacted(f"a\n{key}-----END RSA PRIVATE KEY-----\nb\n", Kind.TEXT) == "a\n***\nb\n"
    assert redactor.redacted(f"a\n{key}", Kind.TEXT) == "a\n***"


def test_compose_file(redactor: Redactor) -> None:
    """Values of secret names go whole, whatever form they have; names of volumes stay."""
    service = {
        "environment": {"DB_PASSWORD": "correct horse " * 20, "X_TOKEN": 12345678, "PORT": 8001, "OFF": None},
        "command": ["redis-server", "--requirepass", "hunter22", "--port", "1"],
        "volumes": ["admin-secret:/run/secrets/admin:ro"],
        "labels": ["API_TOKEN=one two three", f"note={SECRET}", "plain=yes"],
        "healthcheck": {"test": "curl -H 'Authorization: Bearer abcdefgh' x"},
    }
    tree = {"services": {"a": service, SECRET: None}, "volumes": {"admin-secret": {}}}
    shown = yaml.safe_load(redactor.redacted(yaml.safe_dump(tree), Kind.YAML))
    assert shown["services"]["a"] == {
        "environment": {"DB_PASSWORD": "***", "X_TOKEN": "***", "PORT": 8001, "OFF": None},
        "command": ["redis-server", "--requirepass", "***", "--port", "1"],
        "volumes": ["admin-secret:/run/secrets/admin:ro"],
        "labels": ["API_TOKEN=***", "note=***", "plain=yes"],
        "healthcheck": {"test": "curl -H 'Authorization: ***' x"},
    }
    assert list(shown["services"]) == ["a", "***"]
    assert shown["volumes"] == {"admin-secret": {}}


def test_json(redactor: Redactor) -> None:
    """A schema of a member called `token` is no token."""
    tree = {"token": {"type": "string"}, "api_key": "abcdefgh", "list": [SECRET, 8642086420], "flag": True}
    shown = {"token": {"type": "string"}, "api_key": "***", "list": ["***", "***"], "flag": True}
    assert json.loads(redactor.redacted(json.dumps(tree), Kind.JSON)) == shown


@pytest.mark.parametrize(("kind", "text"), [(Kind.JSON, '{"a'), (Kind.YAML, "a: [hunter22")])
def test_what_is_not_of_its_kind(kind: Kind, text: str, redactor: Redactor) -> None:
    """It is refused, and not quoted."""
    with pytest.raises(ValueError, match=r"JSON|YAML|Unterminated") as fault:
        redactor.redacted(text, kind)
    assert "hunter22" not in str(fault.value)


@pytest.mark.parametrize("text", [f"a {SECRET} b", f"a {urllib.parse.quote(SECRET)} b"])
def test_what_is_left(text: str, redactor: Redactor) -> None:
    """A known secret is found, escaped or not."""
    assert redactor.holds_secret(text)
    assert not redactor.holds_secret(redactor.redacted(text, Kind.TEXT))
