"""Thousands of broken configurations: each has a place where it is wrong, or loads, and no secret is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from tentaculo.config.loader import load_text
from tentaculo.config.problems import ConfigError, Problem
from tests.faults.mutations import Mutator
from tests.functional.configuration import configuration
from tests.functional.running import OTHER_TOKEN, TOKEN
from tests.functional.tokens import ADMIN_TOKEN, stream_route, token_configuration

PROJECT = Path(__file__).parents[2]
COUNT = 4000
RANDOM = 20_000
SOURCE = PROJECT / "config" / "tentaculo.yaml"
PART_OF_SECRETS = "q7Zk9vX2"
SECRETS = [f"{word}-{PART_OF_SECRETS}-{word.swapcase()}" for word in ("Ka", "Lu", "Mi", "No")]
ENVIRON = {"VX11_TOKEN": SECRETS[0], "TENTACULO_ADMIN_TOKEN": SECRETS[1]}
WRITTEN = {TOKEN: SECRETS[2], OTHER_TOKEN: SECRETS[3], ADMIN_TOKEN: SECRETS[1]}
WORDS = (
    b"- ",
    b"  ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"!!python/object:os.system ",
    b"!!binary ",
    b"|\n",
    b"> \n",
    b"? ",
    b"---\n",
    b"...\n",
    b"%YAML 9.9\n",
    b"${VX11_TOKEN}",
    b"${NO_SUCH}",
    b"${",
    b"null",
    b"~",
    b"true",
    b"yes",
    b"1e999",
    b".nan",
    b"0o17",
    b"12:30:45",
    b"2026-01-01",
    b"name: ",
    b"token: ",
    b"path: /*",
    b"upstream: ",
    b"stream: {}",
    b"access: ",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x90\x99",
    b"#",
)
ALPHABET = "abc:-[]{}&*!|>'\"%@`#,? \n\t0123.~<=\x00\x85\u2028é🐙"


def good_files() -> list[bytes]:
    """Return what mutations begin with: the files of the project, and those of its tests."""
    files = [file.read_bytes() for file in sorted((PROJECT / "config").glob("*.yaml"))]
    made = [
        configuration(9),
        token_configuration(9, stream_route(), stream_route("x", stream="shared: true")),
    ]
    for token, secret in WRITTEN.items():
        made = [text.replace(token, secret) for text in made]
    return [*files, *(text.encode() for text in made)]


def check(text: str) -> None:
    """Load a text: settings, or problems that have a place and tell nothing."""
    for problem in problems_of(text):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert PART_OF_SECRETS not in str(problem)
        assert "\n" not in str(problem)


def problems_of(text: str) -> Sequence[Problem]:
    """Load a text; its problems, at least one unless it is good."""
    try:
        load_text(text, source=SOURCE, environ=ENVIRON)
    except ConfigError as error:
        return error.problems or [Problem("", 0, 0, "", "")]
    return []


def checked(text: str) -> None:
    """Check, and show the text where that fails."""
    try:
        check(text)
    except Exception as fault:
        raise AssertionError(f"{fault!r} from {text!r}") from fault


def test_mutated_files() -> None:
    """A good file that anything happened to is a ConfigError with places, or settings."""
    for raw in Mutator(seed=4, words=WORDS).inputs(good_files(), COUNT):
        checked(raw.decode("utf-8", "replace"))


def test_random_texts() -> None:
    """So is any text at all."""
    chance = random.Random(5)
    for _ in range(RANDOM):
        checked("".join(chance.choices(ALPHABET, k=chance.randrange(1, 60))))
