"""Takes secrets out of what was collected: known ones by value, others by the names that they go by.

Which way a text is read depends on its kind; what is left is looked at once more for the known ones.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

import yaml

from scripts.forensics.known import MORE_NAMES, NAMES
from tentaculo.telemetry.sanitizing import EventSanitizer
from tentaculo.wire.sanitize import MASK, mask_values

AT_ONCE = 8

# The form of the stack's own secrets, for those of before that nobody knows any more; no digest is so long.
_OWN_FORM = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{48}(?![0-9A-Za-z])")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_ASSIGNED = re.compile(r"([\w.-]+)=(.+)\Z", re.DOTALL)
_PLACES = "volumes"  # names of volumes and paths, where a colon gives no value


class Kind(enum.StrEnum):
    """How a text is read: `figures` are digests, for which names say nothing."""

    TEXT = "text"
    LOG = "log"
    JSON = "json"
    YAML = "yaml"
    FIGURES = "figures"


class Redactor:
    """Redacts texts that may hold any of `secrets`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
        found = sorted(forms, key=len, reverse=True)
        self._secrets = found
        self._batches = [found[at : at + AT_ONCE] for at in range(0, len(found), AT_ONCE)]
        self._events = EventSanitizer(MORE_NAMES)

    def redacted(self, text: str, kind: Kind) -> str:
        """Return a text without its secrets.  Raises ValueError where it is not of its kind."""
        text = _PRIVATE_KEY.sub(MASK, text)
        if kind is Kind.JSON:
            text = json.dumps(self._tree(self._known(json.loads(text))), indent=2, ensure_ascii=False) + "\n"
        elif kind is Kind.YAML:
            text = self._yaml(text)
        else:
            text = "".join(self._line(line, kind) for line in text.splitlines(keepends=True))
        return _OWN_FORM.sub(MASK, text)

    def holds_secret(self, text: str) -> bool:
        """Whether a known secret stands in a text, escaped or not."""
        plain = unquote(text)
        return any(secret in text or secret in plain for secret in self._secrets)

    def value(self, text: str) -> str:
        """Return a text without the known secrets."""
        for batch in self._batches:
            text = mask_values(text, batch)
        return text

    def _line(self, line: str, kind: Kind) -> str:
        text = line.rstrip("\r\n")
        shown = self.value(text)  # first, for what goes by a name may be a part of one
        if kind is Kind.LOG and shown.startswith("{"):
            shown = self._event(shown)
        elif kind is not Kind.FIGURES:
            shown = NAMES.text(shown)
        return shown + line[len(text) :]

    def _event(self, text: str) -> str:
        """Redact a line of a log in JSON as the gateway would its own: by key, and in texts by names."""
        try:
            event = json.loads(text)
        except ValueError:
            return NAMES.text(text)
        event.pop("secrets", None)  # what the sanitizer would take for the values to look for
        return json.dumps(self._events(None, "", self._known(event)), ensure_ascii=False)

    def _yaml(self, text: str) -> str:
        try:
            tree = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ValueError("it is no YAML") from None  # the parser's own words quote the text
        return str(
            yaml.safe_dump(self._tree(self._known(tree)), sort_keys=False, allow_unicode=True, width=110)
        )

    def _known(self, node: Any) -> Any:
        """Return data without known secrets, before names are looked at: these may be a part of one."""
        if isinstance(node, dict):
            return {self._known(name): self._known(part) for name, part in node.items()}
        if isinstance(node, list):
            return [self._known(part) for part in node]
        if isinstance(node, str):
            return "".join(map(self.value, node.splitlines(keepends=True)))
        return MASK if str(node) in self._secrets else node

    def _tree(self, node: Any, key: str = "") -> Any:
        if isinstance(node, dict):
            return {name: self._tree(part, str(name)) for name, part in node.items()}
        if isinstance(node, list):
            return [self._item(part, node[:at], key) for at, part in enumerate(node)]
        if node is None or isinstance(node, bool):
            return node
        if NAMES.is_secret_name(key):
            return MASK
        return _text(node, key) if isinstance(node, str) else node

    def _item(self, part: Any, before: Sequence[Any], key: str) -> Any:
        """Redact an item of a list; what follows an option such as --password is its value."""
        option = before[-1] if before else None
        name = option.lstrip("-") if isinstance(option, str) and option.startswith("-") else ""
        if isinstance(part, str) and NAMES.is_secret_name(name):
            return MASK
        return self._tree(part, key)


def _text(text: str, key: str) -> str:
    assigned = _ASSIGNED.match(text)
    if assigned is not None and NAMES.is_secret_name(assigned[1]):
        return f"{assigned[1]}={MASK}"
    return text if key == _PLACES else "".join(map(NAMES.text, text.splitlines(keepends=True)))
