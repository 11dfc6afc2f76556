"""The digests that each principal is found by, gathered from all forms in which tokens are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tentaculo.config.draft import Draft
from tentaculo.config.models import PrincipalSection
from tentaculo.config.problems import Finding, YamlPath, show_path
from tentaculo.config.tokens import digest_of, read_token_file

_FORMS = ("token", "token_sha256", "token_file")


@dataclass(frozen=True, slots=True)
class Digests:
    """By the principal's place in the file; `findings` are tokens that can't be used."""

    by_principal: list[tuple[bytes, ...]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def collect_digests(draft: Draft) -> Digests:
    """Read every token, those in files too."""
    result = Digests()
    first: dict[bytes, YamlPath] = {}
    for index, section in enumerate(draft.file.principals):
        own: list[bytes] = []
        for path, outcome in _principal(draft, section, ("principals", index)):
            if isinstance(outcome, str):
                result.findings.append(Finding(path, outcome))
            elif first.setdefault(outcome, path) != path:
                result.findings.append(
                    Finding(path, f"is the same token as {show_path(draft.document.shorten(first[outcome]))}")
                )
            else:
                own.append(outcome)
        result.by_principal.append(tuple(own))
    return result


def _principal(
    draft: Draft, section: PrincipalSection, path: YamlPath
) -> Iterator[tuple[YamlPath, bytes | str]]:
    given = [form for form in _FORMS if getattr(section, form) is not None]
    if len(given) > 1:
        yield path, "must hold only one of token, token_sha256 and token_file"
    elif not given and all(draft.is_clear(*path, form) for form in _FORMS):
        yield path, "must hold one of token, token_sha256 and token_file"
    for index, token in enumerate(section.token or ()):
        yield (*path, "token", index), digest_of(token.reveal())
    for index, digest in enumerate(section.token_sha256 or ()):
        yield (*path, "token_sha256", index), digest
    for index, name in enumerate(section.token_file or ()):
        try:
            outcome: bytes | str = digest_of(read_token_file(draft.directory / name))
        except ValueError as fault:
            outcome = str(fault)
        yield (*path, "token_file", index), outcome
