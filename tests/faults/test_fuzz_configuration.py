"""Thousands of broken configurations: each has a place where it is wrong, or loads, and no secret is told."""

from __future__ import annotations

import random
from pathlib import Path

from tentaculo.config.loader import load_text
from tentaculo.config.problems import ConfigError
from tests.faults.mutations import Mutator
from tests.functional.configuration import configuration
from tests.functional.tokens import stream_route, token_configuration

PROJECT = Path(__file__).parents[2]
COUNT = 1200
RANDOM = 400
SOURCE = PROJECT / "config" / "tentaculo.yaml"
ENVIRON = {"VX11_TOKEN": "environment-Secret-of-vx11", "TENTACULO_ADMIN_TOKEN": "environment-Secret-of-admin"}
WORDS = (b"- ", b"  ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"<<: *a", b"!!python/object:os.system ", b"!!binary ",
         b"|\n", b"> \n", b"? ", b"---\n", b"...\n", b"%YAML 9.9\n", b"${VX11_TOKEN}", b"${NO_SUCH}", b"${", b"null", b"~",
         b"true", b"yes", b"1e999", b".nan", b"0o17", b"12:30:45", b"2026-01-01", b"name: ", b"token: ", b"path: /*",
         b"upstream: ", b"stream: {}", b"access: ", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xf0\x9f\x90\x99", b"#")  # fmt: skip
ALPHABET = "abc:-[]{}&*!|>'\"%@`#,? \n\t0123.~<=\x00\x85\u2028é🐙"


def good_files() -> list[bytes]:
    """Return what mutations begin with: the files of the project, and those of its tests."""
    files = [file.read_bytes() for file in sorted((PROJECT / "config").glob("*.yaml"))]
    made = [configuration(9), token_configuration(9, stream_route(), stream_route("x", stream="shared: true"))]
    return [*files, *(text.encode() for text in made)]


def secrets_of(files: list[bytes]) -> list[str]:
    """Return pieces of all that is secret in them."""
    known = [*ENVIRON.values(), "Pr1ncipal-token-Of-operator", "0ther-Principal-s-own-token", "Adm1n-token-of-the-test"]
    return [secret[start : start + 9] for secret in known for start in range(len(secret) - 8)]


def check(text: str, secrets: list[str]) -> None:
    """Load a text: settings, or problems that have a place and tell nothing."""
    try:
        load_text(text, source=SOURCE, environ=ENVIRON)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message
            assert not [secret for secret in secrets if secret in str(problem)], str(problem)
            assert "\n" not in str(problem)


def checked(text: str, secrets: list[str]) -> None:
    """Check, and show the text where that fails."""
    try:
        check(text, secrets)
    except Exception as fault:
        raise AssertionError(f"{fault!r} from {text!r}") from fault


def test_mutated_files() -> None:
    """A good file that anything happened to is a ConfigError with places, or settings."""
    files = good_files()
    secrets = secrets_of(files)
    for raw in Mutator(seed=4, words=WORDS).inputs(files, COUNT):
        checked(raw.decode("utf-8", "replace"), secrets)


def test_random_texts() -> None:
    """So is any text at all."""
    chance = random.Random(5)
    for _ in range(RANDOM):
        checked("".join(chance.choices(ALPHABET, k=chance.randrange(1, 60))), [])
